/** How the control API says no: one body for every error, and the status that goes with each code. */

import { type ErrorCode, type ErrorParts, StreamGateError, sentence } from "../errors.ts";
import { Type } from "../typebox.ts";

/** `detail` is the whole sentence, for people; `error` its parts, for programs. */
const errorSchema = Type.Object(
  {
    detail: Type.String({ description: "Where, what and what to do, in one sentence." }),
    error: Type.Object({
      code: Type.String({ description: "Stable code." }),
      where: Type.Optional(Type.String({ description: "The field, such as params.pattern." })),
      what: Type.String({ description: "The reason." }),
      fix: Type.Optional(Type.String({ description: "What would be right." })),
    }),
  },
  {
    description: "What is wrong, where, and what would be right.",
    examples: [
      {
        detail: "params.pattern: RE2 refuses it: missing ]: [0-9; close the character class with ]",
        error: {
          code: "SG_RULE_PATTERN",
          where: "params.pattern",
          what: "RE2 refuses it: missing ]: [0-9",
          fix: "close the character class with ]",
        },
      },
    ],
  },
);

/** Codes that are not the fault of the body's content (422). */
const statuses: Partial<Record<ErrorCode, number>> = {
  SG_RULE_DUPLICATE: 400,
  SG_OUTPUT_DUPLICATE: 400,
  SG_RULE_MISSING: 404,
  SG_OUTPUT_MISSING: 404,
  SG_VERSION_MISSING: 404,
  SG_CHANGED: 412,
  SG_CONFIG_FILE: 409,
  SG_TOKEN: 401,
  SG_ROLE: 403,
  SG_TOKEN_LIMIT: 429,
  SG_BUS_AWAY: 503,
  SG_MANIFEST_KEY: 500,
  SG_DATA_DIR: 500,
  SG_STATE_DAMAGED: 500,
  SG_ENGINE_UNAVAILABLE: 500,
};

/** The status that a code has of its own; undefined: 422, where the control API answers with it at all. */
export function statusOf(code: ErrorCode): number | undefined {
  return statuses[code];
}

/** An error of HTTP itself: its own status. */
export class RequestError extends StreamGateError {
  readonly status: number;

  constructor(status: number, parts: ErrorParts) {
    super("SG_INPUT", parts);
    this.status = status;
  }
}

export function answerFor(error: StreamGateError): { status: number; body: { detail: string; error: object } } {
  const { code, where, what, fix } = error;
  const status = error instanceof RequestError ? error.status : (statusOf(code) ?? 422);
  const parts = { ...(where !== undefined && { where }), what, ...(fix !== undefined && { fix }) };
  return { status, body: { detail: sentence(parts), error: { code, ...parts } } };
}

/** Error answers of a route, for its documentation. */
export function errors(...statusCodes: number[]): Record<number, typeof errorSchema> {
  return Object.fromEntries(statusCodes.map((status) => [status, errorSchema]));
}
