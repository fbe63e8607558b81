/** What a data plane tells of itself over the bus: which version it runs, which it refused and why, and whether it went back. */

import { parseJson } from "../json.ts";
import { firstViolation } from "../schema.ts";
import { type Static, Type } from "../typebox.ts";

/** Longest text of a report: an error's sentence may quote a pattern. */
const textMax = 2000;
/** Alerts that a report holds; the oldest go. */
export const alertsMax = 5;

const time = (description: string) => Type.String({ maxLength: 40, description });
const version = (description: string) => Type.String({ maxLength: 200, description });
const sentence = (description: string) => Type.String({ maxLength: textMax, description });

export const planeIdPattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$";

export const revertedSchema = Type.Object({
  version: version("The version that it went back from."),
  to: version("The version whose reduce rules it runs."),
  at: time("When."),
  why: sentence("What it saw."),
  outputs: Type.Boolean({ description: "Whether it runs that version's outputs as well." }),
});

export const planeReportSchema = Type.Object({
  id: Type.String({ pattern: planeIdPattern, description: "PLANE_ID, or a name of its own." }),
  program: Type.String({ maxLength: 100, description: "Version of the program." }),
  engine: Type.String({ maxLength: 200, description: "Engine kind." }),
  workers: Type.Integer({ minimum: 0, description: "Worker threads." }),
  started_at: time("When it started."),
  reported_at: time("When it said so, by its clock."),
  running: Type.Optional(version("The version that it runs; absent: none yet.")),
  applied_at: Type.Optional(time("Since when.")),
  took_ms: Type.Optional(Type.Number({ description: "How long the reload took." })),
  lag_ms: Type.Optional(
    Type.Number({ description: "From the publication's time to when it ran here, by the clocks of both machines." }),
  ),
  refused: Type.Optional(
    Type.Object(
      {
        version: version("The version; empty: it could not be read."),
        code: Type.Optional(Type.String({ maxLength: 100, description: "Stable code." })),
        what: sentence("Why."),
        at: time("When."),
      },
      { description: "What it was given last and does not run." },
    ),
  ),
  reverted: Type.Optional(
    Type.Object(revertedSchema.properties, { description: "It went back by itself (docs/versions.md)." }),
  ),
  alerts: Type.Optional(
    Type.Array(Type.Object({ at: time("When."), version: version("Of what ran."), what: sentence("What it saw.") }), {
      maxItems: alertsMax,
      description: "What it saw and did not go back for.",
    }),
  ),
});

export type PlaneReport = Static<typeof planeReportSchema>;
export type Reverted = Static<typeof revertedSchema>;

/** @returns the report; undefined: somebody else's, or of a program that says it in another way */
export function readReport(text: string): PlaneReport | undefined {
  try {
    const value = parseJson(text);
    return firstViolation(planeReportSchema, value) === undefined ? (value as PlaneReport) : undefined;
  } catch {
    return undefined;
  }
}

/** A text as a report may hold it. */
export function shortened(text: string): string {
  return text.length <= textMax ? text : `${text.slice(0, textMax - 1)}…`;
}

/** The report as it is shown. */
export function withoutSignature(report: PlaneReport): PlaneReport {
  const { signature: _, ...rest } = report as PlaneReport & { signature?: unknown };
  return rest;
}
