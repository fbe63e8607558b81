#!/usr/bin/env node
/** The program's first file: settles what has to be settled before other code is loaded, then reads the command line. */

import { keepYoungGenerationSmall } from "../young_generation.ts";
import { letSignalsEnd } from "./default_signals.ts";

letSignalsEnd();
keepYoungGenerationSmall();
await import("./command_line.ts");
