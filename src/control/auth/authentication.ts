/**
 * Who calls, and what they may do; the same for REST and gRPC, which only bring the token and the address.
 *
 * On loopback a token is asked for when one is configured. On any other address one must be, unless CONTROL_AUTH=off says that something
 * else guards the port.
 */

import { isIPv4 } from "node:net";
import { type ErrorParts, StreamGateError } from "../../errors.ts";
import { RateLimit } from "../../telemetry/log.ts";
import type { Actor } from "../actor.ts";
import { Failures } from "./failures.ts";
import { type Access, permits, type Role } from "./role.ts";
import { digestOf, entryOf, isUnguessable, type TokenEntry } from "./token.ts";
import { TokenFile } from "./token_file.ts";

/** Name of the token in STREAMGATE_TOKEN. */
const settingTokenName = "STREAMGATE_TOKEN";
/** Of a token that somebody chose: fewer are tried too soon. */
const tokenCharactersMin = 16;
const refusalLogMs = 10_000;

export interface AuthSettings {
  readonly controlHost: string;
  readonly controlAuth: "on" | "off";
  readonly token?: string | undefined;
  readonly tokenFile?: string | undefined;
}

/** How a port that asks for tokens is called: the setting that says where it listens, and its name. */
export interface PortWords {
  readonly setting: string;
  readonly name: string;
}

const controlPortWords: PortWords = { setting: "CONTROL_HOST", name: "control API" };

export interface AuthLog {
  info(message: string): void;
  warn(message: string): void;
}

/** Someone who was let in. */
export interface Caller {
  readonly actor: Actor;
  readonly role: Role;
}

/** A token that is missing or wrong (SG_TOKEN), tried too often (SG_TOKEN_LIMIT), or not enough for a call (SG_ROLE). */
export class AccessError extends StreamGateError {
  /** Of SG_TOKEN_LIMIT: whole seconds until the next try is looked at. */
  readonly retryAfterS: number | undefined;

  constructor(code: "SG_TOKEN" | "SG_TOKEN_LIMIT" | "SG_ROLE", parts: ErrorParts, retryAfterS?: number) {
    super(code, parts);
    this.retryAfterS = retryAfterS;
  }
}

export class Authentication {
  readonly #own: readonly TokenEntry[];
  readonly #file: TokenFile | undefined;
  readonly #log: AuthLog;
  readonly #failures = new Failures();
  readonly #refusals = new RateLimit(refusalLogMs);
  readonly #configured: boolean;
  readonly #off: boolean;
  /** Whether calls need a token. */
  readonly required: boolean;

  /**
   * @throws StreamGateError SG_SETTING when the address can be reached from elsewhere and no token is configured, SG_TOKEN_FILE
   */
  constructor({ controlHost, controlAuth, token, tokenFile }: AuthSettings, log: AuthLog, port = controlPortWords) {
    this.#log = log;
    const off = controlAuth === "off";
    const configured = token !== undefined || tokenFile !== undefined;
    this.#off = off;
    this.#configured = configured;
    this.required = configured && !off;
    this.guard(controlHost, port);
    if (off && configured) log.warn("CONTROL_AUTH=off: the tokens that are configured are not asked for");
    this.#own =
      this.required && token !== undefined ? [{ name: settingTokenName, role: "admin", digest: digestOf(token) }] : [];
    this.#file =
      this.required && tokenFile !== undefined ? new TokenFile(tokenFile, (message) => log.warn(message)) : undefined;
    if (this.required && token !== undefined && token.length < tokenCharactersMin)
      log.warn(
        `STREAMGATE_TOKEN has fewer than ${tokenCharactersMin} characters and can be guessed; \`streamgate token new\` makes one that cannot`,
      );
  }

  /**
   * A port asks for these tokens: the one at hand, and others of the same process.
   * @throws StreamGateError SG_SETTING when its address can be reached from elsewhere and no token is configured
   */
  guard(host: string, port: PortWords): void {
    if (isLoopback(host)) return;
    if (!this.#configured && !this.#off) throw unguarded(host, port);
    if (this.#off)
      this.#log.warn(
        `CONTROL_AUTH=off: whoever reaches the ${port.name} at ${host} may do all that it offers; something else must guard it`,
      );
  }

  /**
   * Lets a caller in, or says why not. Wrong tokens are counted by source; a source that had too many has to wait, except with a token that
   * nobody can guess: others at the same address (a proxy, the same machine) must not be able to lock its owner out.
   * @param token as it came, undefined: none came
   * @param address of the connection
   * @throws AccessError SG_TOKEN, SG_TOKEN_LIMIT
   */
  authenticate(token: string | undefined, address: string): Caller {
    if (!this.required) return { actor: { name: "local", address }, role: "admin" };
    if (token === undefined || token === "") {
      this.#tell(address, "no token");
      throw new AccessError("SG_TOKEN", { where: "authorization", what: "no token came with the call", fix: asHeader });
    }
    const nowMs = Date.now();
    const waitMs = this.#failures.waitMs(address, nowMs);
    // A token that can be guessed is not even compared while its source has to wait.
    const entry =
      waitMs > 0 && !isUnguessable(token)
        ? undefined
        : entryOf(token, [...this.#own, ...(this.#file?.entries() ?? [])]);
    if (entry !== undefined) return { actor: { name: entry.name, address }, role: entry.role };
    if (waitMs > 0) {
      const seconds = Math.ceil(waitMs / 1000);
      throw new AccessError(
        "SG_TOKEN_LIMIT",
        { where: "authorization", what: "too many wrong tokens came from this address", fix: `wait ${seconds} s` },
        seconds,
      );
    }
    this.#failures.note(address, nowMs);
    this.#tell(address, "a wrong token");
    throw new AccessError("SG_TOKEN", { where: "authorization", what: "the token is not known", fix: asHeader });
  }

  /** One line at a time for all sources: a line for each would let anybody fill the log. */
  #tell(address: string, what: string): void {
    const held = this.#refusals.pass("");
    if (held === undefined) return;
    const more = held === 0 ? "" : `, and ${held} before it`;
    this.#log.warn(`control API: refused a call from ${address} that came with ${what}${more}`);
  }
}

const asHeader = "send a token in the header `Authorization: Bearer TOKEN`";

/** @throws AccessError SG_ROLE */
export function authorize({ actor, role }: Caller, access: Access, call: string): void {
  if (permits(role, access)) return;
  throw new AccessError("SG_ROLE", {
    where: call,
    what: `the token ${JSON.stringify(actor.name)} has the role ${role}, and this call asks for ${access}`,
    fix: `use a token with the role ${access}`,
  });
}

/** The token of an `Authorization: Bearer` header or its gRPC namesake; undefined: none of that kind. */
export function bearerToken(authorization: string | undefined): string | undefined {
  return /^bearer +(\S+) *$/i.exec(authorization ?? "")?.[1];
}

/** Names are not resolved: what they mean may change, and only these can mean nothing else. */
export function isLoopback(host: string): boolean {
  const address = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host)?.[1] ?? host;
  return host === "localhost" || host === "::1" || host === "[::1]" || (isIPv4(address) && address.startsWith("127."));
}

function unguarded(host: string, { setting, name }: PortWords): StreamGateError {
  return new StreamGateError("SG_SETTING", {
    where: `${setting} ${host}`,
    what: `can be reached from other machines, and no token guards the ${name}`,
    fix: `set STREAMGATE_TOKEN, or STREAMGATE_TOKEN_FILE to a file of lines that \`streamgate token new NAME --role admin\` prints; or leave ${setting} out to listen on loopback alone; or say CONTROL_AUTH=off where something else guards the port`,
  });
}
