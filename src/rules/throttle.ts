/** `throttle`: so many records or bytes a second pass, of all or of each key; the others become summaries. */

import { throttleKey, throttleTokensMax } from "../plan/operations.ts";
import { type Static, Type } from "../typebox.ts";
import { attributePathFault, encodedAttributePaths } from "./attribute_filter.ts";
import { labelOf } from "./label.ts";
import { memoryBytes } from "./memory_bytes.ts";
import { defineRule, protectParam } from "./rule.ts";
import { severityLimit, severityLimitCode } from "./severity_limit.ts";

const windowSecondsDefault = 10;
const memoryBytesDefault = 4 * 1024 * 1024;
/** Engines count millionths, so a rate of one in a thousand seconds is a whole number of them a millisecond. */
const millionths = 1_000_000;
const perSecond = { minimum: 0.001, maximum: throttleTokensMax } as const;

const params = Type.Object({
  records_per_s: Type.Optional(Type.Number({ ...perSecond, description: "Records that pass a second, of each key." })),
  bytes_per_s: Type.Optional(
    Type.Number({ ...perSecond, description: "Bytes that pass a second, of each key, instead." }),
  ),
  burst: Type.Optional(
    Type.Number({
      minimum: 1,
      maximum: throttleTokensMax,
      description:
        "Records, or bytes, that may pass at once after a pause. Absent: those of one second, and at least 1.",
    }),
  ),
  key: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        "Attribute such as service.name, found as attribute_filter finds it, or a field of syslog such as syslog.host: each of its values has a rate of its own. Records without it share one.",
    }),
  ),
  path: Type.Optional(
    Type.String({
      minLength: 1,
      description: "Exact place of the key instead: keys from the top, separated by /, such as kubernetes/pod_name.",
    }),
  ),
  by: Type.Optional(
    Type.Union([Type.Literal("all"), Type.Literal("source")], {
      default: "all",
      description: "Without `key` and `path`: all records share one rate, or each source address has one.",
    }),
  ),
  exempt: severityLimit("ERROR", "Records of this severity or worse pass, and do not count"),
  window_s: Type.Optional(
    Type.Number({
      minimum: 0.001,
      maximum: 86_400,
      default: windowSecondsDefault,
      description: "Seconds from the first record of a key that was dropped until they are told in a summary.",
    }),
  ),
  memory_bytes: memoryBytes(memoryBytesDefault, "key"),
  protect: protectParam,
});

export const throttle = defineRule({
  type: "throttle",
  description:
    "Lets so many records or bytes a second pass, of all or of each key. The others are dropped, and told in summaries. ERROR and worse always pass.",
  class: "reduce",
  params,
  examples: [
    { records_per_s: 1000 },
    { records_per_s: 100, burst: 500, key: "service.name" },
    { bytes_per_s: 1000000, by: "source", exempt: "none" },
  ],
  refusal({ records_per_s, bytes_per_s, key, path, by }) {
    if ((records_per_s === undefined) === (bytes_per_s === undefined)) {
      return {
        code: "SG_RULE_PARAMS",
        what: `${records_per_s === undefined ? "needs" : "has both"} \`records_per_s\` ${records_per_s === undefined ? "or" : "and"} \`bytes_per_s\``,
        fix: 'give one of them, such as {"records_per_s":1000}',
      };
    }
    if ([key, path, by].filter((one) => one !== undefined).length > 1) {
      return { code: "SG_RULE_PARAMS", what: "has more than one of `key`, `path` and `by`", fix: "give one of them" };
    }
    const what = key === undefined && path === undefined ? undefined : attributePathFault(key, path);
    if (what !== undefined) return { code: "SG_RULE_PARAMS", param: key === undefined ? "path" : "key", what };
    return undefined;
  },
  // `exempt` is asked of each record anew; with the rest, buckets would be of another size or of other keys.
  memory: ({ protect: _, exempt: __, ...rest }) => rest,
  compile(given, _, id = "") {
    const { records_per_s, bytes_per_s, key, path, by = "all", memory_bytes = memoryBytesDefault } = given;
    const { burst = Math.max(1, records_per_s ?? bytes_per_s!), window_s = windowSecondsDefault } = given;
    const attribute = key !== undefined || path !== undefined;
    const head = Buffer.alloc(35);
    head.writeDoubleLE(window_s * 1000, 0);
    head.writeDoubleLE(memory_bytes, 8);
    head.writeDoubleLE(Math.round(((records_per_s ?? bytes_per_s!) * millionths) / 1000), 16);
    head.writeDoubleLE(Math.round(burst * millionths), 24);
    head[32] = attribute ? throttleKey.attribute : throttleKey[by];
    head[33] = bytes_per_s === undefined ? 0 : 1;
    head[34] = exemptOf(given);
    return [{ name: "throttle", args: [head, labelOf(id), ...(attribute ? encodedAttributePaths(key, path) : [])] }];
  },
});

function exemptOf({ exempt = "ERROR" }: Static<typeof params>): number {
  return severityLimitCode(exempt);
}
