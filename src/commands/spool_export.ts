/**
 * `streamgate spool export OUTPUT [LANE]` and `streamgate dead-letter export OUTPUT [LANE]`: the records on standard output, one after the
 * other, each followed by LF. They are as they would be sent: a record may hold anything, LF included; `--json` says where each ends.
 */

import { inspectLane, reasonIn, recordsIn } from "../data/delivery/spool/inspect.ts";
import { lanesOf, type SpoolTarget } from "./spool_target.ts";
import { endQuietly, write } from "./standard_output.ts";
import { timeText } from "./table.ts";

const lf = Buffer.from("\n");

/**
 * What the cursor has passed is left out: it was delivered.
 * @returns exit status 0
 */
export async function command({ json, ...target }: SpoolTarget & { readonly json: boolean }): Promise<number> {
  return endQuietly(async () => {
    for (const { output, lane, directory } of await lanesOf(target))
      for await (const found of inspectLane(directory)) {
        if (found.kind === "damage") {
          if (found.what !== "unfinished")
            process.stderr.write(
              `streamgate: ${output}/${lane} ${found.segment} ${found.offset}: ${found.bytes} bytes of ${found.what} damaged, skipped\n`,
            );
          continue;
        }
        if (found.done) continue;
        const bytes = await found.bytes();
        const { header } = found;
        if (!json) {
          await write(Buffer.concat([...recordsIn(bytes, header)].flatMap((record) => [record, lf])));
          continue;
        }
        let sequence = Number(header.firstSequence);
        const reason = header.reasonBytes === 0 ? {} : { reason: reasonIn(bytes, header) };
        const time = timeText(header.timeMs);
        let lines = "";
        for (const record of recordsIn(bytes, header))
          lines += `${JSON.stringify({ output, lane, sequence: sequence++, time, ...reason, record: record.toString("utf8") })}\n`;
        await write(lines);
      }
  });
}
