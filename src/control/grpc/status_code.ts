/**
 * How gRPC says no: the status code for each error, and what goes with it. The message is the sentence that REST answers with; its parts
 * travel as `google.rpc.ErrorInfo` in the trailer `grpc-status-details-bin`, where clients of every language look for them:
 *
 *     reason SG_RULE_PATTERN, domain streamgate, metadata {where: "params.pattern", what: "RE2 refuses it: …", fix: "…"}
 */

import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import type { PackageDefinition } from "@grpc/proto-loader";
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

/** Headers, and so trailers, are limited: nghttp2 sends no block over 64 KiB, and clients take 8 KiB by default. */
const messageCharactersMax = 1000;
const partCharactersMax = 500;

export const errorDomain = "streamgate";

/** The message types of details, as in googleapis' `google/rpc/status.proto` and `error_details.proto`. */
export const detailTypes = {
  nested: {
    google: {
      nested: {
        protobuf: { nested: { Any: { fields: { type_url: field("string", 1), value: field("bytes", 2) } } } },
        rpc: {
          nested: {
            Status: {
              fields: {
                code: field("int32", 1),
                message: field("string", 2),
                details: { rule: "repeated", ...field("google.protobuf.Any", 3) },
              },
            },
            ErrorInfo: {
              fields: {
                reason: field("string", 1),
                domain: field("string", 2),
                metadata: { keyType: "string", ...field("string", 3) },
              },
            },
          },
        },
      },
    },
  },
} as const;

function field<Type extends string>(type: Type, id: number) {
  return { type, id };
}

export type ToServiceError = (error: StreamGateError) => Pick<ServiceError, "code" | "details" | "metadata">;

/** @param types `detailTypes`, loaded */
export function errorsFor(types: PackageDefinition): ToServiceError {
  const encode = (name: string, value: object): Buffer => {
    const type = types[name] as { serialize(value: object): Buffer };
    return type.serialize(value);
  };
  return (error) => {
    const code = codeOf(error);
    const { body } = answerFor(error);
    // A header holds no half of a surrogate pair: percent-encoding it would throw.
    const details = cut(body.detail, messageCharactersMax);
    const parts = Object.entries({ where: error.where, what: error.what, fix: error.fix });
    const info = encode("google.rpc.ErrorInfo", {
      reason: error.code,
      domain: errorDomain,
      metadata: Object.fromEntries(
        parts.flatMap(([name, text]) => (text === undefined ? [] : [[name, cut(text, partCharactersMax)]])),
      ),
    });
    const metadata = new Metadata();
    metadata.set(
      "grpc-status-details-bin",
      encode("google.rpc.Status", {
        ...{ code, message: details },
        details: [{ type_url: "type.googleapis.com/google.rpc.ErrorInfo", value: info }],
      }),
    );
    return { code, details, metadata };
  };
}

export function codeOf(error: StreamGateError): status {
  return codes[error.code] ?? codesOfHttp[answerFor(error).status] ?? status.INTERNAL;
}

function cut(text: string, charactersMax: number): string {
  return (text.length <= charactersMax ? text : `${text.slice(0, charactersMax - 1)}…`).toWellFormed();
}
