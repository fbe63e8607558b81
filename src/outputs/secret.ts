/**
 * Texts that a configuration gives as they are, or by where they stand: `"…"`, `{"env":"NAME"}`, `{"file":"path"}`.
 *
 * Here is how a schema declares such a place, marked with `x-text`; what is done to all marked places is in `secrets_of_config.ts`. A field
 * beside URLs that says where an output sends is marked `x-destination`: a stored secret goes to no other.
 */

import { Type } from "../typebox.ts";

/** A text as it is, or where it stands. */
export type Text = string | { readonly env: string } | { readonly file: string };

/** What stands for a secret wherever a configuration is shown. */
export const hidden = "***";

/**
 * What a marked place holds. `secret`: always hidden. `header`: hidden when the header's name says that it is one. `pem`: certificates,
 * not hidden. `key`: a private key in PEM. `url`: values in its query are hidden when their names say so.
 */
export type TextKind = "secret" | "header" | "pem" | "key" | "url";

function textOf(kind: TextKind, description: string) {
  return Type.Union(
    [
      Type.String({ minLength: 1 }),
      Type.Object({ env: Type.String({ minLength: 1 }) }, { additionalProperties: false }),
      Type.Object({ file: Type.String({ minLength: 1 }) }, { additionalProperties: false }),
    ],
    {
      description: `${description} As text, as {"env":"NAME"} or as {"file":"path"}.`,
      "x-text": kind,
      "x-words": 'a string, {"env":"NAME"} or {"file":"path"}',
    },
  );
}

/** A secret: never shown again. */
export const secret = (description: string) => textOf("secret", description);
/** The value of a header. */
export const headerValue = (description: string) => textOf("header", description);
/** Certificates in PEM. */
export const certificate = (description: string) => textOf("pem", description);
/** A private key in PEM: never shown again. */
export const privateKey = (description: string) => textOf("key", description);
/** An http:// or https:// URL. */
export const url = (description: string) => Type.String({ minLength: 1, description, "x-text": "url" });

/** The text of a secret in a configuration whose references have been read. */
export function textOfResolved(text: Text): string {
  if (typeof text === "string") return text;
  throw new Error("an output was described before its references to environment variables and files were read");
}
