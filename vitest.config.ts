/**
 * Two projects: `unit` runs in process; `process` starts the built program, real Redis and real senders. Three files at a time in both, of which one mostly waits: no test
 * asserts a time, and what a test waits for comes on a loaded machine, too.
 */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    maxWorkers: 3,
    projects: [
      {
        test: {
          name: "unit",
          include: ["src/**/*.test.ts", "bench/**/*.test.ts", "test/conformance/**/*.test.ts", "test/tidy.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: "process",
          include: ["test/{e2e,faults,promises}/**/*.test.ts"],
          testTimeout: 90_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
