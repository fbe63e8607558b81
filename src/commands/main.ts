#!/usr/bin/env node
/** The program's first file: settles what has to be settled before other code is loaded, then reads the command line. */

import { keepYoungGenerationSmall } from "../young_generation.ts";
import { letSignalsEnd } from "./default_signals.ts";

// package.json's `engines`, of which npm only warns: older ones fail at an import that they do not know.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 15)) {
  process.stderr.write(`streamgate: Node 22.15 or later is needed, and this is ${process.version}\n`);
  process.exit(1);
}
letSignalsEnd();
keepYoungGenerationSmall();
await import("./command_line.ts");
