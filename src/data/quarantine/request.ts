/**
 * What a command asks of the process that has the quarantine open, or opens it next: files beside the segments.
 *
 * `<16 hex digits>.request` appears whole, under its name; when it is done `<16 hex digits>.answer` appears and the request goes. Whoever
 * asked removes the answer.
 */

import { randomBytes } from "node:crypto";
import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeDirectory, syncDirectory } from "../../persistence/durable_file.ts";

export interface QuarantineRequest {
  readonly do: "release" | "purge";
  /** Ids of groups. */
  readonly groups: readonly string[];
  /** Release also what none of the rules that run now would hold: the rule that withheld it is gone. */
  readonly withoutRule?: boolean;
}

export interface QuarantineAnswer {
  /** Ids of groups that are not there any more. */
  readonly done: readonly string[];
  /** Of groups that were released: records that a rule still could not finish. They are there under another id. */
  readonly withheldAgain: number;
  readonly left: readonly { readonly id: string; readonly why: string }[];
}

const answerLookMs = 50;

/** @returns its name */
export async function ask(directory: string, request: QuarantineRequest): Promise<string> {
  const name = randomBytes(8).toString("hex");
  await makeDirectory(directory);
  await appear(directory, `${name}.request`, request);
  return name;
}

/** @returns undefined when nobody has answered within this time; the request stays */
export async function answerTo(directory: string, name: string, waitMs: number): Promise<QuarantineAnswer | undefined> {
  const path = join(directory, `${name}.answer`);
  for (let waited = 0; ; waited += answerLookMs) {
    const text = await readFile(path, "utf8").catch(() => undefined);
    if (text !== undefined) {
      await rm(path, { force: true });
      return JSON.parse(text) as QuarantineAnswer;
    }
    if (waited >= waitMs) return undefined;
    await sleep(answerLookMs);
  }
}

/** Names of requests that nobody has answered, and what they say; undefined: nothing that can be understood. */
export async function requestsIn(
  directory: string,
): Promise<readonly { readonly name: string; readonly request: QuarantineRequest | undefined }[]> {
  const names = await readdir(directory).catch(() => []);
  const requests = names.filter((name) => /^[0-9a-f]{16}\.request$/.test(name)).toSorted();
  return Promise.all(
    requests.map(async (file) => ({
      name: file.slice(0, 16),
      request: readRequest(await readFile(join(directory, file), "utf8").catch(() => "")),
    })),
  );
}

export async function answer(directory: string, name: string, what: QuarantineAnswer): Promise<void> {
  await appear(directory, `${name}.answer`, what);
  await rm(join(directory, `${name}.request`), { force: true });
  await syncDirectory(directory);
}

/** Answers for which nobody waits any more: whoever asked was ended. */
export async function removeAnswers(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  for (const name of names) if (/^[0-9a-f]{16}\.answer$/.test(name)) await rm(join(directory, name), { force: true });
}

async function appear(directory: string, name: string, content: unknown): Promise<void> {
  const temporary = join(directory, `.${name}.tmp`);
  await writeFile(temporary, JSON.stringify(content), { mode: 0o600 });
  await rename(temporary, join(directory, name));
  await syncDirectory(directory);
}

function readRequest(text: string): QuarantineRequest | undefined {
  try {
    const { do: what, groups, withoutRule } = JSON.parse(text) as Partial<QuarantineRequest>;
    if (what !== "release" && what !== "purge") return undefined;
    if (!Array.isArray(groups) || !groups.every((id) => typeof id === "string")) return undefined;
    return { do: what, groups, withoutRule: withoutRule === true };
  } catch {
    return undefined;
  }
}
