/**
 * Every error that StreamGate raises on purpose: its stable code, and the shape in which it speaks.
 *
 * An error says where (a place the user can find in their own file), what (the other party's words unchanged), and what
 * to do. It never carries a secret or a record's content. `docs/reference/errors.md` has a row for each code.
 */

/**
 * The codes, each with what the error reference prints for it: what it means, and what to do. The remedy is of the code; an error's own
 * `fix` is of the case at hand. Links are from docs/reference/.
 */
export const errorCodes = {
  SG_RULE_TYPE: {
    meaning: "A rule names a type that does not exist.",
    remedy:
      "Take a type of [rules.md](rules.md). A manifest of a newer StreamGate: bring the data planes up to that version first.",
  },
  SG_RULE_PARAMS: {
    meaning: "A rule's parameters do not fit its type.",
    remedy:
      "Mend the field that `where` names; [rules.md](rules.md) has each type's fields, and `streamgate check FILE` says the same without a gate.",
  },
  SG_RULE_PATTERN: {
    meaning: "A pattern is refused by RE2.",
    remedy:
      "RE2 has no look-around and no back-references: use a [condition](../conditions.md), list the alternatives, or let a [detector](detectors.md) do it.",
  },
  SG_RULE_REWRITE: {
    meaning: "A replacement is refused: it is not a valid RE2 rewrite for its pattern.",
    remedy: "`\\0` is the whole match, `\\1` to `\\9` are groups that the pattern has, `\\\\` is a backslash.",
  },
  SG_RULE_OUTPUT: {
    meaning: "A rule names an output that does not exist.",
    remedy: "Add the output first, or take its id out of the rule; `streamgate outputs ls` lists them.",
  },
  SG_RULE_SECRET: {
    meaning: "The key of a rule cannot be read from its environment variable or file.",
    remedy: "Set the variable, or make the file readable, for the data plane's process: at least 16 bytes.",
  },
  SG_RULE_DUPLICATE: {
    meaning: "A rule with this id exists already.",
    remedy: "Choose another id, or replace that rule with `PUT /rules/{id}`.",
  },
  SG_RULE_MISSING: {
    meaning: "No rule has this id.",
    remedy: "`streamgate rules ls` lists the ids of the draft.",
  },
  SG_RULE_TEST: {
    meaning: "Rule tests are not well formed.",
    remedy: "Mend the place that `where` names; [rule_tests.md](../rule_tests.md) has the form.",
  },
  SG_CONDITION: {
    meaning: "A condition, such as an output's filter, is not well formed, or RE2 refuses a pattern of it.",
    remedy: "Mend the place that `where` names; [conditions.md](../conditions.md) has the forms.",
  },
  SG_OUTPUT_TYPE: {
    meaning: "An output names a type that does not exist.",
    remedy: "Take a type of [outputs.md](outputs.md).",
  },
  SG_OUTPUT_PARAMS: {
    meaning: "An output's parameters do not fit its type.",
    remedy: "Mend the field that `where` names; [outputs.md](outputs.md) has each type's fields.",
  },
  SG_OUTPUT_DUPLICATE: {
    meaning: "The same output is configured already.",
    remedy:
      "Nothing is to be done if that output was meant; else give the second one another id and another destination.",
  },
  SG_OUTPUT_MISSING: {
    meaning: "No output has this id.",
    remedy: "`streamgate outputs ls` lists the ids of the draft.",
  },
  SG_OUTPUT_SECRET: {
    meaning: "A secret of an output cannot be read from its environment variable or file.",
    remedy:
      "Set the variable, or make the file readable, for the data plane's process (not the control plane's), and publish again.",
  },
  SG_OUTPUT_ADDRESS: {
    meaning: "An output would send to an address where clouds hand out credentials, or to a link-local one.",
    remedy:
      "Send elsewhere. An agent that listens at a link-local address of its node: `ALLOW_METADATA_OUTPUTS` on both planes ([tls.md](../tls.md)).",
  },
  SG_OUTPUT_COUNT: {
    meaning: "More outputs than the 64 that a record's route bits can name.",
    remedy: "Remove some, or run a second gate behind one of them.",
  },
  SG_MANIFEST: {
    meaning: "A manifest or rules file is not well formed.",
    remedy:
      "Mend the place that `where` names; `streamgate schema` prints the JSON Schema, `streamgate check FILE` checks.",
  },
  SG_VERSION_MISSING: {
    meaning: "No version of this number is kept.",
    remedy: "`streamgate versions` lists those that are kept, the newest 100.",
  },
  SG_CHANGED: {
    meaning: "The state that a write asks for in If-Match is not the state any more.",
    remedy: "Read again, look at `GET /diff`, and write with the `ETag` of that answer. Nothing was changed.",
  },
  SG_MANIFEST_SIGNATURE: {
    meaning: "A manifest is not signed, was altered, or is older than the one before it.",
    remedy:
      "Give both planes the same `MANIFEST_KEY` and publish again; go back with a rollback, never with an old copy in Redis ([security.md](../security.md)). When neither explains it, somebody else writes to your Redis.",
  },
  SG_MANIFEST_KEY: {
    meaning: "The key that signs manifests cannot be used.",
    remedy:
      "Give 32 characters or more (`openssl rand -base64 32`), or `file:PATH` of a file with one such line for each key.",
  },
  SG_SETTING: {
    meaning: "A flag or an environment variable has a value that does not fit.",
    remedy:
      "Give what the message asks for; [settings.md](settings.md) has them all. A certificate and its key, a user and a password go together.",
  },
  SG_TOKEN: {
    meaning: "A call came without a token, or with one that is not known.",
    remedy:
      "Send `Authorization: Bearer TOKEN` (the command line: `STREAMGATE_TOKEN`). `streamgate token new` makes one.",
  },
  SG_TOKEN_LIMIT: {
    meaning: "Too many wrong tokens came from one address.",
    remedy: "Wait as `Retry-After` says. Tokens that `streamgate token new` made are let in all the same.",
  },
  SG_TOKEN_FILE: {
    meaning: "The file of tokens cannot be used.",
    remedy:
      "One token a line, NAME ROLE HASH; mode 0600 or 0640, and nobody else may write it ([security.md](../security.md)).",
  },
  SG_ROLE: {
    meaning: "The token's role does not permit the call.",
    remedy: "Use a token of the role that the message names.",
  },
  SG_TLS: {
    meaning: "A certificate, its key or the authorities of clients cannot be used.",
    remedy:
      "PEM, the certificate with its chain first, the key without a passphrase and of that certificate, both readable ([tls.md](../tls.md)).",
  },
  SG_PORT_IN_USE: {
    meaning: "A port is served already.",
    remedy: "End the other process or choose another port. Two gates on one port: `--share-ports` on both.",
  },
  SG_DATA_DIR: {
    meaning: "The data directory cannot be used.",
    remedy: "Name a directory that the process may write to: `--data-dir` or `STREAMGATE_DATA_DIR`.",
  },
  SG_DATA_DIR_LOCKED: {
    meaning: "Another process uses the data directory.",
    remedy: "End that process, or give this one a directory of its own.",
  },
  SG_STATE_DAMAGED: {
    meaning: "A state file in the data directory cannot be read.",
    remedy: "Bring the file back from a backup, or move it away to start without what it held.",
  },
  SG_BUS_AWAY: {
    meaning: "Redis does not answer.",
    remedy:
      "Start Redis, or mend `REDIS_HOST`, `REDIS_PORT`, `REDIS_URL`. Data planes run on meanwhile; then publish again.",
  },
  SG_PUBLISH_REFUSED: {
    meaning: "A data plane refused the manifest; nothing changed.",
    remedy: "The words behind it are the data plane's reason. Mend that and publish again; what ran before runs on.",
  },
  SG_ENGINE_UNAVAILABLE: {
    meaning: "The engine that was asked for cannot be loaded.",
    remedy:
      "The message has the remedy for the platform ([parity.md](../parity.md) tells what differs); without `STREAMGATE_ENGINE` the portable engine runs.",
  },
  SG_ENGINE_CLOSED: {
    meaning: "A closed engine, ring or framer was used.",
    remedy:
      "A fault of the program that uses the library, or of StreamGate: use nothing after `close()`, else report it.",
  },
  SG_LAYOUT: {
    meaning: "Memory handed over does not have the layout that both engines share.",
    remedy: "Take addon and program of one version: `npm ci` again. If it stays, report it.",
  },
  SG_INPUT: {
    meaning: "The input cannot be read.",
    remedy: "Mend the place that `where` names: a path, a line of standard input, a header, a body.",
  },
  SG_STDOUT: {
    meaning: "Standard output cannot be written.",
    remedy: "Look at the disk behind it, or at the program that reads it.",
  },
  SG_FILE: {
    meaning: "The file of an output cannot be opened.",
    remedy: "Let the user that StreamGate runs as write there, or name another path.",
  },
  SG_SPOOL: {
    meaning: "The spool of an output cannot be used.",
    remedy:
      "Make the data directory readable and writable, or move that lane's directory away to start without it; `streamgate spool verify` tells what it holds.",
  },
  SG_SPOOL_VERSION: {
    meaning: "A spool file was written by another version.",
    remedy: "Start the version that wrote it and let it deliver, or move the directory away ([spool.md](../spool.md)).",
  },
  SG_QUARANTINE: {
    meaning: "The quarantine, or a group in it, cannot be used.",
    remedy:
      "`streamgate quarantine ls` lists the groups; look in another directory with `--data-dir` ([quarantine.md](../quarantine.md)).",
  },
  SG_QUARANTINE_KEY: {
    meaning: "The key file of the quarantine is missing, unsafe or of another form.",
    remedy:
      "Bring the file back from a backup, mode 0600, base64 of 32 bytes a line ([quarantine.md](../quarantine.md#the-key)).",
  },
  SG_CONFIG_FILE: {
    meaning: "The configuration comes from a file, so calls do not change it.",
    remedy: "Change the file of `--config`: it is read again when it changes.",
  },
  SG_CONTROL_AWAY: {
    meaning: "No control plane answers where a command asks one.",
    remedy: "Start the gate, or say where it is: `--url` or `STREAMGATE_URL`; its authority with `--ca`.",
  },
  SG_WORKER: {
    meaning: "A worker could not be started.",
    remedy: "The log above has the reason. `STREAMGATE_ENGINE=portable` rules the addon out.",
  },
} as const satisfies Readonly<Record<string, { readonly meaning: string; readonly remedy: string }>>;

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
