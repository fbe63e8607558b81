/** `route`: names the outputs that a record goes to. */

import { Type } from "../typebox.ts";
import { defineRule } from "./rule.ts";

export const route = defineRule({
  type: "route",
  description:
    "Sends a record to the named outputs and to no other; the last route that looks at a record decides. One that no route looks at goes to every output. Outputs' filters hold as well.",
  class: "protect",
  params: Type.Object({
    outputs: Type.Array(Type.String({ minLength: 1 }), {
      uniqueItems: true,
      description:
        "Ids of outputs. An empty list: the record goes nowhere, and is counted for each output as filtered.",
    }),
  }),
  examples: [{ outputs: ["archive"] }, { outputs: ["datadog", "archive"] }, { outputs: [] }],
  refusal: () => undefined,
  outputs: ({ outputs }) => outputs,
  compile({ outputs }, ids = []) {
    const routes = Buffer.alloc(8);
    routes.writeBigUInt64LE(
      outputs.reduce((bits, id) => {
        const output = ids.indexOf(id);
        // The manifest was read: only a plan without outputs, as `pipe` has it, lacks one.
        return output < 0 ? bits : bits | (1n << BigInt(output));
      }, 0n),
    );
    return [{ name: "route", args: [routes] }];
  },
});
