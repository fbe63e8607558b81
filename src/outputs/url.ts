/** URLs that people give as destinations. */

interface Refusal {
  param: string;
  what: string;
  fix: string;
}

/** Why `text` cannot be the destination `param`; undefined: it can. */
export function urlRefusal(param: string, text: string, example: string): Refusal | undefined {
  const parsed = URL.parse(text);
  if (parsed === null || !["http:", "https:"].includes(parsed.protocol)) {
    return { param, what: "is no http:// or https:// URL", fix: `give one such as ${example}` };
  }
  if (parsed.username !== "" || parsed.password !== "") {
    return {
      param,
      what: "holds a user name or password, which would be shown wherever the URL is",
      fix: "leave them out, and give them where the output has a field for them",
    };
  }
  return undefined;
}

/** The same for a URL that a path is appended to. */
export function baseUrlRefusal(param: string, text: string, example: string): Refusal | undefined {
  const refusal = urlRefusal(param, text, example);
  if (refusal !== undefined) return refusal;
  const { search, hash } = new URL(text);
  if (search === "" && hash === "") return undefined;
  return { param, what: "has a query or a fragment, and a path is appended to it", fix: `give one such as ${example}` };
}

/** @param base accepted by `baseUrlRefusal` */
export function appendPath(base: string, path: string): string {
  return `${base.replace(/\/+$/, "")}${path}`;
}
