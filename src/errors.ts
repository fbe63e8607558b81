/**
 * Every error that StreamGate raises on purpose: its stable code, and the shape in which it speaks.
 *
 * An error says where (a place the user can find in their own file), what (the other party's words unchanged), and what
 * to do. It never carries a secret or a record's content. `docs/reference/errors.md` has a row for each code.
 */

/** The codes, each with the sentence that the error reference prints for it. */
export const errorCodes = {
  SG_RULE_TYPE: "A rule names a type that does not exist.",
  SG_RULE_PARAMS: "A rule's parameters do not fit its type.",
  SG_RULE_PATTERN: "A pattern is refused by RE2.",
  SG_RULE_REWRITE: "A replacement is refused: it is not a valid RE2 rewrite for its pattern.",
  SG_RULE_OUTPUT: "A rule names an output that does not exist.",
  SG_RULE_SECRET: "The key of a rule cannot be read from its environment variable or file.",
  SG_RULE_DUPLICATE: "A rule with this id exists already.",
  SG_RULE_MISSING: "No rule has this id.",
  SG_RULE_TEST: "Rule tests are not well formed.",
  SG_CONDITION: "A condition, such as an output's filter, is not well formed, or RE2 refuses a pattern of it.",
  SG_OUTPUT_TYPE: "An output names a type that does not exist.",
  SG_OUTPUT_PARAMS: "An output's parameters do not fit its type.",
  SG_OUTPUT_DUPLICATE: "The same output is configured already.",
  SG_OUTPUT_MISSING: "No output has this id.",
  SG_OUTPUT_SECRET: "A secret of an output cannot be read from its environment variable or file.",
  SG_OUTPUT_ADDRESS: "An output would send to an address where clouds hand out credentials, or to a link-local one.",
  SG_OUTPUT_COUNT: "More outputs than the 64 that a record's route bits can name.",
  SG_MANIFEST: "A manifest or rules file is not well formed.",
  SG_VERSION_MISSING: "No version of this number is kept.",
  SG_CHANGED: "The state that a write asks for in If-Match is not the state any more.",
  SG_MANIFEST_SIGNATURE: "A manifest is not signed, was altered, or is older than the one before it.",
  SG_MANIFEST_KEY: "The key that signs manifests cannot be used.",
  SG_SETTING: "A flag or an environment variable has a value that does not fit.",
  SG_TOKEN: "A call came without a token, or with one that is not known.",
  SG_TOKEN_LIMIT: "Too many wrong tokens came from one address.",
  SG_TOKEN_FILE: "The file of tokens cannot be used.",
  SG_ROLE: "The token's role does not permit the call.",
  SG_TLS: "A certificate, its key or the authorities of clients cannot be used.",
  SG_PORT_IN_USE: "A port is served already.",
  SG_DATA_DIR: "The data directory cannot be used.",
  SG_DATA_DIR_LOCKED: "Another process uses the data directory.",
  SG_STATE_DAMAGED: "A state file in the data directory cannot be read.",
  SG_BUS_AWAY: "Redis does not answer.",
  SG_PUBLISH_REFUSED: "A data plane refused the manifest; nothing changed.",
  SG_ENGINE_UNAVAILABLE: "The engine that was asked for cannot be loaded.",
  SG_ENGINE_CLOSED: "A closed engine, ring or framer was used.",
  SG_LAYOUT: "Memory handed over does not have the layout that both engines share.",
  SG_INPUT: "The input cannot be read.",
  SG_STDOUT: "Standard output cannot be written.",
  SG_FILE: "The file of an output cannot be opened.",
  SG_SPOOL: "The spool of an output cannot be used.",
  SG_SPOOL_VERSION: "A spool file was written by another version.",
  SG_QUARANTINE: "The quarantine, or a group in it, cannot be used.",
  SG_QUARANTINE_KEY: "The key file of the quarantine is missing, unsafe or of another form.",
  SG_CONFIG_FILE: "The configuration comes from a file, so calls do not change it.",
  SG_CONTROL_AWAY: "No control plane answers where a command asks one.",
  SG_WORKER: "A worker could not be started.",
} as const;

export type ErrorCode = keyof typeof errorCodes;

export interface ErrorParts {
  /** The place, in the user's terms: `rules[2] "mask_card" params.pattern`, `--tcp-port`. */
  where?: string;
  /** What is wrong, with the other party's own words where there is another party. */
  what: string;
  /** What to do about it. */
  fix?: string;
}

/**
 * An error with a stable code, a place and a remedy.
 *
 * @example
 * throw new StreamGateError("SG_RULE_PATTERN", {
 *   where: 'rules[0] "ssn" params.pattern',
 *   what: "RE2 refuses it: missing ]: [0-9",
 *   fix: "close the class",
 * });
 */
export class StreamGateError extends Error {
  readonly code: ErrorCode;
  readonly where: string | undefined;
  readonly what: string;
  readonly fix: string | undefined;

  constructor(code: ErrorCode, parts: ErrorParts, options?: ErrorOptions) {
    super(sentence(parts), options);
    this.name = "StreamGateError";
    this.code = code;
    this.where = parts.where;
    this.what = parts.what;
    this.fix = parts.fix;
  }
}

/** `where: what; fix`, the one line in which an error is printed everywhere. */
export function sentence({ where, what, fix }: ErrorParts): string {
  return `${where === undefined ? "" : `${where}: `}${what}${fix === undefined ? "" : `; ${fix}`}`;
}
