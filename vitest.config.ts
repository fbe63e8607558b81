/**
 * Two projects: `unit` runs in process; `process` starts the built program, real Redis and real senders. Three files at a time in both, of which one mostly waits: no test
 * asserts a time, and what a test waits for comes on a loaded machine, too.
 *
 * Files share a worker's modules (`isolate: false`): loading them anew for each file took more than most files' tests. So a test file that
 * changes what is global (variables of the environment, mocks) puts it back.
 */
import { join } from "node:path";
import { defineConfig } from "vitest/config";

// Node keeps there what it has compiled and stripped of types: worker threads that tests start from src/, and gates from dist/, begin with
// a third less of the processor. Whoever runs tests below inherits it.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, ".cache", "compile");

export default defineConfig({
  test: {
    maxWorkers: 3,
    isolate: false,
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
