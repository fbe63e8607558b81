/** `GET /rules/{id}/effect`, of the manifest that runs: what a rule in shadow would have done to live traffic, or an enforced one did. */

import { StreamGateError } from "../errors.ts";
import { activePipeline, type Manifest, type Rule } from "../manifest/manifest.ts";
import type { Evaluate } from "../plan/evaluation.ts";
import { effectExampleBytesMax, type LiveRules } from "../plan/live.ts";
import type { Price } from "../prices/price.ts";
import { RequestError } from "./answer.ts";
import { conceal } from "./concealment.ts";
import { effectReport, flagsOf, isCounted, rateOf } from "./effect_report.ts";
import type { Sightings } from "./sightings.ts";

const shadowNote = "as if it alone were enforced in its place: effects of several rules in shadow do not add";
const routeNote = "enforced: where records go is counted by output, in GET /status; in shadow it is counted here";
const enforcedNote = "enforced: what it did; severity, service and dollars are counted of rules in shadow";

export interface EffectSite {
  /** That runs. */
  readonly manifest: Manifest;
  /** Rules of the draft; absent: there is none here. */
  readonly drafts?: readonly Rule[];
  /** Runs single records through rules, on an engine. */
  readonly evaluate: Evaluate;
  readonly live: LiveRules;
  /** Told of what was seen. */
  readonly sightings?: Sightings;
  /** The caller may see what is left of records' text. */
  readonly maySee: boolean;
  /** Of outputs that are no vendor's own; absent: nothing. */
  readonly price?: Price;
}

/** @throws StreamGateError SG_RULE_MISSING, RequestError 409 for a rule that does not run */
export async function effectOf(id: string, site: EffectSite): Promise<object> {
  const { manifest, drafts, evaluate, live, sightings, maySee, price } = site;
  const { processors, outputs } = activePipeline(manifest);
  const rule = processors.find((one) => one.id === id);
  const drafted = drafts?.find((one) => one.id === id);
  if (rule === undefined && drafted === undefined) throw missing(id);
  if (rule === undefined || rule.enabled === false)
    throw new RequestError(409, {
      where: `rule ${JSON.stringify(id)}`,
      what: "does not run, so it has no effect",
      fix: "publish it, with mode shadow to try it",
    });
  const nowMs = Date.now();
  const [effects, activities] = await Promise.all([live.effects(), live.activity()]);
  sightings?.note(processors, effects);
  const effect = effects.find((one) => one.rule === id);
  const activity = activities.get(id);
  const flags = activity === undefined ? [] : flagsOf(rule, activity, nowMs);
  const about = {
    rule: id,
    mode: rule.mode ?? "enforce",
    version: manifest.version,
    ...(drafts !== undefined && { draft_differs: JSON.stringify(drafted) !== JSON.stringify(rule) }),
    flags,
  };
  if (rule.mode !== "shadow" || effect === undefined) {
    const { sinceMs = nowMs, matched = 0, droppedRecords = 0, droppedBytes = 0 } = activity ?? {};
    return {
      ...about,
      since: new Date(sinceMs).toISOString(),
      hours: (nowMs - sinceMs) / 3_600_000,
      ...(isCounted(rule)
        ? { records: matched, dropped: { records: droppedRecords, bytes: droppedBytes }, note: enforcedNote }
        : { note: routeNote }),
    };
  }
  // One that was kept may have been cut, and half a secret is not recognised.
  const whole = maySee ? effect.examples.filter(({ length }) => length < effectExampleBytesMax) : [];
  const rules = [processors, drafts ?? []];
  const shown = conceal(whole, rules, evaluate).flatMap((one) => one?.text ?? []);
  // A service is called what a record says.
  const names = effect.services.map(({ name }) => Buffer.from(name));
  const told = conceal(names, rules, evaluate).map((one) => one?.text ?? "(withheld)");
  const services = effect.services.map((service, index) => ({ ...service, name: told[index]! }));
  return {
    ...about,
    ...effectReport(rule, { ...effect, services }, rateOf(outputs, live.shares(), price), nowMs),
    examples: shown,
    examples_withheld: effect.examples.length - shown.length,
    note: shadowNote,
  };
}

export function missing(id: string): StreamGateError {
  return new StreamGateError("SG_RULE_MISSING", {
    where: "id",
    what: `no rule has the id ${JSON.stringify(id)}`,
    fix: "GET /rules lists them",
  });
}
