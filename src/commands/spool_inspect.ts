/** `streamgate spool inspect OUTPUT [LANE]`: every group and every damage, where it lies. Never a record's content. Reads only. */

import { inspectLane, reasonIn } from "../data/delivery/spool/inspect.ts";
import { lanesOf, type SpoolTarget } from "./spool_target.ts";
import { endQuietly, write } from "./standard_output.ts";
import { timeText } from "./table.ts";

/** @returns exit status 0 */
export async function command({ json, ...target }: SpoolTarget & { readonly json: boolean }): Promise<number> {
  return endQuietly(async () => {
    for (const { output, lane, directory } of await lanesOf(target))
      for await (const found of inspectLane(directory)) {
        const { segment, offset } = found;
        const place = { output, lane, segment, offset };
        if (found.kind === "damage") {
          const { bytes, what } = found;
          if (json) await write(`${JSON.stringify({ ...place, damage: what, bytes })}\n`);
          else await write(`${output}/${lane} ${segment} ${offset}: ${bytes} bytes of ${what} damaged\n`);
          continue;
        }
        const { header, done } = found;
        const reason = header.reasonBytes === 0 ? "" : reasonIn(await found.bytes(), header);
        const group = {
          sequence: Number(header.firstSequence),
          records: header.records,
          bytes: header.recordBytes,
          epoch: header.epoch.toString(16).padStart(8, "0"),
          time: timeText(header.timeMs),
          done,
          ...(reason === "" ? {} : { reason }),
        };
        if (json) await write(`${JSON.stringify({ ...place, ...group })}\n`);
        else
          await write(
            `${output}/${lane} ${segment} ${offset}: ${group.time} from ${group.sequence}, ${group.records} records, ` +
              `${group.bytes} bytes, epoch ${group.epoch}${done ? ", done" : ""}${reason === "" ? "" : `: ${oneLine(reason)}`}\n`,
          );
      }
  });
}

function oneLine(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f]+/g, " ");
}
