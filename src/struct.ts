/**
 * Describes fixed memory layouts that TypeScript and C++ both read: a name, and fields in order, each with a type.
 *
 * Offsets follow from the types by C's rules (each field aligned to its own size), so `scripts/generate.mjs` can write the
 * same struct as a C++ header with `static_assert`s on every offset. All integers are little-endian.
 */

const sizes = { u8: 1, u16: 2, u32: 4, i32: 4, u64: 8, f64: 8 } as const;

export type FieldType = keyof typeof sizes;
/** A field: its type, an optional element count for arrays, an optional forced offset (a cache line's start), and why. */
export interface Field {
  readonly type: FieldType;
  readonly count?: number;
  readonly at?: number;
  readonly doc: string;
}

export interface Struct<F extends Record<string, Field> = Record<string, Field>> {
  readonly name: string;
  readonly doc: string;
  readonly fields: F;
  /** Byte offset of each field from the struct's start. */
  readonly offsets: { readonly [K in keyof F]: number };
  /** Size in bytes, padded as declared. */
  readonly bytes: number;
}

/**
 * Lays out a struct.
 * @param bytes the size the struct must have; larger than its fields need means reserved space at the end
 * @throws Error when a forced offset overlaps the field before it, is unaligned, or the fields exceed `bytes`
 */
export function struct<const F extends Record<string, Field>>(
  name: string,
  doc: string,
  bytes: number,
  fields: F,
): Struct<F> {
  const offsets: Record<string, number> = {};
  let end = 0;
  for (const [field, { type, count = 1, at }] of Object.entries<Field>(fields)) {
    const size = sizes[type];
    const offset = at ?? Math.ceil(end / size) * size;
    if (offset < end || offset % size !== 0)
      throw new Error(`${name}.${field}: offset ${offset} overlaps or is unaligned`);
    offsets[field] = offset;
    end = offset + size * count;
  }
  if (end > bytes) throw new Error(`${name}: fields end at ${end}, beyond its ${bytes} bytes`);
  return { name, doc, fields, offsets: offsets as { readonly [K in keyof F]: number }, bytes };
}

/** Size in bytes of one element of a field's type. */
export function fieldBytes(type: FieldType): number {
  return sizes[type];
}
