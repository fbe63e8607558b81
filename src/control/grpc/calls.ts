/** Each unary call of the gRPC API over the methods that the REST routes call, too. */

import { StreamGateError } from "../../errors.ts";
import { parseJson } from "../../json.ts";
import type { Manifest as PlainManifest, Rule as PlainRule } from "../../manifest/manifest.ts";
import type { OutputConfig } from "../../outputs/index.ts";
import type { Actor } from "../actor.ts";
import { RequestError } from "../answer.ts";
import { bodyDepthMax } from "../body.ts";
import type { DraftEdits } from "../draft_edits.ts";
import type { Publication, PublicationOptions, Published } from "../publication.ts";
import { readPublicationFields } from "../publication_request.ts";
import type {
  Calls,
  Manifest,
  Output,
  PublicationFields,
  Publication as PublicationMessage,
  Rule,
  Status,
} from "./messages.ts";

export type UnaryCalls = {
  readonly [Name in keyof Calls]: (request: Calls[Name][0], actor: Actor) => Promise<Calls[Name][1]>;
};

export interface CallContext {
  readonly edits: DraftEdits;
  readonly publication: Publication;
  /** What `GET /status` answers; undefined: this process runs no data plane. */
  readonly status: () => Promise<object | undefined>;
  /** What `GET /planes` answers. @throws StreamGateError SG_BUS_AWAY */
  readonly planes: () => Promise<readonly object[]>;
}

export type StatusContext = Pick<CallContext, "publication" | "status" | "planes">;

export function unaryCalls(context: CallContext): UnaryCalls {
  const { edits, publication } = context;
  return {
    GetManifest: async () => ({ manifest: manifestMessage(publication.manifest), etag: publication.tag }),
    PutManifest: async (request, actor) => ({
      publication: published(
        await publication.put(parse(request.manifest_json, "manifest_json"), optionsOf(request, actor)),
      ),
    }),
    Publish: async (request, actor) => ({
      publication: published(await publication.publish(optionsOf(request, actor))),
    }),
    Rollback: async (request, actor) => ({
      publication: published(await publication.rollback(request.version, optionsOf(request, actor))),
    }),
    Status: () => statusMessage(context),
    ListRules: async () => ({ rules: edits.rules().map(ruleMessage), etag: edits.tag }),
    AddRule: async ({ rule_json, before, if_match }, actor) => ({
      rule: ruleMessage(
        await edits.addRule(parse(rule_json, "rule_json"), {
          ...{ actor, ifMatch: given(if_match), before: given(before) },
        }),
      ),
      etag: edits.tag,
    }),
    ReplaceRule: async ({ id, rule_json, if_match }, actor) => ({
      rule: ruleMessage(
        await edits.replaceRule(id, parse(rule_json, "rule_json"), { actor, ifMatch: given(if_match) }),
      ),
      etag: edits.tag,
    }),
    RemoveRule: async ({ id, if_match }, actor) => {
      await edits.removeRule(id, { actor, ifMatch: given(if_match) });
      return { etag: edits.tag };
    },
    ListOutputs: async () => ({ outputs: edits.outputs().map(outputMessage), etag: edits.tag }),
    AddOutput: async ({ output_json, if_match }, actor) => {
      const raw = parse(output_json, "output_json");
      const { output, warnings } = await edits.addOutput(raw, { actor, ifMatch: given(if_match) });
      return { output: outputMessage(output), warnings, etag: edits.tag };
    },
    ReplaceOutput: async ({ id, output_json, if_match }, actor) => {
      const raw = parse(output_json, "output_json");
      const { output, warnings } = await edits.replaceOutput(id, raw, { actor, ifMatch: given(if_match) });
      return { output: outputMessage(output), warnings, etag: edits.tag };
    },
    RemoveOutput: async ({ id, if_match }, actor) => {
      await edits.removeOutput(id, { actor, ifMatch: given(if_match) });
      return { etag: edits.tag };
    },
  };
}

export async function statusMessage({ publication, status, planes }: StatusContext): Promise<Status> {
  // The rest can be told while the bus is away.
  const reports = planes().then(JSON.stringify, (error: unknown) => {
    if (error instanceof StreamGateError && error.code === "SG_BUS_AWAY") return "";
    throw error;
  });
  const [told, planes_json] = await Promise.all([status(), reports]);
  return {
    version: publication.manifest.version,
    json: told === undefined ? "" : JSON.stringify(told),
    planes_json,
  };
}

export function manifestMessage(manifest: PlainManifest): Manifest {
  return { version: manifest.version, json: JSON.stringify(manifest) };
}

function ruleMessage(rule: PlainRule): Rule {
  return { id: rule.id, type: rule.type, json: JSON.stringify(rule) };
}

function outputMessage(output: OutputConfig): Output {
  return { id: String(output.id), type: output.type, json: JSON.stringify(output) };
}

function published({
  status,
  manifest,
  subscribersNotified,
  warnings,
  weakened,
  draft,
  tag,
  planes,
}: Published): PublicationMessage {
  return {
    outcome: status === "published" ? "OUTCOME_PUBLISHED" : "OUTCOME_UNCHANGED",
    manifest: manifestMessage(manifest),
    subscribers_notified: subscribersNotified,
    warnings: warnings.map(({ rule, kind, what }) => ({ rule, kind, what })),
    weakened: weakened.map(({ rule, how, what }) => ({ rule, how, what })),
    draft: draft === undefined ? "DRAFT_UNSPECIFIED" : draft === "followed" ? "DRAFT_FOLLOWED" : "DRAFT_KEPT",
    etag: tag,
    planes,
  };
}

function optionsOf(request: PublicationFields, actor: Actor): PublicationOptions {
  const { if_match, comment, wait, revert_off, expect_drop } = request;
  const fields = {
    ...{ comment, revert: revert_off ? "off" : "on", expect_drop: String(expect_drop) },
    ...(wait !== "" && { wait }),
  };
  return { actor, ifMatch: given(if_match), ...readPublicationFields(fields) };
}

/** A field that was not sent is empty. */
function given(text: string): string | undefined {
  return text === "" ? undefined : text;
}

/** As a body of REST: nothing is nothing. */
function parse(json: string, where: string): unknown {
  if (json === "") return undefined;
  try {
    return parseJson(json, bodyDepthMax);
  } catch (error) {
    throw new RequestError(422, { where, what: (error as Error).message, fix: "send a JSON object" });
  }
}
