/** What `import … from "streamgate/pino"` brings: a transport for pino. The reference is docs/library.md. */

export type { FileDestination, GateDestination } from "./library/log_destination.ts";
export {
  default,
  type PinoTransport,
  type PinoTransportOptions,
  type PinoTransportStats,
} from "./library/pino_transport.ts";
