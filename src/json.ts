/**
 * Parses JSON that a person or another program wrote: rules files, manifests, request bodies, state files.
 *
 * What is wrong is told by its place. The text is never quoted, as V8 does, because it may hold a token, and what is said here
 * ends up in logs.
 */

/** Deepest nesting of lists and objects; a manifest needs about 6. Code that walks a value recursively relies on it. */
const depthMaxDefault = 64;

/**
 * @param text JSON; bytes are read as UTF-8, and a byte order mark, which editors on Windows write, is skipped
 * @throws Error with the reason, to follow the file's name in a sentence
 */
export function parseJson(text: string | Uint8Array, depthMax = depthMaxDefault): unknown {
  const decoded = typeof text === "string" ? text.replace(/^\uFEFF/, "") : decode(text);
  let value: unknown;
  try {
    value = JSON.parse(decoded);
  } catch (error) {
    throw new Error(`is no JSON: ${reasonOf(decoded, (error as Error).message)}`);
  }
  if (isDeeper(value, depthMax)) throw new Error(`is nested deeper than ${depthMax} levels`);
  return value;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Error("is not in UTF-8");
  }
}

function reasonOf(text: string, message: string): string {
  if (text.trim() === "") return "there is nothing in it";
  if (message.startsWith("Unexpected end of JSON input")) return "it ends too early";
  const position = Number(/ at position (\d+)/.exec(message)?.[1] ?? positionOfToken(text));
  const lines = text.slice(0, position).split("\n");
  return `wrong at line ${lines.length}, column ${lines.at(-1)!.length + 1}`;
}

/**
 * V8 tells no position for a token that does not belong. Every beginning of the text that reaches it has the same fault, and
 * no shorter one has: they end too early.
 */
function positionOfToken(text: string): number {
  let [before, past] = [0, text.length];
  while (past - before > 1) {
    const middle = (before + past) >>> 1;
    if (messageOf(text.slice(0, middle)).startsWith("Unexpected token")) past = middle;
    else before = middle;
  }
  return before;
}

function messageOf(text: string): string {
  try {
    JSON.parse(text);
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

/** Counted without recursion: brackets alone would exhaust the stack. */
function isDeeper(value: unknown, depthMax: number): boolean {
  let level = [value].filter(isContainer);
  for (let depth = 0; level.length > 0; depth++) {
    if (depth === depthMax) return true;
    level = level.flatMap((part) => Object.values(part)).filter(isContainer);
  }
  return false;
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
