/** What the log hears of records that were withheld. */

import { describe, expect, it } from "vitest";
import { forwardLog } from "../../telemetry/log.ts";
import { countCell, countCellsFixed, countCellsPerRule, ruleCell } from "../engine/layout.ts";
import { QuarantineWatch } from "./watch.ts";

describe("the quarantine's watch", () => {
  it("names the rule, the cause and the number once, not for every record", () => {
    const lines: object[] = [];
    const watch = new QuarantineWatch(forwardLog((_level, fields) => lines.push(fields)));
    const counts = new Float64Array(countCellsFixed + 2 * countCellsPerRule);
    watch.use(
      [
        { id: "a", type: "redact", class: "protect" },
        { id: "b", type: "redact", class: "protect" },
      ],
      counts,
    );
    watch.look();
    expect(lines).toEqual([]);
    for (let record = 0; record < 3; record++) {
      counts[countCell.quarantinedMatchLimitRecords]!++;
      counts[countCellsFixed + countCellsPerRule + ruleCell.quarantinedRecords]!++;
      watch.look();
    }
    expect(lines).toEqual([{ rule: "b", cause: "match_limit", records: 1 }]);
  });
});
