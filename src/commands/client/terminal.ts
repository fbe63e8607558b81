/** What people read: colours where a terminal shows them, and texts from elsewhere without what would move its cursor. */

import { styleText } from "node:util";

export type Style = "bold" | "dim" | "red" | "green" | "yellow";

/** Never with NO_COLOR (https://no-color.org), never into a pipe or a file. */
const coloured = process.stdout.isTTY === true && (process.env.NO_COLOR ?? "") === "";

export function paint(style: Style, text: string): string {
  return coloured ? styleText(style, text, { validateStream: false }) : text;
}

/** One line: control characters, ESC among them, as `\x1b`; tabs stay. Records and ids come from people that nobody knows. */
export function visible(text: string): string {
  return text.replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (one) => {
    if (one === "\n") return "\\n";
    if (one === "\r") return "\\r";
    const code = one.codePointAt(0)!;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16)}`;
  });
}
