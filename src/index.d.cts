/** Types of `require("streamgate")`, also for compilers that do not know that `require` takes ES modules: those of index.ts. */
import type * as library from "./index.js" with { "resolution-mode": "import" };

export type * from "./index.js" with { "resolution-mode": "import" };
export declare const compile: typeof library.compile;
export declare const createEngine: typeof library.createEngine;
export declare const createGate: typeof library.createGate;
export declare const StreamGateError: typeof library.StreamGateError;
export type StreamGateError = library.StreamGateError;
export declare const version: typeof library.version;
