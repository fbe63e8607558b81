/** When rules are skipped and when not, with a clock, a load and an engine that the test decides. */

import { beforeEach, describe, expect, it } from "vitest";
import { readRules } from "../../manifest/manifest.ts";
import { compilePlan } from "../../plan/compile.ts";
import type { Plan } from "../../plan/operations.ts";
import { forwardLog } from "../../telemetry/log.ts";
import type { PreparedPlan } from "../engine/engine.ts";
import { countCell, countCellsFixed } from "../engine/layout.ts";
import { Overload } from "./overload.ts";

const rules = [
  { id: "json", type: "attribute_filter", params: { attribute: "service.name", operator: "equals", value: "test" } },
  { id: "classes", type: "filter", params: { pattern: "\\d+[a-z]+" } },
  { id: "text", type: "filter", params: { value: "DEBUG" } },
  { id: "mask", type: "redact", params: { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement: "" } },
];
const planOf = (given: unknown[]) => compilePlan(readRules(given, () => ({ ok: true, groups: 0 })).rules);
const ids = (plan: Plan) => [...new Set(plan.operations.map(({ rule }) => plan.rules[rule]!.id))];

class FakePlan implements PreparedPlan {
  readonly plan: Plan;
  closed = false;
  constructor(plan: Plan) {
    this.plan = plan;
  }
  close(): void {
    this.closed = true;
  }
}

let prepared: FakePlan[];
let running: PreparedPlan;
let said: string[];
let counts: Float64Array;
let nowMs: number;

beforeEach(() => {
  prepared = [];
  said = [];
  counts = new Float64Array(countCellsFixed);
  nowMs = 1000;
});

function start(given: unknown[] = rules, mode: "bypass" | "backpressure" = "bypass"): Overload {
  const overload = new Overload({
    mode,
    prepare: (plan) => {
      const made = new FakePlan(plan);
      prepared.push(made);
      return made;
    },
    use: (plan, to) => {
      expect(to).toBe(counts);
      running = plan;
    },
    log: forwardLog((_level, fields, message) => said.push(`${message} ${JSON.stringify(fields)}`)),
  });
  running = new FakePlan(planOf(given));
  overload.reset(running, counts);
  overload.look(nowMs, 0);
  return overload;
}

/** A window in which the engine worked for a share of the time and the ring was so full. */
function window(overload: Overload, engineShare: number, ringShare: number, blocked = false): void {
  overload.ran(500 * engineShare);
  nowMs += 499;
  if (blocked) overload.outputsBlocked();
  overload.look(nowMs, ringShare);
  nowMs += 1;
  overload.look(nowMs, ringShare);
}

describe("overload", () => {
  it("opens when engine and ring are both over their share for a window, and skips more while that lasts", () => {
    const overload = start();
    window(overload, 0.95, 0.85);
    expect([overload.state.level, ids(running.plan)]).toEqual([1, ["classes", "text", "mask"]]);
    expect(overload.state.skipped).toEqual(["json"]);
    window(overload, 0.95, 0.85);
    expect([overload.state.level, ids(running.plan)]).toEqual([2, ["text", "mask"]]);
    window(overload, 1, 1);
    window(overload, 1, 1);
    expect([overload.state.level, ids(running.plan)]).toEqual([3, ["mask"]]);
    expect([overload.state.skipped, overload.state.entered]).toEqual([["json", "classes", "text"], 1]);
    expect(prepared.length).toBe(3);
  });

  it.each([
    ["the engine has time left", 0.9, 1, false],
    ["the ring has room", 1, 0.8, false],
    ["an output makes records wait", 1, 1, true],
  ])("stays closed while %s", (_why, engine, ring, blocked) => {
    const overload = start();
    for (let i = 0; i < 5; i++) window(overload, engine, ring, blocked);
    expect([overload.state.active, overload.state.entered, prepared]).toEqual([false, 0, []]);
  });

  it("stays closed with OVERLOAD=backpressure, and when every rule protects", () => {
    for (const overload of [start(rules, "backpressure"), start([rules[3]])]) {
      for (let i = 0; i < 5; i++) window(overload, 1, 1);
      expect(overload.state).toMatchObject({ active: false, entered: 0, skipped: [] });
    }
  });

  it("judges a window, not a moment", () => {
    const overload = start();
    overload.ran(100);
    nowMs += 100;
    overload.look(nowMs, 1);
    expect(overload.active).toBe(false);
  });

  it("stays as it is between the two shares, and goes back level by level below them", () => {
    const overload = start();
    window(overload, 1, 1);
    window(overload, 1, 1);
    for (let i = 0; i < 3; i++) window(overload, 0.8, 0.6);
    expect(overload.state.level).toBe(2);
    window(overload, 0.6, 0.9);
    expect(overload.state.level).toBe(1);
    window(overload, 0.95, 0.4);
    expect([overload.state.level, ids(running.plan)]).toEqual([0, ["json", "classes", "text", "mask"]]);
    expect(prepared.length).toBe(2);
  });

  it("ends at once when an output makes records wait", () => {
    const overload = start();
    window(overload, 1, 1);
    window(overload, 1, 1);
    overload.outputsBlocked();
    expect([overload.active, overload.ends]).toEqual([true, true]);
    overload.look(nowMs + 1, 1);
    expect([overload.active, ids(running.plan)]).toEqual([false, ["json", "classes", "text", "mask"]]);
  });

  it("counts what passes while it is open, and nothing else", () => {
    const overload = start();
    const pass = (records: number) => {
      counts[countCell.passedRecords]! += records;
      counts[countCell.passedBytes]! += 10 * records;
    };
    pass(5);
    window(overload, 1, 1);
    pass(7);
    expect(overload.state.bypassed).toEqual({ records: 7, bytes: 70 });
    window(overload, 1, 1);
    pass(1);
    window(overload, 0, 0);
    window(overload, 0, 0);
    pass(100);
    expect(overload.state.bypassed).toEqual({ records: 8, bytes: 80 });
    window(overload, 1, 1);
    pass(2);
    const cells = new Float64Array(4);
    overload.write(cells, { entered: 0, records: 1, bytes: 2, active: 3 });
    expect([...cells]).toEqual([2, 10, 100, 1]);
  });

  it("ends with a reload, which frees its plans; what was counted stays, and the new rules can be skipped in turn", () => {
    const overload = start();
    window(overload, 1, 1);
    counts[countCell.passedRecords] = 3;
    counts = new Float64Array(countCellsFixed);
    running = new FakePlan(planOf([{ id: "other", type: "filter", params: { value: "x" } }]));
    overload.reset(running, counts);
    expect([overload.state.active, overload.state.bypassed.records, prepared[0]!.closed]).toEqual([false, 3, true]);
    window(overload, 1, 1);
    expect(overload.state).toMatchObject({ level: 1, skipped: ["other"], entered: 2 });
  });

  it("says in the log which rules it skips, and when all of them run again", () => {
    const overload = start();
    window(overload, 1, 1);
    window(overload, 0, 0);
    expect(said).toEqual([expect.stringMatching(/^overload: .*"skipped":"json"/), expect.stringMatching(/over/)]);
  });

  it("lets senders wait when a plan cannot be prepared", () => {
    const overload = new Overload({
      mode: "bypass",
      prepare: () => {
        throw new Error("no memory");
      },
      use: () => expect.unreachable(),
      log: forwardLog((_level, _fields, message) => said.push(message)),
    });
    overload.reset(new FakePlan(planOf(rules)), counts);
    overload.look(nowMs, 0);
    for (let i = 0; i < 3; i++) window(overload, 1, 1);
    expect([overload.active, said]).toEqual([false, ["rules cannot be skipped under overload: no memory"]]);
  });
});
