/** The package's version, read from the one place that has it. */

import { readFileSync } from "node:fs";

// The same distance from src/ and from dist/.
const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

export const version: string = manifest.version;
