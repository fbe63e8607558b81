/** Types of `require("streamgate/pino")`. */
import type * as library from "./pino.js" with { "resolution-mode": "import" };

declare const pinoTransport: typeof library.default & { readonly default: typeof library.default };
declare namespace pinoTransport {
  type PinoTransport = library.PinoTransport;
  type PinoTransportOptions = library.PinoTransportOptions;
  type PinoTransportStats = library.PinoTransportStats;
}
export = pinoTransport;
