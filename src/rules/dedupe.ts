/** `dedupe`: of records that are alike within a window the first passes; the others become one summary. */

import { Type } from "../typebox.ts";
import { attributePathFault, encodedAttributePaths } from "./attribute_filter.ts";
import { labelOf } from "./label.ts";
import { memoryBytes } from "./memory_bytes.ts";
import { defineRule, protectParam } from "./rule.ts";

const windowSecondsDefault = 60;
const memoryBytesDefault = 8 * 1024 * 1024;
/** Each is found by reading the record once more. */
const fieldsMax = 16;

export const dedupe = defineRule({
  type: "dedupe",
  description:
    "Of records that are alike within a window the first passes. The others are dropped, and told in one summary with their count and times.",
  class: "reduce",
  params: Type.Object({
    window_s: Type.Optional(
      Type.Number({
        minimum: 0.001,
        maximum: 86_400,
        default: windowSecondsDefault,
        description:
          "Seconds from the first record on, by receive time; then comes the summary, and the next record passes.",
      }),
    ),
    mask: Type.Optional(
      Type.Boolean({
        default: false,
        description:
          "Numbers, hex numbers, UUIDs and timestamps do not count: records that differ in nothing else are alike.",
      }),
    ),
    fields: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        minItems: 1,
        maxItems: fieldsMax,
        description:
          "Attributes of JSON records by which they are alike, found as attribute_filter finds them, or fields of syslog such as syslog.app; one that begins with / is an exact place. Records that have none of them pass. Absent: the whole record.",
      }),
    ),
    memory_bytes: memoryBytes(memoryBytesDefault, "record"),
    protect: protectParam,
  }),
  examples: [
    { window_s: 10 },
    { mask: true },
    { fields: ["service.name", "message"], window_s: 300, memory_bytes: 33554432 },
  ],
  refusal({ fields = [] }) {
    for (const [index, field] of fields.entries()) {
      const what = attributePathFault(...placeOf(field));
      if (what !== undefined) return { code: "SG_RULE_PARAMS", param: `fields[${index}]`, what };
    }
    return undefined;
  },
  memory: ({ protect: _, ...params }) => params,
  compile(
    { window_s = windowSecondsDefault, mask = false, fields = [], memory_bytes = memoryBytesDefault },
    _,
    id = "",
  ) {
    const head = Buffer.alloc(17);
    head.writeDoubleLE(window_s * 1000, 0);
    head.writeDoubleLE(memory_bytes, 8);
    head[16] = mask ? 1 : 0;
    return [{ name: "dedupe", args: [head, labelOf(id), ...fields.map(placesOf)] }];
  },
});

/** A field as the name of an attribute, or as a path. */
function placeOf(field: string): [attribute: string | undefined, path: string | undefined] {
  return field.startsWith("/") ? [undefined, field] : [field, undefined];
}

/** Each place as its length in bytes (u32, little-endian) and its path. */
function placesOf(field: string): Uint8Array {
  return Buffer.concat(
    encodedAttributePaths(...placeOf(field)).flatMap((path) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(path.length);
      return [length, path];
    }),
  );
}
