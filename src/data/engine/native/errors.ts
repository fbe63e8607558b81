/** Errors of the addon as StreamGateErrors: it throws plain ones that carry a code and one sentence. */

import { type ErrorCode, errorCodes, StreamGateError } from "../../../errors.ts";

const fixes: Partial<Record<ErrorCode, string>> = {
  SG_ENGINE_CLOSED: "do not use a handle after close()",
};

/** @returns a StreamGateError when the addon gave `error` one of our codes, else `error` itself; to be thrown */
export function translated(error: unknown): unknown {
  const code = (error as { code?: unknown }).code;
  if (!(error instanceof Error) || typeof code !== "string" || !(code in errorCodes)) return error;
  const fix = fixes[code as ErrorCode];
  return new StreamGateError(
    code as ErrorCode,
    { what: error.message, ...(fix === undefined ? {} : { fix }) },
    { cause: error },
  );
}
