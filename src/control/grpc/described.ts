/**
 * Message types that are told to reflection's clients, written out where the loaded file will not do: protobufjs 7 describes a map field with
 * an entry of a name that Go's protobuf, and so grpcurl, refuses. Here the entry is a message of the name that protoc gives it, marked as
 * what it is; on the wire both are the same.
 */

import type { fromJSON } from "@grpc/proto-loader";

type Types = Parameters<typeof fromJSON>[0];

function field(type: string, id: number) {
  return { type, id };
}

function list(type: string, id: number) {
  return { rule: "repeated" as const, type, id };
}

function entry(value: string) {
  return { options: { map_entry: true }, fields: { key: field("string", 1), value: field(value, 2) } };
}

/** What goes with errors, as in googleapis' `google/rpc/error_details.proto`. */
export const errorInfoTypes: Types = {
  nested: {
    google: {
      nested: {
        rpc: {
          nested: {
            ErrorInfo: {
              fields: { reason: field("string", 1), domain: field("string", 2), metadata: list("MetadataEntry", 3) },
              nested: { MetadataEntry: entry("string") },
            },
          },
        },
      },
    },
  },
};

/** What it goes in, as in `google/rpc/status.proto`; never asked of reflection. A detail is a `google.protobuf.Any`. */
export const statusTypes: Types = {
  nested: {
    Status: {
      fields: { code: field("int32", 1), message: field("string", 2), details: list("Detail", 3) },
      nested: { Detail: { fields: { type_url: field("string", 1), value: field("bytes", 2) } } },
    },
  },
};

/** The health service, as in grpc's `grpc/health/v1/health.proto`. */
export const healthTypes = {
  nested: {
    grpc: {
      nested: {
        health: {
          nested: {
            v1: {
              nested: {
                HealthCheckRequest: { fields: { service: field("string", 1) } },
                HealthCheckResponse: {
                  fields: { status: field("ServingStatus", 1) },
                  nested: { ServingStatus: { values: { UNKNOWN: 0, SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 } } },
                },
                HealthListRequest: { fields: {} },
                HealthListResponse: {
                  fields: { statuses: list("StatusesEntry", 1) },
                  nested: { StatusesEntry: entry("HealthCheckResponse") },
                },
                Health: {
                  methods: {
                    Check: { requestType: "HealthCheckRequest", responseType: "HealthCheckResponse" },
                    List: { requestType: "HealthListRequest", responseType: "HealthListResponse" },
                    Watch: {
                      requestType: "HealthCheckRequest",
                      responseType: "HealthCheckResponse",
                      responseStream: true,
                    },
                  },
                },
              },
            },
          },
        },
      },
    },
  },
} as unknown as Types; // A method's comment may be absent, whatever its type says.
