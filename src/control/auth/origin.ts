/**
 * Keeps web pages out: a browser on the operator's machine reaches a control API on loopback, and runs pages from anywhere.
 *
 * - A page whose name was pointed at 127.0.0.1 (DNS rebinding) sends its own name as `Host`. On loopback only names that mean loopback are
 *   answered; so is, where no token is asked for on another address, no name with a dot in it, since only those can be anybody's.
 * - A page elsewhere may post a form, and cannot help sending its `Origin`, or in old browsers its `Referer`: writes refuse foreign ones.
 * - What a form can send as `Content-Type` no route takes, except nothing at all, which `curl -X POST -d ''` sends as a form.
 */

import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import { RequestError } from "../answer.ts";
import { isLoopback } from "./authentication.ts";

export interface OriginRules {
  /** loopback: names of this machine alone. undotted: also addresses and names without a dot. any: whatever it is. */
  readonly hosts: "loopback" | "undotted" | "any";
  /** What it listens on, lower case: a name for `Host` alone, since pages of any port may have it. */
  readonly ownHost: string;
  /** Further names, lower case, from the setting; pages of theirs may write. */
  readonly allowedHosts: readonly string[];
}

const safeMethods = ["GET", "HEAD", "OPTIONS"];

/** @throws RequestError 403, 415 */
export function refuseForeign(method: string, headers: IncomingHttpHeaders, rules: OriginRules): void {
  // Browsers say so themselves.
  if (headers["sec-fetch-site"] === "cross-site")
    throw new RequestError(403, { where: "sec-fetch-site", what: "requests from other sites' pages are refused" });
  checkHost(headers.host, rules);
  if (safeMethods.includes(method)) return;
  checkOrigin(headers, rules);
  checkContentType(headers);
}

function checkHost(host: string | undefined, { hosts, ownHost, allowedHosts }: OriginRules): void {
  if (host === undefined || host === "" || hosts === "any") return;
  const name = nameIn(host);
  if (name !== undefined) {
    if (name === ownHost || allowedHosts.includes(name) || name.endsWith(".localhost") || isLoopback(name)) return;
    if (hosts === "undotted" && (isIP(name) !== 0 || !name.includes("."))) return;
  }
  throw new RequestError(403, {
    where: "host",
    what: `${JSON.stringify(host.slice(0, 100))} is no name of this control API`,
    fix:
      hosts === "loopback"
        ? "call it localhost, or name it in CONTROL_ALLOWED_HOSTS"
        : "name it in CONTROL_ALLOWED_HOSTS, or ask for tokens",
  });
}

/** Of `localhost:8000`, `[::1]:8000`, `gate.example.com.`: the name or address, in lower case, without brackets. */
function nameIn(host: string): string | undefined {
  const found = /^(?:\[([0-9a-f:.]+)\]|([^:[\]/@?#\\\s]+))(?::\d{1,5})?$/i.exec(host);
  return (found?.[1] ?? found?.[2])?.toLowerCase().replace(/\.$/, "");
}

function checkOrigin({ origin, referer, host }: IncomingHttpHeaders, { allowedHosts }: OriginRules): void {
  const from = origin ?? referer;
  if (from === undefined) return;
  const page = URL.parse(from);
  // `null`: a sandboxed frame, a file, or a redirect from elsewhere.
  if (page !== null && /^https?:$/.test(page.protocol)) {
    // Parsed in the page's own scheme, so that a port that goes without saying is left out of both.
    if (host !== undefined && URL.parse(`${page.protocol}//${host}`)?.host === page.host) return;
    if (allowedHosts.includes(nameIn(page.host) ?? "")) return;
  }
  throw new RequestError(403, {
    where: origin === undefined ? "referer" : "origin",
    what: "a page of another origin may change nothing here",
    fix: "call the control API by the name that the page has, or name that in CONTROL_ALLOWED_HOSTS",
  });
}

function checkContentType(headers: IncomingHttpHeaders): void {
  const type = /^[^;]*/
    .exec(headers["content-type"] ?? "")![0]
    .trim()
    .toLowerCase();
  if (type === "" || type === "application/json" || type.endsWith("+json")) return;
  const { "content-length": length = "0", "transfer-encoding": coding } = headers;
  if (type === "application/x-www-form-urlencoded" && length === "0" && coding === undefined) return;
  throw new RequestError(415, {
    where: "content-type",
    what: `${JSON.stringify(type.slice(0, 100))} is not taken here`,
    fix: "send JSON with content-type: application/json",
  });
}
