/**
 * How gRPC says no: the status code for each error, and what goes with it. The message is the sentence that REST answers with; its parts
 * travel as `google.rpc.ErrorInfo` in the trailer `grpc-status-details-bin`, where clients of every language look for them:
 *
 *     reason SG_RULE_PATTERN, domain streamgate, metadata {where: "params.pattern", what: "RE2 refuses it: …", fix: "…"}
 */

import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import type { MessageTypeDefinition, PackageDefinition } from "@grpc/proto-loader";
import type { ErrorCode, StreamGateError } from "../../errors.ts";
import { answerFor } from "../answer.ts";

/** Where gRPC tells apart what is one status in HTTP. */
const codes: Partial<Record<ErrorCode, status>> = {
  SG_RULE_DUPLICATE: status.ALREADY_EXISTS,
  SG_OUTPUT_DUPLICATE: status.ALREADY_EXISTS,
  SG_OUTPUT_COUNT: status.FAILED_PRECONDITION,
  SG_PUBLISH_REFUSED: status.FAILED_PRECONDITION,
};

/** By status of HTTP: the client sees the same error on both ports. */
const codesOfHttp: Readonly<Record<number, status>> = {
  400: status.INVALID_ARGUMENT,
  401: status.UNAUTHENTICATED,
  403: status.PERMISSION_DENIED,
  404: status.NOT_FOUND,
  409: status.FAILED_PRECONDITION,
  // As etags are used in Google's APIs (AIP-154): read again, and try again.
  412: status.ABORTED,
  413: status.RESOURCE_EXHAUSTED,
  415: status.INVALID_ARGUMENT,
  422: status.INVALID_ARGUMENT,
  428: status.FAILED_PRECONDITION,
  429: status.RESOURCE_EXHAUSTED,
  501: status.UNIMPLEMENTED,
  503: status.UNAVAILABLE,
  504: status.DEADLINE_EXCEEDED,
};

/** Of UTF-8. Many clients take 8 KiB of trailers; there the message is percent-encoded and the details are in base64, message among them. */
const messageBytesMax = 1000;
const partBytesMax = 500;

export const errorDomain = "streamgate";

export type ToServiceError = (error: StreamGateError) => Pick<ServiceError, "code" | "details" | "metadata">;

/** @param types of `described.ts`, loaded */
export function errorsFor(types: PackageDefinition): ToServiceError {
  const encode = (name: string, value: object): Buffer => {
    const { serialize } = types[name] as MessageTypeDefinition<object, object>;
    return serialize(value);
  };
  return (error) => {
    const code = codeOf(error);
    const { body } = answerFor(error);
    const details = cut(body.detail, messageBytesMax);
    const parts = Object.entries({ where: error.where, what: error.what, fix: error.fix });
    const info = encode("google.rpc.ErrorInfo", {
      reason: error.code,
      domain: errorDomain,
      metadata: parts.flatMap(([key, text]) => (text === undefined ? [] : [{ key, value: cut(text, partBytesMax) }])),
    });
    const metadata = new Metadata();
    metadata.set(
      "grpc-status-details-bin",
      encode("Status", {
        ...{ code, message: details },
        details: [{ type_url: "type.googleapis.com/google.rpc.ErrorInfo", value: info }],
      }),
    );
    return { code, details, metadata };
  };
}

function codeOf(error: StreamGateError): status {
  return codes[error.code] ?? codesOfHttp[answerFor(error).status] ?? status.INTERNAL;
}

/** Half a surrogate pair has no UTF-8, and percent-encoding it would throw. */
function cut(text: string, bytesMax: number): string {
  const wellFormed = text.toWellFormed();
  const bytes = Buffer.from(wellFormed);
  if (bytes.length <= bytesMax) return wellFormed;
  return `${bytes
    .subarray(0, bytesMax - 3)
    .toString()
    .replace(/\uFFFD+$/, "")}…`;
}
