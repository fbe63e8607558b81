/**
 * Secrets of an output's configuration: hiding them before it is shown, putting hidden ones back, reading references.
 *
 * Schema and value are walked together. A place that the schema marks (`secret.ts`) is what it says; of a field that the schema does not
 * know, its name decides. A secret is shown as `***`; a reference is no secret and stays.
 */

import { StreamGateError } from "../errors.ts";
import { isRecord, placeOf, schemaOfPart } from "../schema.ts";
import type { TSchema } from "../typebox.ts";
import { outputSchema } from "./index.ts";
import type { OutputConfig } from "./output.ts";
import { hidden, type TextKind } from "./secret.ts";

/** Names of headers, query parameters and unknown fields whose values are taken for secrets. */
const secretName = /authorization|cookie|key|token|secret|passw|credential/i;

/** What a walk meets: a marked place, or a string of which the schema says nothing. */
interface Place {
  readonly kind: TextKind | undefined;
  readonly path: readonly string[];
  readonly value: unknown;
}

/** A copy of `value` in which each marked place, and each string that the schema does not know, is what `visit` makes of it. */
function mapTexts(
  schema: TSchema | undefined,
  value: unknown,
  visit: (place: Place) => unknown,
  path: readonly string[] = [],
): unknown {
  const kind = (schema as Record<string, unknown> | undefined)?.["x-text"] as TextKind | undefined;
  if (kind !== undefined) return visit({ kind, path, value });
  if (Array.isArray(value)) {
    return value.map((part, index) => mapTexts(schemaOfPart(schema, value, "0"), part, visit, [...path, `${index}`]));
  }
  if (isRecord(value)) {
    if (schema !== undefined && isFree(schema)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, part]) => [
        key,
        mapTexts(schemaOfPart(schema, value, key), part, visit, [...path, key]),
      ]),
    );
  }
  return schema === undefined && typeof value === "string" ? visit({ kind: undefined, path, value }) : value;
}

/** An object whose fields are no configuration of ours, such as a filter's conditions. */
function isFree(schema: TSchema): boolean {
  const { properties, patternProperties, anyOf } = schema as Record<string, unknown>;
  return (
    anyOf === undefined && patternProperties === undefined && Object.keys((properties as object) ?? {}).length === 0
  );
}

/** @returns the value as it may be shown */
function maskedText({ kind, path, value }: Place): unknown {
  if (typeof value !== "string") return value;
  switch (kind) {
    case "secret":
    case "key":
      return hidden;
    case "pem":
      return value;
    case "url":
      return value.replace(/([?&;]([^=&;#]*)=)[^&;#]*/g, (whole, before: string, name: string) =>
        secretName.test(name) ? `${before}${hidden}` : whole,
      );
    default:
      return secretName.test(path.at(-1) ?? "") ? hidden : value;
  }
}

/** The output as it may be shown and logged. */
export function maskSecrets(config: OutputConfig): OutputConfig {
  return mapTexts(outputSchema(config.type), config, maskedText) as OutputConfig;
}

/**
 * What nobody reads, such as pipelines that do not run, as it may be shown: its names decide. Below a name of a secret all is hidden but
 * references, elsewhere what a URL carries; an output of a known type hides what its schema marks, too. Twice is as good as once.
 * @param name of the field whose value it is
 */
export function maskUnread(value: unknown, name = ""): unknown {
  const marked = isRecord(value) && typeof value.type === "string" ? maskSecrets(value as OutputConfig) : value;
  return maskedBelow(marked, secretName.test(name));
}

function maskedBelow(value: unknown, isSecret: boolean): unknown {
  if (Array.isArray(value)) return value.map((part) => (isSecret ? maskedBelow(part, true) : maskUnread(part)));
  if (isRecord(value)) {
    if (isSecret && isReference(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, part]) => [key, isSecret ? maskedBelow(part, true) : maskUnread(part, key)]),
    );
  }
  if (isSecret) return typeof value === "string" || typeof value === "number" ? hidden : value;
  if (typeof value !== "string") return value;
  // User and password in front of a host, which readers of outputs refuse.
  const anonymous = value.replace(/:\/\/[^/?#@\s]*@/g, `://${hidden}@`);
  return maskedText({ kind: "url", path: [], value: anonymous });
}

function isReference(value: Record<string, unknown>): boolean {
  const [[name, of] = [], ...others] = Object.entries(value);
  return (name === "env" || name === "file") && typeof of === "string" && others.length === 0;
}

/**
 * What a person sent back after `maskUnread`: where it holds what was shown in place of a secret, the one that is stored at the same place.
 * @param path where it stands, for the refusal
 * @throws StreamGateError SG_MANIFEST when nothing is stored there, or when the secret would be seen at the place that is given
 */
export function restoreUnread(given: unknown, stored: unknown, path: readonly string[]): unknown {
  const name = path.at(-1);
  const whole = restored(given, stored, maskUnread(stored, name), undefined, path);
  refuseHidden(whole, maskUnread(whole, name), maskUnread(given, name), path);
  return whole;
}

/** @param shown `value` as it would be shown @param asGiven what it would be shown as, were it kept as it was given */
function refuseHidden(value: unknown, shown: unknown, asGiven: unknown, path: readonly string[]): void {
  if (typeof value === "object" && value !== null) {
    for (const [key, part] of Object.entries(value))
      refuseHidden(part, partOf(shown, key), partOf(asGiven, key), [...path, key]);
    return;
  }
  if (shown === asGiven && !(typeof value === "string" && standsForSecret.test(value))) return;
  throw new StreamGateError("SG_MANIFEST", {
    where: placeOf(path),
    what: `is ${hidden}, which stands for a secret where one is shown, and no secret is kept at this place`,
    fix: "give the secret, or leave the field out",
  });
}

/** `***` alone, or in a URL in place of a parameter's value or of user and password. */
const standsForSecret = /^\*\*\*$|=\*\*\*(?![^&;#])|:\/\/\*\*\*@/;

/** The output with one text in place of each secret, however it is given: what stays the same when a secret is changed or moved. */
export function secretsAside(config: OutputConfig): OutputConfig {
  const visit = (place: Place) => (maskedText({ ...place, value: "" }) === hidden ? hidden : maskedText(place));
  return mapTexts(outputSchema(config.type), config, visit) as OutputConfig;
}

/**
 * What a person sent back after `maskSecrets`: where it holds what was shown in place of a secret, the stored secret.
 *
 * Only for the destination that the secret was given for. Whoever may change an output would else have it sent, unseen, to a server of theirs.
 * @param given a request's body, not yet checked
 * @throws StreamGateError SG_OUTPUT_PARAMS naming the hidden secret, when type or destination are others than the stored output's
 */
export function restoreSecrets(given: unknown, stored: OutputConfig): unknown {
  return restored(given, stored, maskSecrets(stored), movedField(given, stored), []);
}

function restored(
  given: unknown,
  stored: unknown,
  shown: unknown,
  moved: string | undefined,
  path: readonly string[],
): unknown {
  if (typeof given === "string") {
    if (given !== shown || shown === stored) return given;
    if (moved === undefined) return stored;
    throw new StreamGateError("SG_OUTPUT_PARAMS", {
      where: placeOf(path),
      what: `is hidden, and ${moved} is another than the stored secret was given for`,
      fix: "give the secret again",
    });
  }
  const part = (of: unknown, key: string | number) =>
    restored(of, partOf(stored, key), partOf(shown, key), moved, [...path, `${key}`]);
  if (Array.isArray(given)) return given.map(part);
  if (!isRecord(given)) return given;
  return Object.fromEntries(Object.entries(given).map(([key, of]) => [key, part(of, key)]));
}

/** The field by which an output would be sent elsewhere than the stored one: its type, a URL's origin, or what `x-destination` marks. */
function movedField(given: unknown, stored: OutputConfig): string | undefined {
  if (partOf(given, "type") !== stored.type) return "type";
  return Object.entries(outputSchema(stored.type)?.properties ?? {}).find(([field, declared]) => {
    const schema = declared as unknown as Record<string, unknown>;
    const at = (config: unknown) => partOf(config, field) ?? schema.default;
    if (schema["x-text"] === "url") return originOf(at(given)) !== originOf(at(stored));
    return schema["x-destination"] === true && at(given) !== at(stored);
  })?.[0];
}

/** Scheme, host and port. What is no URL is compared as it is. */
function originOf(url: unknown): unknown {
  const origin = typeof url === "string" ? URL.parse(url)?.origin : undefined;
  return origin === undefined || origin === "null" ? (url ?? undefined) : origin;
}

function partOf(value: unknown, key: string | number): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;
}

/** The first plain text that cannot be what its place wants: where it stands, what is wrong, what would be right. */
export function unfitText(config: OutputConfig): { path: readonly string[]; what: string; fix: string } | undefined {
  let found: { path: readonly string[]; what: string; fix: string } | undefined;
  mapTexts(outputSchema(config.type), config, (place) => {
    if (found === undefined && typeof place.value === "string") {
      const unfit = isHidden(place) ? hiddenText : unfitFor(place.kind, place.value);
      if (unfit !== undefined) found = { path: place.path, ...unfit };
    }
    return place.value;
  });
  return found;
}

const hiddenText = {
  what: `is ${hidden}, which stands for a secret where one is shown`,
  fix: 'give the secret, or {"env":"NAME"} or {"file":"path"}; PUT of an output keeps a stored one that comes back hidden',
};

/** Whether a place for a secret holds what is shown in place of one. */
function isHidden(place: Place): boolean {
  const value = place.value as string;
  const unhidden = value.replaceAll(hidden, "x");
  return unhidden !== value && maskedText(place) === value && maskedText({ ...place, value: unhidden }) !== unhidden;
}

function unfitFor(kind: TextKind | undefined, text: string): { what: string; fix: string } | undefined {
  switch (kind) {
    case "pem":
    case "key":
      return isPemText(text)
        ? undefined
        : { what: "holds no PEM, which begins with -----BEGIN", fix: 'name a file as {"file":"/path/to.pem"}' };
    case "secret":
    case "header":
      return headerText.test(text)
        ? undefined
        : {
            what: "has a value that no header can carry",
            fix: "leave out line breaks and control characters",
          };
    default:
      return undefined;
  }
}

/** Visible ASCII, space, tab and obs-text (RFC 9110 section 5.5); no CR or LF, which would start another header. Secrets end up in headers. */
const headerText = /^[\t\x20-\x7e\x80-\xff]*$/;

/** PEM, RFC 7468: text in front of the first boundary is allowed. */
function isPemText(text: string): boolean {
  return text.includes("-----BEGIN ");
}

/** Where references are read from; given by whoever may read them. */
export interface SecretReader {
  /** The variable's value; undefined: it is not set. */
  env(name: string): string | undefined;
  /** The file's text. Throws when it cannot be read. */
  file(path: string): string;
}

/**
 * The output with all references replaced by what they refer to: what is described and sent with. Never stored, shown or logged.
 * @throws StreamGateError SG_OUTPUT_SECRET naming the field, never the value
 */
export function resolveSecrets(config: OutputConfig, read: SecretReader): OutputConfig {
  return mapTexts(outputSchema(config.type), config, ({ kind, path, value }) => {
    if (kind === undefined || !isRecord(value)) return value;
    const id = typeof config.id === "string" ? ` ${JSON.stringify(config.id)}` : "";
    return readReference(value as { env?: string; file?: string }, kind, `output${id} ${placeOf(path)}`, read);
  }) as OutputConfig;
}

function readReference(
  { env, file }: { env?: string; file?: string },
  kind: TextKind,
  where: string,
  read: SecretReader,
): string {
  const source = env !== undefined ? `environment variable ${env}` : `file ${file}`;
  const refused = (what: string, fix: string, cause?: unknown) =>
    new StreamGateError("SG_OUTPUT_SECRET", { where, what: `${source} ${what}`, fix }, { cause });
  const fix = env !== undefined ? "set it for the data plane's process" : "name a file that the data plane may read";
  let text: string | undefined;
  try {
    text = env !== undefined ? read.env(env) : read.file(file!);
  } catch (error) {
    // The code alone: a reader's message may quote what it read.
    throw refused(`cannot be read${codeOf(error)}`, fix, error);
  }
  if (text === undefined) throw refused("is not set", fix);
  // Editors and `kubectl create secret --from-file` end a file with a newline that belongs to no secret.
  if (kind !== "pem" && kind !== "key") text = text.replace(/\r?\n$/, "");
  if (text.trim() === "") throw refused("is empty", fix);
  const unfit = unfitFor(kind, text);
  if (unfit !== undefined) throw refused(unfit.what, unfit.fix);
  return text;
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" && /^[A-Z]+$/.test(code) ? ` (${code})` : "";
}

/**
 * `text`, such as a destination's answer, in which each secret of `config` is hidden.
 * @param config may have been resolved: then what its references refer to is hidden too
 */
export function withoutSecrets(text: string, config: OutputConfig): string {
  const secrets = new Set<string>();
  mapTexts(outputSchema(config.type), config, (place) => {
    const { value } = place;
    // Shorter ones would blot out half of the text, and are none that anyone should use.
    if (typeof value === "string" && value.length >= 4 && maskedText(place) === hidden) secrets.add(value);
    return value;
  });
  return [...secrets].toSorted((a, b) => b.length - a.length).reduce((rest, one) => rest.replaceAll(one, hidden), text);
}
