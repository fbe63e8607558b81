/** The severity from which on a rule that thins out leaves records alone: a parameter of several rule types. */

import { type Severity, severity } from "../plan/operations.ts";
import { Type } from "../typebox.ts";

type SeverityLimit = "DEBUG" | "INFO" | "WARN" | "ERROR" | "FATAL" | "none";

/** Above fatal: no severity reaches it. */
const limitless = 7;

/** @param description what happens to records of this severity or worse; the names follow it */
export function severityLimit(byDefault: SeverityLimit, description: string) {
  return Type.Optional(
    Type.Union(
      [
        Type.Literal("DEBUG"),
        Type.Literal("INFO"),
        Type.Literal("WARN"),
        Type.Literal("ERROR"),
        Type.Literal("FATAL"),
        Type.Literal("none"),
      ],
      { default: byDefault, description: `${description}: DEBUG, INFO, WARN, ERROR, FATAL; none: no such.` },
    ),
  );
}

/** @returns a `severity`, or more than any */
export function severityLimitCode(limit: SeverityLimit): number {
  return limit === "none" ? limitless : severity[limit.toLowerCase() as Severity];
}
