/**
 * The same edits over REST and over gRPC leave the same draft and publish the same manifests.
 *
 *     FUZZ_SEED=… npx vitest run src/control/grpc/parity.test.ts
 */

import { afterEach, describe, expect, it } from "vitest";
import type { GrpcClient } from "../../../test/fixtures/grpc_client.ts";
import { GrpcControl } from "../../../test/fixtures/grpc_control.ts";
import { Choices } from "../../../test/fixtures/random.ts";
import { outputTypes } from "../../outputs/index.ts";
import { ruleTypes } from "../../rules/index.ts";

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
const editsMax = 200;

const rules = [...ruleTypes.values()].flatMap(({ type, examples }) => examples.map((params) => ({ type, params })));
const outputs = [...outputTypes.values()].flatMap(({ type, examples }) =>
  (examples as readonly object[]).map((fields) => ({ type, ...fields })),
);
const ids = ["a", "b", "c", "d e", "é/ü", "..", ""];

interface Edit {
  /** REST: method, path, body. */
  readonly rest: readonly [method: string, path: string, body?: string];
  /** gRPC: call, message. */
  readonly grpc: readonly [name: string, message: object];
}

/** Edits of which some are right and some are not. */
class Edits extends Choices {
  next(): Edit {
    const id = this.one(ids);
    const path = encodeURIComponent(id);
    // Empty is not sent over gRPC.
    const before = this.below(3) === 0 ? this.one(ids) || undefined : undefined;
    const rule_json = this.#text({ ...(this.below(4) > 0 && { id }), ...this.one(rules), ...this.#unknown() });
    const output_json = this.#text({ ...(this.below(4) > 0 && { id }), ...this.one(outputs), ...this.#unknown() });
    switch (this.below(9)) {
      case 0:
        return { rest: ["PUT", `/rules/${path}`, rule_json], grpc: ["ReplaceRule", { id, rule_json }] };
      case 1:
        return { rest: ["DELETE", `/rules/${path}`], grpc: ["RemoveRule", { id }] };
      case 2:
        return { rest: ["PUT", `/outputs/${path}`, output_json], grpc: ["ReplaceOutput", { id, output_json }] };
      case 3:
        return { rest: ["DELETE", `/outputs/${path}`], grpc: ["RemoveOutput", { id }] };
      case 4:
        return { rest: ["POST", "/publish"], grpc: ["Publish", {}] };
      case 5:
      case 6:
        return { rest: ["POST", "/outputs", output_json], grpc: ["AddOutput", { output_json }] };
      default:
        return {
          rest: ["POST", before === undefined ? "/rules" : `/rules?before=${encodeURIComponent(before)}`, rule_json],
          grpc: ["AddRule", { rule_json, ...(before !== undefined && { before }) }],
        };
    }
  }

  /** Numbers, deep values and keys of every kind: what a typed message would change. */
  #unknown(): object {
    const value = () =>
      this.one<unknown>([1, 1e21, 0.1, 2 ** 53, -0, true, [], {}, { z: 1, a: [null, "é\u2028"] }, "x"]);
    if (this.below(3) > 0) return {};
    return Object.fromEntries(this.many(3, () => [this.one(["note", "9", "1", "__proto__", "ü"]), value()]));
  }

  #text(value: object): string {
    const text = JSON.stringify(value, null, this.below(3));
    return this.below(12) === 0 ? text.slice(0, this.below(text.length)) : text;
  }
}

let gates: GrpcControl[] = [];
afterEach(async () => {
  for (const gate of gates) await gate.close();
  gates = [];
});

describe("REST and gRPC", () => {
  it(`do the same with ${editsMax} random edits (FUZZ_SEED=${seed})`, async () => {
    const rest = await GrpcControl.start();
    const grpc = await GrpcControl.start();
    gates = [rest, grpc];
    const client = await grpc.client();
    const edits = new Edits(seed);
    const counts = { done: 0, refused: 0 };
    for (let i = 0; i < editsMax; i++) {
      const edit = edits.next();
      // In a path these two ids lead elsewhere.
      if (/\/(\.\.)?$/.test(edit.rest[1])) continue;
      const [one, other] = [await overRest(rest, edit), await overGrpc(client, edit)];
      expect(other, `FUZZ_SEED=${seed}, edit ${i}: ${JSON.stringify(edit)}`).toEqual(one);
      counts[one.code === "OK" ? "done" : "refused"]++;
    }
    for (const path of ["/rules", "/outputs"])
      expect((await grpc.control.call("GET", path)).body).toBe((await rest.control.call("GET", path)).body);
    const contents = (gate: GrpcControl) => gate.control.published.map(({ timestamp: _, ...content }) => content);
    expect(JSON.stringify(contents(grpc))).toBe(JSON.stringify(contents(rest)));
    expect(counts.done).toBeGreaterThan(20);
    expect(counts.refused).toBeGreaterThan(20);
  });
});

async function overRest(gate: GrpcControl, { rest: [method, path, body] }: Edit) {
  const headers = { "content-type": "application/json" };
  const { status, body: text } = await gate.control.call(method, path, {
    ...(body !== undefined && { headers, body }),
  });
  if (status === 200) return { code: "OK" };
  const { error } = JSON.parse(text);
  const codes: Record<number, string> = { 400: "ALREADY_EXISTS", 404: "NOT_FOUND", 422: "INVALID_ARGUMENT" };
  const code = error.code === "SG_OUTPUT_COUNT" ? "FAILED_PRECONDITION" : codes[status];
  return { code, reason: error.code };
}

async function overGrpc(client: GrpcClient, { grpc: [name, message] }: Edit) {
  try {
    await client.call(name, message);
    return { code: "OK" };
  } catch (error) {
    const { code, info } = (error as { refusal: { code: string; info: { reason: string } } }).refusal;
    return { code, reason: info.reason };
  }
}
