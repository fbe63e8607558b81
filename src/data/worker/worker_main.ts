/** The entry of a worker thread: takes requests from the main thread one after the other and answers each. */

import { parentPort, workerData } from "node:worker_threads";
import { StreamGateError } from "../../errors.ts";
import { forwardLog } from "../../telemetry/log.ts";
import { selectEngine } from "../engine/select.ts";
import type { Failure, FromWorker, Numbered, WorkerStart } from "./messages.ts";
import { WorkerPlane } from "./worker_plane.ts";

const port = parentPort!;
const say = (message: FromWorker) => port.postMessage(message);
const start = workerData as WorkerStart;
const log = forwardLog((level, fields, message) =>
  say({ kind: "log", level, fields: { worker: start.index, ...fields }, message }),
);

const { kind } = await selectEngine(start.engine);
const plane = new WorkerPlane(start, kind, log);

port.on("message", ({ number, request }: Numbered) => {
  plane.answer(request).then(
    (answer) => say({ kind: "answer", number, answer }),
    (error: unknown) => say({ kind: "failure", number, failure: failureOf(error) }),
  );
});
say({ kind: "ready" });

function failureOf(error: unknown): Failure {
  if (error instanceof StreamGateError)
    return { code: error.code, where: error.where, what: error.what, fix: error.fix };
  return { code: undefined, where: undefined, what: (error as Error).message, fix: undefined };
}
