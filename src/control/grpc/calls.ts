/** Each unary call of the gRPC API over the methods that the REST routes call, too. */

import { parseJson } from "../../json.ts";
import type { Manifest as PlainManifest, Rule as PlainRule } from "../../manifest/manifest.ts";
import type { OutputConfig } from "../../outputs/index.ts";
import type { Actor } from "../actor.ts";
import { RequestError } from "../answer.ts";
import { bodyDepthMax } from "../body.ts";
import type { DraftEdits } from "../draft_edits.ts";
import type { Publication, Published } from "../publication.ts";
import type { Calls, Manifest, Output, Publication as PublicationMessage, Rule, Status } from "./messages.ts";

export type UnaryCalls = {
  readonly [Name in keyof Calls]: (request: Calls[Name][0], actor: Actor) => Promise<Calls[Name][1]>;
};

export interface CallContext {
  readonly edits: DraftEdits;
  readonly publication: Publication;
  /** What `GET /status` answers; absent: this process runs no data plane. */
  readonly status?: (() => Promise<object>) | undefined;
}

export function unaryCalls({ edits, publication, status }: CallContext): UnaryCalls {
  return {
    GetManifest: async () => ({ manifest: manifestMessage(publication.manifest), etag: publication.tag }),
    PutManifest: async ({ manifest_json, if_match, comment }, actor) => ({
      publication: published(
        await publication.put(parse(manifest_json, "manifest_json"), optionsOf({ actor, if_match, comment })),
      ),
    }),
    Publish: async ({ if_match, comment }, actor) => ({
      publication: published(await publication.publish(optionsOf({ actor, if_match, comment }))),
    }),
    Rollback: async ({ version, if_match, comment }, actor) => ({
      publication: published(await publication.rollback(version, optionsOf({ actor, if_match, comment }))),
    }),
    Status: () => statusMessage({ publication, status }),
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

export async function statusMessage({
  publication,
  status,
}: Pick<CallContext, "publication" | "status">): Promise<Status> {
  const json = status === undefined ? "" : JSON.stringify(await status());
  return { version: publication.manifest.version, json };
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
}: Published): PublicationMessage {
  return {
    outcome: status === "published" ? "OUTCOME_PUBLISHED" : "OUTCOME_UNCHANGED",
    manifest: manifestMessage(manifest),
    subscribers_notified: subscribersNotified,
    warnings: warnings.map(({ rule, kind, what }) => ({ rule, kind, what })),
    weakened: weakened.map(({ rule, how, what }) => ({ rule, how, what })),
    draft: draft === undefined ? "DRAFT_UNSPECIFIED" : draft === "followed" ? "DRAFT_FOLLOWED" : "DRAFT_KEPT",
    etag: tag,
  };
}

function optionsOf({ actor, if_match, comment }: { actor: Actor; if_match: string; comment: string }) {
  return { actor, ifMatch: given(if_match), comment: given(comment) };
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
