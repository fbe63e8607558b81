/** What a call that publishes may say besides: in its query or in its body. One reader, one schema, for all of them. */

import type { FastifyRequest } from "fastify";
import { StreamGateError } from "../errors.ts";
import { firstViolation, isRecord, nameOf, placeOf } from "../schema.ts";
import { parseSeconds } from "../settings/quantity.ts";
import { Type } from "../typebox.ts";
import { editOf } from "./concurrency.ts";
import type { PublicationOptions } from "./publication.ts";

/** Longest wait for data planes: clients and proxies give up on their own soon after. */
const waitMsMax = 60_000;

export const publicationFields = {
  comment: Type.Optional(
    Type.String({
      maxLength: 1000,
      description: "Why: kept with the version.",
      examples: ["less noise from the cart"],
    }),
  ),
  wait: Type.Optional(
    Type.String({
      description: `How long the answer may wait until every data plane that reports runs the version, such as 5s; at most ${waitMsMax / 1000}s. It comes as soon as they do, and says who does not.`,
      examples: ["5s"],
    }),
  ),
  revert: Type.Optional(
    Type.Union([Type.Literal("on"), Type.Literal("off")], {
      default: "on",
      description:
        "off: data planes do not go back from this version by themselves, whatever it does (docs/versions.md).",
    }),
  ),
  expect_drop: Type.Optional(
    Type.Union([Type.Literal("true"), Type.Literal("false")], {
      default: "false",
      description:
        "true: it is meant to drop most records, so that data planes do not go back from it because they are gone.",
    }),
  ),
};

const schema = Type.Object(publicationFields);

/** @throws StreamGateError SG_MANIFEST naming the field */
export function publicationOptionsOf(request: FastifyRequest, body: unknown): PublicationOptions {
  const fields: Record<string, unknown> = { ...fieldsOf(body) };
  for (const [field, value] of Object.entries((request.query ?? {}) as Record<string, unknown>))
    if (field in publicationFields) fields[field] = [value].flat()[0];
  for (const field of ["expect_drop", "wait"]) {
    const value = fields[field];
    if (typeof value === "boolean" || typeof value === "number") fields[field] = String(value);
  }
  return { ...editOf(request), ...readPublicationFields(fields) };
}

/**
 * @param fields by the names of `publicationFields`, as texts
 * @throws StreamGateError SG_MANIFEST naming the field
 */
export function readPublicationFields(fields: Readonly<Record<string, unknown>>): Omit<PublicationOptions, "actor"> {
  const violation = firstViolation(schema, fields);
  if (violation !== undefined)
    throw new StreamGateError("SG_MANIFEST", { where: placeOf(violation.path), what: violation.what });
  const { comment, wait, revert, expect_drop } = fields as Record<string, string | undefined>;
  return {
    ...(comment !== undefined && comment !== "" && { comment }),
    ...(wait !== undefined && { waitMs: waitOf(wait) }),
    ...(revert === "off" && { revert: "off" as const }),
    ...(expect_drop === "true" && { expectDrop: true }),
  };
}

function fieldsOf(body: unknown): Record<string, unknown> {
  if (body === undefined || body === null) return {};
  if (!isRecord(body))
    throw new StreamGateError("SG_MANIFEST", {
      where: "body",
      what: `must be an object, not ${nameOf(body)}`,
      fix: 'send none, or one such as {"comment":"less noise"}',
    });
  const unknown = Object.keys(body).find((field) => !(field in publicationFields));
  if (unknown === undefined) return body;
  throw new StreamGateError("SG_MANIFEST", {
    where: unknown,
    what: "is nothing that a publication knows",
    fix: `known are ${Object.keys(publicationFields).join(", ")}`,
  });
}

function waitOf(text: string): number {
  const refuse = (what: string) =>
    new StreamGateError("SG_MANIFEST", { where: "wait", what, fix: "give seconds, such as 5s or 0.5" });
  let ms: number;
  try {
    ms = parseSeconds(text);
  } catch (error) {
    throw refuse((error as Error).message);
  }
  if (ms > waitMsMax) throw refuse(`is longer than ${waitMsMax / 1000}s`);
  return ms;
}
