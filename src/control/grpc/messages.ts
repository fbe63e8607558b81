/** The messages of `proto/streamgate/v1/control.proto` as the program holds them, and where that file is. */

import { fileURLToPath } from "node:url";
import type { Options, PackageDefinition, ServiceDefinition } from "@grpc/proto-loader";
import type { Applied } from "../planes.ts";

export const serviceName = "streamgate.v1.ControlService";

/** Beside `src/` and beside `dist/`: the file ships as it is. */
const protoDirectory = fileURLToPath(new URL("../../../proto/", import.meta.url));
export const protoFile = "streamgate/v1/control.proto";

/** How messages look in JavaScript: names as in the file, absent fields with their defaults. */
export const loaderOptions: Options = {
  keepCase: true,
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
  includeDirs: [protoDirectory],
};

export interface Rule {
  readonly id: string;
  readonly type: string;
  readonly json: string;
}

export interface Output {
  readonly id: string;
  readonly type: string;
  readonly json: string;
}

export interface Manifest {
  readonly version: string;
  readonly json: string;
}

export interface Publication {
  readonly outcome: "OUTCOME_PUBLISHED" | "OUTCOME_UNCHANGED";
  readonly manifest: Manifest;
  readonly subscribers_notified: number;
  readonly warnings: readonly { readonly rule: string; readonly kind: string; readonly what: string }[];
  readonly weakened: readonly { readonly rule: string; readonly how: string; readonly what: string }[];
  readonly draft: "DRAFT_UNSPECIFIED" | "DRAFT_FOLLOWED" | "DRAFT_KEPT";
  readonly etag: string;
  readonly planes?: Applied | undefined;
}

export interface Status {
  readonly version: string;
  readonly json: string;
  readonly planes_json: string;
}

export interface WatchRequest {
  readonly status_interval_seconds: number;
  readonly versions_only: boolean;
}

export type WatchResponse =
  | { readonly version: { readonly manifest: Manifest; readonly missed: number } }
  | { readonly status: Status };

interface IfMatch {
  readonly if_match: string;
}

export interface PublicationFields extends IfMatch {
  readonly comment: string;
  readonly wait: string;
  readonly revert_off: boolean;
  readonly expect_drop: boolean;
}

/** Each unary call: what is sent, what is answered. */
export interface Calls {
  GetManifest: [object, { readonly manifest: Manifest; readonly etag: string }];
  PutManifest: [PublicationFields & { readonly manifest_json: string }, Published];
  Publish: [PublicationFields, Published];
  Rollback: [PublicationFields & { readonly version: number }, Published];
  Status: [object, Status];
  ListRules: [object, { readonly rules: readonly Rule[]; readonly etag: string }];
  AddRule: [IfMatch & { readonly rule_json: string; readonly before: string }, EditedRule];
  ReplaceRule: [IfMatch & { readonly id: string; readonly rule_json: string }, EditedRule];
  RemoveRule: [IfMatch & { readonly id: string }, { readonly etag: string }];
  ListOutputs: [object, { readonly outputs: readonly Output[]; readonly etag: string }];
  AddOutput: [IfMatch & { readonly output_json: string }, EditedOutput];
  ReplaceOutput: [IfMatch & { readonly id: string; readonly output_json: string }, EditedOutput];
  RemoveOutput: [IfMatch & { readonly id: string }, { readonly etag: string }];
}

interface Published {
  readonly publication: Publication;
}

interface EditedRule {
  readonly rule: Rule;
  readonly etag: string;
}

interface EditedOutput {
  readonly output: Output;
  readonly warnings: readonly string[];
  readonly etag: string;
}

export function serviceIn(definition: PackageDefinition): ServiceDefinition {
  return definition[serviceName] as ServiceDefinition;
}
