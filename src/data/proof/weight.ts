/**
 * What sampled records stand for. The rule `sample` writes on each that it keeps how many there were (docs/reducing.md): whoever counts adds
 * these up instead of counting ones. Where it stands: `"sample_rate":10` in JSON, `[sample@32473 rate="10"]` in the structured data of RFC
 * 5424, ` sample_rate=10` behind any other text.
 */

interface Form {
  readonly key: Buffer;
  /** What follows the key, from its first byte on. */
  readonly value: RegExp;
}

const number = "(\\d{1,15}(?:\\.\\d{1,6})?)";
const forms: readonly Form[] = [
  { key: Buffer.from('"sample_rate"'), value: new RegExp(`^\\s*:\\s*${number}[\\s,}]`) },
  { key: Buffer.from("[sample@32473 "), value: new RegExp(`^rate="${number}"`) },
  { key: Buffer.from(" sample_rate="), value: new RegExp(`^${number}\\s`) },
];
/** A number, and what stands between it and its key. */
const valueBytesMax = 32;

/**
 * @param records each followed by LF
 * @returns records that they stand for beyond themselves: 0 where none was sampled
 */
export function extraWeight(records: Buffer): number {
  return forms.reduce((sum, form) => sum + extraOf(records, form), 0);
}

function extraOf(records: Buffer, { key, value }: Form): number {
  let extra = 0;
  let counted = -1;
  for (let at = records.indexOf(key); at !== -1; at = records.indexOf(key, at + key.length)) {
    // One weight a record: its text may speak of sampling, too.
    if (at < counted) continue;
    const [, weight] = value.exec(records.toString("latin1", at + key.length, at + key.length + valueBytesMax)) ?? [];
    if (weight === undefined || Number(weight) < 1) continue;
    extra += Number(weight) - 1;
    const end = records.indexOf(0x0a, at);
    counted = end === -1 ? records.length : end;
  }
  return extra;
}
