/** `streamgate status`: what runs, and what became of the records. What its numbers mean: docs/status.md. */

import { isRecord } from "../schema.ts";
import type { Connection } from "./client/connection.ts";
import { paint, visible } from "./client/terminal.ts";
import { say, warn, writeJson } from "./client/written.ts";
import { print } from "./print.ts";
import { bytes, number, table } from "./table.ts";

type Fields = Readonly<Record<string, unknown>>;

/** @returns exit status 0 */
export async function command(connection: Connection, { json }: { readonly json: boolean }): Promise<number> {
  const { body } = await connection.call<Fields>("GET", "/status");
  if (json) writeJson(body);
  else tell(body);
  return 0;
}

function tell(status: Fields): void {
  const version = status.version ?? null;
  // A data plane whose control plane has published nothing runs a manifest of version 0; one that waits for a first one runs none.
  const running =
    version === null
      ? "no manifest yet, so nothing listens for records"
      : version === "0"
        ? "nothing is published yet, records pass to the console"
        : `version ${version} runs`;
  say(
    [
      paint("bold", running),
      text(status.engine),
      counted(status.workers, "worker"),
      counted(status.connections, "connection"),
    ]
      .filter((one) => one !== "")
      .join(" · "),
  );
  tellTrouble(status);
  const dropped = sum(fields(status.dropped));
  say(
    [
      `received ${amountText(status.received)}`,
      `passed ${amountText(status.passed)}`,
      `dropped ${amountText(dropped)}`,
      ...(amountOf(status.in_ring).records > 0 ? [`waiting for the rules ${amountText(status.in_ring)}`] : []),
    ].join(", "),
  );
  tellRules(status);
  tellOutputs(fields(status.outputs));
}

/** What somebody who was woken wants to see first. */
function tellTrouble(status: Fields): void {
  const {
    config,
    reload,
    revert,
    not_ready: notReady,
    overload,
    quarantined,
    lost,
    imbalance,
    rule_flags: flags,
  } = status;
  if (isRecord(reload) && reload.result === "refused") warn(`${text(reload.says)}: ${text(reload.why)}`);
  const { file, refused } = fields(config);
  if (refused !== undefined)
    warn(`the configuration file ${text(file)} is refused, what ran before runs on: ${text(fields(refused).error)}`);
  tellRevert(fields(revert));
  if (Array.isArray(notReady)) warn(`not ready: ${list(notReady)}`);
  if (isRecord(overload) && overload.active === true)
    warn(`overload: rules that only reduce are skipped: ${list(overload.skipped)}`);
  for (const [cause, one] of Object.entries(fields(lost)))
    if (amountOf(one).records + amountOf(one).bytes > 0) warn(`lost before the rules, ${cause}: ${amountText(one)}`);
  for (const [cause, one] of Object.entries(fields(quarantined)))
    if (amountOf(one).records > 0) warn(`in quarantine, ${cause}: ${amountText(one)}`);
  for (const [rule, told] of Object.entries(fields(flags))) warn(`rule ${JSON.stringify(rule)}: ${list(told)}`);
  for (const [id, one] of Object.entries(fields(status.outputs))) {
    const { breaker, last_error: error, spool_error: spoolError, lost: lostThere } = fields(one);
    if (breaker !== undefined && breaker !== "closed") warn(`output ${id}: breaker ${breaker}, ${text(error)}`);
    if (typeof spoolError === "string") warn(`output ${id}: its spool ${spoolError}`);
    const gone = sum(fields(lostThere));
    if (gone.records > 0)
      warn(`output ${id} has lost ${amountText(gone)} (${Object.keys(fields(lostThere)).join(", ")})`);
  }
  if (amount(imbalance) !== 0) warn(`the account is off by ${imbalance}, which is a bug if it stays`);
}

/** What the data plane has done, or would have, by itself: docs/versions.md. */
function tellRevert({ reverted, last_alert: alert }: Fields): void {
  if (isRecord(reverted))
    warn(
      `went back by itself from version ${text(reverted.version)} to the reduce rules${reverted.outputs === true ? " and outputs" : ""} of version ${text(reverted.to)}: ${text(reverted.why)}`,
    );
  else if (isRecord(alert)) warn(`version ${text(alert.version)}: ${text(alert.what)}`);
}

function tellRules(status: Fields): void {
  const [dropped, redacted] = [fields(status.dropped), fields(status.redacted)];
  const acted = Object.keys({ ...dropped, ...redacted }).filter(
    (id) => amountOf(dropped[id]).records > 0 || redacted[id] !== undefined,
  );
  if (acted.length === 0) return;
  say("");
  print(
    table([
      ["rule", "dropped", "bytes", "changed"],
      ...acted.map((id) => {
        const gone = amountOf(dropped[id]);
        return [visible(id), number(gone.records), bytes(gone.bytes), number(amountOf(redacted[id]).records)];
      }),
    ]),
  );
}

function tellOutputs(outputs: Fields): void {
  const rows = Object.entries(outputs).map(([id, one]) => {
    const { routed, delivered, queued, spooled, dead_lettered: dead, lost, breaker } = fields(one);
    return [
      visible(id),
      number(amountOf(routed).records),
      number(amountOf(delivered).records),
      number(amountOf(queued).records),
      number(amountOf(spooled).records),
      number(amountOf(dead).records),
      number(sum(fields(lost)).records),
      typeof breaker === "string" ? breaker : "-",
    ];
  });
  if (rows.length === 0) return;
  say("");
  print(table([["output", "routed", "delivered", "queued", "on disk", "dead", "lost", "breaker"], ...rows]));
}

function fields(value: unknown): Fields {
  return isRecord(value) ? value : {};
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function list(value: unknown): string {
  return Array.isArray(value) ? value.join(", ") : text(value);
}

function counted(value: unknown, noun: string): string {
  return `${number(amount(value))} ${noun}${amount(value) === 1 ? "" : "s"}`;
}

function amount(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

function amountOf(value: unknown): { records: number; bytes: number } {
  const { records, bytes: size } = fields(value);
  return { records: amount(records), bytes: amount(size) };
}

function sum(parts: Fields): { records: number; bytes: number } {
  const all = Object.values(parts).map(amountOf);
  return {
    records: all.reduce((total, { records }) => total + records, 0),
    bytes: all.reduce((total, { bytes: size }) => total + size, 0),
  };
}

function amountText(value: unknown): string {
  const { records, bytes: size } = amountOf(value);
  return `${number(records)} (${bytes(size)})`;
}
