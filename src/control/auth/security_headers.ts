/**
 * What every answer tells a browser: not to guess types, not to keep it, not to show it in a frame, not to run what is in it. There is no
 * CORS header, so no page of another origin reads an answer. And no Strict-Transport-Security: browsers apply it to a name, so that one
 * gate on localhost would take plain HTTP from every other program there.
 */

const everywhere = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
} as const;

const nothingRuns = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
/** Its scripts are files beside it; its styles are set by scripts, its icons are data URLs. */
const documentationRuns = `${nothingRuns}; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'`;

export function securityHeaders(url: string): Readonly<Record<string, string>> {
  const documentation = url === "/docs" || url.startsWith("/docs/") || url.startsWith("/docs?");
  return { ...everywhere, "content-security-policy": documentation ? documentationRuns : nothingRuns };
}
