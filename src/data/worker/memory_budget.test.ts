/** The account of what waits, as several workers see it. */

import { describe, expect, it } from "vitest";
import { createMemoryAccount, MemoryBudget } from "./memory_budget.ts";

const KiB = 1024;
const account = (limitKiB: number, workers: number) => {
  const memory = createMemoryAccount(limitKiB * KiB, workers);
  return { memory, budgets: Array.from({ length: workers }, (_, index) => MemoryBudget.open(memory, index)) };
};

describe("the memory account", () => {
  it("adds up what all workers hold, and each sees the sum", () => {
    const { budgets } = account(1000, 3);
    budgets.forEach((budget, index) => {
      budget.set("queues", (index + 1) * 100 * KiB);
    });
    expect(budgets.map((budget) => budget.held("queues"))).toEqual(Array(3).fill(600 * KiB));
    expect(budgets[0]!.left).toBe(150 * KiB);
    budgets[1]!.set("queues", 0);
    expect(budgets[2]!.left).toBe(350 * KiB);
  });

  it("keeps a quarter for unfinished records, and no more when they do not need it", () => {
    const { budgets } = account(1000, 1);
    const [budget] = budgets;
    budget!.set("queues", 740 * KiB);
    expect([budget!.over, budget!.left]).toEqual([false, 10 * KiB]);
    budget!.set("unfinished", 200 * KiB);
    expect(budget!.over).toBe(false);
    budget!.set("unfinished", 260 * KiB);
    expect([budget!.over, budget!.left]).toEqual([true, 0]);
  });

  it("forgets what a worker held when its replacement opens it", () => {
    const { memory, budgets } = account(1000, 2);
    budgets[0]!.set("queues", 1000 * KiB);
    expect(budgets[1]!.over).toBe(true);
    MemoryBudget.open(memory, 0);
    expect(budgets[1]!.over).toBe(false);
  });

  it("gives each worker an equal part of half of it for unfinished records", () => {
    expect(account(1000, 4).budgets[3]!.unfinishedBytesMax).toBe(125 * KiB);
  });

  it("rounds up, so that many small queues do not hide", () => {
    const { budgets } = account(1000, 1);
    budgets[0]!.set("queues", 1);
    expect(budgets[0]!.held("queues")).toBe(KiB);
  });
});
