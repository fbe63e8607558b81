/**
 * Every setting: its flag, its environment variable, its default and its meaning, in one table.
 *
 * The table makes the types, the command line's options and help, and the reference documentation. A flag wins over a
 * variable, a variable over the default; an empty variable counts as not set.
 */

import { availableParallelism } from "node:os";
import type { Framing } from "../data/frame/framing.ts";
import { StreamGateError } from "../errors.ts";
import { parsePrice, priceForm, pricesText, priceWords } from "../prices/index.ts";
import type { Price } from "../prices/price.ts";
import { firstViolation } from "../schema.ts";
import { type Static, type TSchema, Type } from "../typebox.ts";
import { framingForm, framingText, parseFraming } from "./framing.ts";
import { hostsForm, hostsText, parseHosts } from "./host_names.ts";
import { type MemoryNeeds, memoryBudgetDefault, memoryBudgetMin } from "./memory.ts";
import {
  KiB,
  MiB,
  parseBoolean,
  parseBytes,
  parseInteger,
  parseSeconds,
  parseShare,
  quantityForms,
} from "./quantity.ts";
import { parseShardBy, type ShardBy, shardByForm, shardByText } from "./shard_by.ts";

/** The largest port number (RFC 9293: 16 bits). 0 asks the system for any free port. */
const portMax = 65_535;
/** A ring tells 64 producers apart (src/data/ring/layout.ts): each worker may be one, and so may its native input thread. */
const workersMax = 32;
const ringBytesMin = 256 * KiB;
/** As in gRPC's own examples. Not the setting's default, so that a port which somebody asked for can be told from one that nobody did. */
export const grpcPortDefault = 50_051;
/** Registered with Prometheus' list of exporter ports for OpenTelemetry's exporter, and what people expect of a telemetry process. */
export const adminPortDefault = 9464;

const port = (text: string, fallback: number) =>
  Type.Integer({ minimum: 0, maximum: portMax, default: fallback, description: text });
const bytes = (text: string, fallback: number, minimum: number, maximum: number) =>
  Type.Integer({ minimum, maximum, default: fallback, description: text });

const settingsSchema = Type.Object({
  tcpPort: port("TCP port for records.", 8081),
  udpPort: port("UDP port for records; a datagram is one record.", 8082),
  host: Type.Optional(
    Type.String({ description: "Address that the ports for records listen on; absent: all, IPv4 and IPv6." }),
  ),
  controlPort: port("Port of the control API.", 8000),
  controlHost: Type.String({
    default: "localhost",
    description: "Address that the control API listens on; localhost: both loopback addresses.",
  }),
  adminPort: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: portMax,
      description:
        "Port for metrics, health and status of the data plane (docs/metrics.md). `streamgate data` serves it by default, `run` when it is given.",
    }),
  ),
  adminHost: Type.String({
    default: "localhost",
    description:
      "Address that the admin port listens on; localhost: both loopback addresses. Tokens are asked for as by the control API.",
  }),
  controlAuth: Type.Union([Type.Literal("on"), Type.Literal("off")], {
    default: "on",
    description:
      "on: with CONTROL_HOST on an address other than loopback, or a token set, the control API asks for a token (docs/security.md). off: it never does; something else must guard the port.",
  }),
  controlAllowedHosts: Type.Unsafe<readonly string[]>(
    Type.String({
      default: "none",
      description:
        "Further names by which browsers may call the control API, between commas, such as that of a proxy in front of it.",
    }),
  ),
  controlTlsCert: Type.Optional(
    Type.String({
      description: "PEM file of the control API's certificate and its chain; turns TLS on. Read again when it changes.",
    }),
  ),
  controlTlsKey: Type.Optional(Type.String({ description: "PEM file of its private key." })),
  controlTlsClientCa: Type.Optional(
    Type.String({ description: "PEM file of authorities: clients must show a certificate of one of them." }),
  ),
  adminTlsCert: Type.Optional(
    Type.String({
      description: "PEM file of the admin port's certificate and its chain; turns TLS on. Read again when it changes.",
    }),
  ),
  adminTlsKey: Type.Optional(Type.String({ description: "PEM file of its private key." })),
  adminTlsClientCa: Type.Optional(
    Type.String({ description: "PEM file of authorities: who asks there must show a certificate of one of them." }),
  ),
  grpcPort: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: portMax,
      description:
        "Port of the gRPC API, on the addresses of the control API (docs/grpc.md). The default port is left out with a warning when it is taken.",
    }),
  ),
  redisUrl: Type.Optional(
    Type.String({
      description: "Redis to meet the other plane in, as redis:// or rediss:// URL; turns the Redis bus on.",
    }),
  ),
  redisHost: Type.Optional(Type.String({ description: "Host of that Redis; turns the Redis bus on." })),
  redisPort: Type.Integer({ minimum: 1, maximum: portMax, default: 6379, description: "Port of that Redis." }),
  redisUsername: Type.Optional(Type.String({ description: "User of that Redis; absent: the default one." })),
  redisPassword: Type.Optional(
    Type.String({ description: "Password of that user, or file:PATH of a file that holds it." }),
  ),
  redisTlsCa: Type.Optional(
    Type.String({
      description: "PEM file of the authorities of that Redis's certificate; turns TLS on. Absent: the system's.",
    }),
  ),
  redisTlsCert: Type.Optional(
    Type.String({ description: "PEM file of a certificate that is shown to that Redis; turns TLS on." }),
  ),
  redisTlsKey: Type.Optional(Type.String({ description: "PEM file of its private key." })),
  manifestKey: Type.Optional(
    Type.String({
      description:
        "Key of at least 32 characters that signs manifests on their way through Redis, or file:PATH of a file with one on each line, the last of which signs; data planes that have it take no others (docs/security.md).",
    }),
  ),
  workers: Type.Integer({
    minimum: 1,
    maximum: workersMax,
    default: Math.min(workersMax, Math.max(1, availableParallelism() - 1)),
    description: "Worker threads; default: processor cores less one, at least 1.",
  }),
  engine: Type.Optional(
    Type.Union([Type.Literal("native"), Type.Literal("portable")], {
      description: "Engine; absent: native when it loads, else portable with a warning.",
    }),
  ),
  dataDir: Type.String({
    default: ".streamgate",
    description: "Directory for drafts, versions and the last good manifest.",
  }),
  token: Type.Optional(Type.String({ description: "Token that the control API asks for; it may do everything." })),
  tokenFile: Type.Optional(
    Type.String({
      description:
        "File of tokens, a line each: NAME ROLE HASH, as `streamgate token new` prints it. Read again when it changes.",
    }),
  ),
  config: Type.Optional(
    Type.String({
      description:
        "File that the configuration comes from, streamgate.json, instead of from the control API or Redis; read again when it changes (docs/config_file.md).",
    }),
  ),
  url: Type.String({
    default: "http://localhost:8000",
    description: "Control API that the commands ask which change and watch a gate (docs/cli.md).",
  }),
  ca: Type.Optional(
    Type.String({
      description: "File of the certificate authority, PEM, that these commands trust; absent: Node's own.",
    }),
  ),
  clientCert: Type.Optional(
    Type.String({
      description: "File of a certificate, PEM, that these commands show where CONTROL_TLS_CLIENT_CA asks for one.",
    }),
  ),
  clientKey: Type.Optional(Type.String({ description: "File of its private key, PEM." })),
  tcpFraming: Type.Unsafe<Framing>(
    Type.String({
      default: "auto",
      description: "How TCP streams are cut into records: auto, newline, octet, nul, length32 or delimiter:TEXT.",
    }),
  ),
  maxRecordBytes: bytes("Longest record in bytes; what exceeds it is discarded and counted.", MiB, 1 * KiB, 64 * MiB),
  ringSlots: Type.Integer({
    minimum: 16,
    maximum: 1_000_000,
    default: 10_000,
    description: "Most unread blocks in one worker's ring.",
  }),
  ringBytes: bytes("Memory of one worker's ring, rounded up to a power of two.", 8 * MiB, ringBytesMin, 512 * MiB),
  queueBytes: bytes("Memory of each output's queue in each worker.", 16 * MiB, 64 * KiB, 4096 * MiB),
  memoryBudget: bytes(
    "Memory that the process may take; over it outputs spill or let senders wait (docs/overload.md). Default: a quarter of the machine's or container's, or the least that the other settings need.",
    memoryBudgetDefault(),
    64 * MiB,
    2 ** 41,
  ),
  overload: Type.Union([Type.Literal("bypass"), Type.Literal("backpressure")], {
    default: "bypass",
    description:
      "When records come faster than rules run: bypass skips the dearest rules of class reduce (never redact), backpressure lets senders wait (docs/overload.md).",
  }),
  prices: Type.Unsafe<Price | undefined>(
    Type.String({
      default: "none",
      description:
        "What records cost at outputs that are no vendor's own: a vendor's price, or dollars a GB and a million events, such as 0.08+1.25 (docs/prove.md).",
    }),
  ),
  quarantineMaxBytes: bytes(
    "Disk space of the quarantine, where records are kept that a protect rule cannot finish; when it is full they are lost, never sent (docs/quarantine.md).",
    256 * MiB,
    64 * KiB,
    2 ** 41,
  ),
  quarantineMaxDays: Type.Integer({
    minimum: 0,
    maximum: 36_500,
    default: 30,
    description: "Days that a record stays there; 0: until it is released or purged.",
  }),
  planeId: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 100,
      pattern: "^[A-Za-z0-9][A-Za-z0-9._-]*$",
      "x-words": "letters, digits, dots, hyphens and underscores, a letter or a digit first",
      description:
        "What this data plane is called in GET /planes; absent: the host's name and some random letters, kept in the data directory.",
    }),
  ),
  revert: Type.Union([Type.Literal("on"), Type.Literal("off")], {
    default: "on",
    description:
      "on: after a reload that makes errors jump or volume collapse, go back to the reduce rules and outputs of the version before (docs/versions.md).",
  }),
  revertWindowMs: Type.Integer({
    minimum: 1000,
    maximum: 3_600_000,
    default: 60_000,
    description: "Seconds after a reload in which that may happen.",
  }),
  revertVolume: Type.Number({
    minimum: 0,
    maximum: 1,
    default: 0.05,
    description:
      "Volume has collapsed when the share of records that pass is less than this part of what it was before.",
  }),
  revertErrors: Type.Number({
    minimum: 0,
    maximum: 1,
    default: 0.2,
    description:
      "Errors have jumped when the share of records that an output refuses, or that go to the quarantine, is higher by this than before.",
  }),
  revertRecords: Type.Integer({
    minimum: 1,
    maximum: 1_000_000_000,
    default: 1000,
    description: "Records that must have come, before the reload and after it, for that to be judged.",
  }),
  shutdownTimeoutMs: Type.Integer({
    minimum: 0,
    maximum: 3_600_000,
    default: 10_000,
    description: "Seconds that a shutdown may take to deliver what was received.",
  }),
  logFormat: Type.Union([Type.Literal("auto"), Type.Literal("json"), Type.Literal("pretty")], {
    default: "auto",
    description: "How the program's own log is written; auto: pretty on a terminal, else JSON lines.",
  }),
  logLevel: Type.Union([Type.Literal("info"), Type.Literal("warn"), Type.Literal("error"), Type.Literal("silent")], {
    default: "info",
    description: "The least of what it says.",
  }),
  sharePorts: Type.Boolean({
    default: false,
    description: "Let several processes serve the same ports; without it a port that is served already is refused.",
  }),
  tcpListener: Type.Union([Type.Literal("auto"), Type.Literal("per_worker"), Type.Literal("single")], {
    default: "auto",
    description:
      "One TCP listener a worker, or a single one that hands connections out; auto: per_worker where the system can.",
  }),
  tlsPort: port("TCP port for records over TLS (RFC 5425), served where TLS_CERT is set (docs/tls.md).", 6514),
  tlsCert: Type.Optional(
    Type.String({ description: "File of the certificate that this port shows, with its chain, in PEM; turns it on." }),
  ),
  tlsKey: Type.Optional(Type.String({ description: "File of that certificate's key, in PEM." })),
  tlsClientCa: Type.Optional(
    Type.String({
      description: "File of authorities in PEM: senders over TLS must show a certificate of one of them.",
    }),
  ),
  tlsHandshakeTimeoutMs: Type.Integer({
    minimum: 100,
    maximum: 3_600_000,
    default: 10_000,
    description: "Seconds that a sender may take to agree on TLS.",
  }),
  maxConnections: Type.Integer({
    minimum: 0,
    maximum: 10_000_000,
    default: 50_000,
    description:
      "Open connections over TCP and TLS, of all workers together; further ones are closed at once (docs/listeners.md). 0: no limit.",
  }),
  maxConnectionsPerSource: Type.Integer({
    minimum: 0,
    maximum: 10_000_000,
    default: 0,
    description:
      "Of those, from one address (IPv6: one /64 network), such as a load balancer's, which may have them all. 0: no limit.",
  }),
  ratePerSource: bytes(
    "Bytes a second that one address may send over TCP and TLS; what is beyond waits at the sender. 0: no limit.",
    0,
    0,
    2 ** 41,
  ),
  idleTimeoutMs: Type.Integer({
    minimum: 0,
    maximum: 7 * 24 * 3_600_000,
    default: 0,
    description: "Seconds without a byte after which a connection is closed. 0: never.",
  }),
  recordTimeoutMs: Type.Integer({
    minimum: 0,
    maximum: 7 * 24 * 3_600_000,
    default: 300_000,
    description:
      "Seconds that one record may take from its first byte to its end; then the connection is closed. 0: any.",
  }),
  allowMetadataOutputs: Type.Boolean({
    default: false,
    description:
      "Let outputs send to link-local addresses and to those where clouds serve credentials, such as 169.254.169.254 (docs/tls.md).",
  }),
  shardBy: Type.Unsafe<ShardBy>(
    Type.String({
      default: "none",
      description:
        "What decides which worker a record belongs to: none (it stays where it is received), source, attribute:NAME or syslog.FIELD, such as syslog.host (docs/sharding.md).",
    }),
  ),
});

export type Settings = Static<typeof settingsSchema>;
export type SettingKey = keyof Settings;

/** Which commands take a setting: those that run a data plane, those that serve the control API, both, or those that ask it. */
export type SettingGroup = "data" | "control" | "both" | "client";

/** How a setting is spelled outside, and how its text becomes a value. */
export interface Spelling {
  readonly group: SettingGroup;
  /** Long option without dashes. */
  readonly flag: string;
  readonly env: string;
  readonly parse: (text: string) => unknown;
  /** What the help prints in the option's place of a value; absent: a switch. */
  readonly placeholder?: string;
  /** The default as a person would write it, where it differs from the value. */
  readonly defaultText?: string;
}

const text = (value: string): unknown => value;

/** Settings whose value is no text but what their `parse` makes of one, and what may be written. */
const parsedTexts: Partial<Record<SettingKey, string>> = {
  tcpFraming: framingText,
  shardBy: shardByText,
  prices: pricesText,
  controlAllowedHosts: hostsText,
};

/** The same as regular expressions. */
const parsedForms: Partial<Record<SettingKey, string>> = {
  tcpFraming: framingForm,
  shardBy: shardByForm,
  prices: priceForm,
  controlAllowedHosts: hostsForm,
};

/** What they say is repeated nowhere. */
const secretTexts: readonly SettingKey[] = ["token", "redisUrl", "redisPassword", "manifestKey"];

export const spellings: Readonly<Record<SettingKey, Spelling>> = {
  tcpPort: { group: "data", flag: "tcp-port", env: "TCP_PORT", parse: parseInteger, placeholder: "port" },
  udpPort: { group: "data", flag: "udp-port", env: "UDP_PORT", parse: parseInteger, placeholder: "port" },
  host: { group: "data", flag: "host", env: "LISTEN_HOST", parse: text, placeholder: "address" },
  controlPort: {
    group: "control",
    flag: "control-port",
    env: "CONTROL_PORT",
    parse: parseInteger,
    placeholder: "port",
  },
  controlHost: { group: "control", flag: "control-host", env: "CONTROL_HOST", parse: text, placeholder: "address" },
  adminPort: {
    group: "data",
    flag: "admin-port",
    env: "ADMIN_PORT",
    parse: parseInteger,
    placeholder: "port",
    defaultText: String(adminPortDefault),
  },
  adminHost: { group: "data", flag: "admin-host", env: "ADMIN_HOST", parse: text, placeholder: "address" },
  adminTlsCert: { group: "data", flag: "admin-tls-cert", env: "ADMIN_TLS_CERT", parse: text, placeholder: "file" },
  adminTlsKey: { group: "data", flag: "admin-tls-key", env: "ADMIN_TLS_KEY", parse: text, placeholder: "file" },
  adminTlsClientCa: {
    group: "data",
    flag: "admin-tls-client-ca",
    env: "ADMIN_TLS_CLIENT_CA",
    parse: text,
    placeholder: "file",
  },
  controlAuth: { group: "control", flag: "control-auth", env: "CONTROL_AUTH", parse: text, placeholder: "on|off" },
  controlAllowedHosts: {
    group: "control",
    flag: "control-allowed-hosts",
    env: "CONTROL_ALLOWED_HOSTS",
    parse: parseHosts,
    placeholder: "names",
  },
  controlTlsCert: {
    group: "control",
    flag: "control-tls-cert",
    env: "CONTROL_TLS_CERT",
    parse: text,
    placeholder: "file",
  },
  controlTlsKey: {
    group: "control",
    flag: "control-tls-key",
    env: "CONTROL_TLS_KEY",
    parse: text,
    placeholder: "file",
  },
  controlTlsClientCa: {
    group: "control",
    flag: "control-tls-client-ca",
    env: "CONTROL_TLS_CLIENT_CA",
    parse: text,
    placeholder: "file",
  },
  grpcPort: {
    group: "control",
    flag: "grpc-port",
    env: "GRPC_PORT",
    parse: parseInteger,
    placeholder: "port",
    defaultText: String(grpcPortDefault),
  },
  redisUrl: { group: "both", flag: "redis-url", env: "REDIS_URL", parse: text, placeholder: "url" },
  redisHost: { group: "both", flag: "redis-host", env: "REDIS_HOST", parse: text, placeholder: "host" },
  redisPort: { group: "both", flag: "redis-port", env: "REDIS_PORT", parse: parseInteger, placeholder: "port" },
  redisUsername: { group: "both", flag: "redis-username", env: "REDIS_USERNAME", parse: text, placeholder: "name" },
  redisPassword: { group: "both", flag: "redis-password", env: "REDIS_PASSWORD", parse: text, placeholder: "password" },
  redisTlsCa: { group: "both", flag: "redis-tls-ca", env: "REDIS_TLS_CA", parse: text, placeholder: "file" },
  redisTlsCert: { group: "both", flag: "redis-tls-cert", env: "REDIS_TLS_CERT", parse: text, placeholder: "file" },
  redisTlsKey: { group: "both", flag: "redis-tls-key", env: "REDIS_TLS_KEY", parse: text, placeholder: "file" },
  manifestKey: { group: "both", flag: "manifest-key", env: "MANIFEST_KEY", parse: text, placeholder: "key" },
  workers: {
    group: "data",
    flag: "workers",
    env: "STREAMGATE_WORKERS",
    parse: parseInteger,
    placeholder: "n",
    defaultText: "cores − 1",
  },
  engine: { group: "both", flag: "engine", env: "STREAMGATE_ENGINE", parse: text, placeholder: "native|portable" },
  dataDir: { group: "both", flag: "data-dir", env: "STREAMGATE_DATA_DIR", parse: text, placeholder: "directory" },
  token: { group: "control", flag: "token", env: "STREAMGATE_TOKEN", parse: text, placeholder: "token" },
  tokenFile: { group: "control", flag: "token-file", env: "STREAMGATE_TOKEN_FILE", parse: text, placeholder: "file" },
  config: { group: "data", flag: "config", env: "CONFIG", parse: text, placeholder: "file" },
  url: { group: "client", flag: "url", env: "STREAMGATE_URL", parse: text, placeholder: "url" },
  ca: { group: "client", flag: "ca", env: "STREAMGATE_CA", parse: text, placeholder: "file" },
  clientCert: {
    group: "client",
    flag: "client-cert",
    env: "STREAMGATE_CLIENT_CERT",
    parse: text,
    placeholder: "file",
  },
  clientKey: { group: "client", flag: "client-key", env: "STREAMGATE_CLIENT_KEY", parse: text, placeholder: "file" },
  tcpFraming: { group: "data", flag: "tcp-framing", env: "TCP_FRAMING", parse: parseFraming, placeholder: "framing" },
  maxRecordBytes: {
    group: "data",
    flag: "max-record-bytes",
    env: "MAX_RECORD_BYTES",
    parse: parseBytes,
    placeholder: "bytes",
    defaultText: "1MiB",
  },
  ringSlots: { group: "data", flag: "ring-slots", env: "RING_SLOTS", parse: parseInteger, placeholder: "n" },
  ringBytes: {
    group: "data",
    flag: "ring-bytes",
    env: "RING_BYTES",
    parse: parseBytes,
    placeholder: "bytes",
    defaultText: "8MiB",
  },
  queueBytes: {
    group: "data",
    flag: "queue-bytes",
    env: "QUEUE_BYTES",
    parse: parseBytes,
    placeholder: "bytes",
    defaultText: "16MiB",
  },
  memoryBudget: {
    group: "data",
    flag: "memory-budget",
    env: "MEMORY_BUDGET",
    parse: parseBytes,
    placeholder: "bytes",
    defaultText: "25 %",
  },
  overload: { group: "data", flag: "overload", env: "OVERLOAD", parse: text, placeholder: "bypass|backpressure" },
  prices: { group: "control", flag: "prices", env: "PRICES", parse: parsePrice, placeholder: priceWords },
  quarantineMaxBytes: {
    group: "data",
    flag: "quarantine-max-bytes",
    env: "QUARANTINE_MAX_BYTES",
    parse: parseBytes,
    placeholder: "bytes",
    defaultText: "256MiB",
  },
  quarantineMaxDays: {
    group: "data",
    flag: "quarantine-max-days",
    env: "QUARANTINE_MAX_DAYS",
    parse: parseInteger,
    placeholder: "days",
  },
  planeId: { group: "data", flag: "plane-id", env: "PLANE_ID", parse: text, placeholder: "name" },
  revert: { group: "data", flag: "revert", env: "REVERT", parse: text, placeholder: "on|off" },
  revertWindowMs: {
    group: "data",
    flag: "revert-window",
    env: "REVERT_WINDOW",
    parse: parseSeconds,
    placeholder: "seconds",
    defaultText: "60",
  },
  revertVolume: { group: "data", flag: "revert-volume", env: "REVERT_VOLUME", parse: parseShare, placeholder: "share" },
  revertErrors: { group: "data", flag: "revert-errors", env: "REVERT_ERRORS", parse: parseShare, placeholder: "share" },
  revertRecords: {
    group: "data",
    flag: "revert-records",
    env: "REVERT_RECORDS",
    parse: parseInteger,
    placeholder: "n",
  },
  shutdownTimeoutMs: {
    group: "both",
    flag: "shutdown-timeout",
    env: "SHUTDOWN_TIMEOUT",
    parse: parseSeconds,
    placeholder: "seconds",
    defaultText: "10",
  },
  logFormat: { group: "both", flag: "log-format", env: "LOG_FORMAT", parse: text, placeholder: "auto|json|pretty" },
  logLevel: { group: "both", flag: "log-level", env: "LOG_LEVEL", parse: text, placeholder: "info|warn|error|silent" },
  sharePorts: { group: "data", flag: "share-ports", env: "SHARE_PORTS", parse: parseBoolean },
  tcpListener: {
    group: "data",
    flag: "tcp-listener",
    env: "TCP_LISTENER",
    parse: text,
    placeholder: "auto|per_worker|single",
  },
  tlsPort: { group: "data", flag: "tls-port", env: "TLS_PORT", parse: parseInteger, placeholder: "port" },
  tlsCert: { group: "data", flag: "tls-cert", env: "TLS_CERT", parse: text, placeholder: "file" },
  tlsKey: { group: "data", flag: "tls-key", env: "TLS_KEY", parse: text, placeholder: "file" },
  tlsClientCa: { group: "data", flag: "tls-client-ca", env: "TLS_CLIENT_CA", parse: text, placeholder: "file" },
  tlsHandshakeTimeoutMs: {
    group: "data",
    flag: "tls-handshake-timeout",
    env: "TLS_HANDSHAKE_TIMEOUT",
    parse: parseSeconds,
    placeholder: "seconds",
    defaultText: "10",
  },
  maxConnections: {
    group: "data",
    flag: "max-connections",
    env: "MAX_CONNECTIONS",
    parse: parseInteger,
    placeholder: "n",
  },
  maxConnectionsPerSource: {
    group: "data",
    flag: "max-connections-per-source",
    env: "MAX_CONNECTIONS_PER_SOURCE",
    parse: parseInteger,
    placeholder: "n",
  },
  ratePerSource: {
    group: "data",
    flag: "rate-per-source",
    env: "RATE_PER_SOURCE",
    parse: parseBytes,
    placeholder: "bytes",
  },
  idleTimeoutMs: {
    group: "data",
    flag: "idle-timeout",
    env: "IDLE_TIMEOUT",
    parse: parseSeconds,
    placeholder: "seconds",
    defaultText: "0",
  },
  recordTimeoutMs: {
    group: "data",
    flag: "record-timeout",
    env: "RECORD_TIMEOUT",
    parse: parseSeconds,
    placeholder: "seconds",
    defaultText: "300",
  },
  allowMetadataOutputs: {
    group: "both",
    flag: "allow-metadata-outputs",
    env: "ALLOW_METADATA_OUTPUTS",
    parse: parseBoolean,
  },
  shardBy: { group: "data", flag: "shard-by", env: "SHARD_BY", parse: parseShardBy, placeholder: "key" },
};

export const settingKeys = Object.keys(spellings) as SettingKey[];

/** The settings that a command takes. */
export function settingsOf(...groups: readonly SettingGroup[]): readonly SettingKey[] {
  return settingKeys.filter((key) => groups.includes(spellings[key].group));
}

export interface SettingSources {
  /** By flag name in camel case (`tcpPort`, `shutdownTimeout`), as the option parser gives them; `true` for a switch. */
  readonly flags?: Readonly<Record<string, string | boolean | undefined>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/**
 * The settings that hold: each from its flag, else its variable, else its default.
 * @param keys those that are read; what the others say is not looked at
 * @throws StreamGateError SG_SETTING naming the flag or variable, what it says and what would fit
 */
export function readSettings<Key extends SettingKey = SettingKey>(
  { flags = {}, env = {} }: SettingSources = {},
  keys: readonly Key[] = settingKeys as Key[],
): Pick<Settings, Key> {
  const values = keys.map((key) => [key, readSetting(key, flags, env)] as const);
  const settings = Object.fromEntries(values.filter(([, value]) => value !== undefined)) as Partial<Settings>;
  if (settings.redisUrl !== undefined) checkRedisUrl(settings.redisUrl);
  checkTogether(settings);
  const { workers, ringBytes, maxRecordBytes, memoryBudget } = settings;
  if (ringBytes !== undefined && maxRecordBytes !== undefined) {
    checkRing(ringBytes, maxRecordBytes);
    if (workers !== undefined && memoryBudget !== undefined) {
      const least = memoryBudgetMin({ workers, ringBytes, maxRecordBytes });
      if (givenText("memoryBudget", flags, env) !== undefined)
        checkMemory(memoryBudget, least, { workers, ringBytes, maxRecordBytes });
      // A small machine still gets a gate that works.
      else settings.memoryBudget = Math.max(memoryBudget, least);
    }
  }
  return settings as Pick<Settings, Key>;
}

/** The schema of one setting, with its description and default. */
export function settingSchema(key: SettingKey): TSchema & { description: string; default?: unknown } {
  return settingsSchema.properties[key] as unknown as TSchema & { description: string; default?: unknown };
}

/**
 * What may be written for a setting, as JSON Schema for files that hold settings, such as a Helm chart's values: numbers and switches as
 * they are, sizes, times and shares also as text with their unit. The reader has the last word.
 */
export function writtenSchema(key: SettingKey): Record<string, unknown> {
  const {
    description,
    default: _,
    ...schema
  } = settingSchema(key) as TSchema & { description: string; default?: unknown };
  const { parse } = spellings[key];
  const form = parsedForms[key];
  if (form !== undefined) return { description, type: "string", pattern: form };
  const { minimum, maximum, anyOf, ...rest } = schema as {
    minimum?: number;
    maximum?: number;
    anyOf?: readonly { const: string }[];
  };
  if (anyOf !== undefined) return { description, enum: anyOf.map((one) => one.const) };
  const range = (unit: number) => ({ minimum: minimum! / unit, maximum: maximum! / unit });
  const orText = (type: string, unit: number, pattern: string) => ({
    description,
    ...{ type: [type, "string"], ...range(unit), pattern },
  });
  if (parse === parseBytes) return orText("integer", 1, quantityForms.bytes);
  if (parse === parseSeconds) return orText("number", 1000, quantityForms.seconds);
  if (parse === parseShare) return orText("number", 1, quantityForms.share);
  if (parse === parseInteger) return { description, type: "integer", minimum, maximum };
  if (parse === parseBoolean) return { description, type: "boolean" };
  const { "x-words": __, ...plain } = rest as Record<string, unknown>;
  return { description, ...plain };
}

/** The default as help and documentation print it; undefined when there is none. */
export function defaultText(key: SettingKey): string | undefined {
  const fallback = settingSchema(key).default;
  return spellings[key].defaultText ?? (fallback === undefined ? undefined : String(fallback));
}

function readSetting(
  key: SettingKey,
  flags: NonNullable<SettingSources["flags"]>,
  env: NonNullable<SettingSources["env"]>,
) {
  const given = givenText(key, flags, env);
  if (given !== undefined) return parse(key, given.text, given.where);
  const fallback = settingSchema(key).default;
  return key in parsedTexts ? spellings[key].parse(String(fallback)) : fallback;
}

/** What somebody wrote for it, and where; undefined: nobody did. */
function givenText(
  key: SettingKey,
  flags: NonNullable<SettingSources["flags"]>,
  env: NonNullable<SettingSources["env"]>,
): { text: string; where: string } | undefined {
  const spelling = spellings[key];
  const flag = flags[camelCase(spelling.flag)] ?? flags[key];
  if (flag !== undefined) return { text: String(flag), where: `--${spelling.flag}` };
  const variable = env[spelling.env];
  return variable === undefined || variable === "" ? undefined : { text: variable, where: spelling.env };
}

function parse(key: SettingKey, given: string, where: string): unknown {
  const refuse = (what: string) => {
    // A token or a URL with a password must not reach a log.
    const shown = secretTexts.includes(key) ? "the value" : JSON.stringify(given);
    return new StreamGateError("SG_SETTING", { where, what: `${shown} ${what}`, fix: `give ${wanted(key)}` });
  };
  let value: unknown;
  try {
    value = spellings[key].parse(given);
  } catch (error) {
    throw refuse((error as Error).message);
  }
  if (key in parsedTexts) return value;
  if (value === "") throw refuse("is empty");
  const violation = firstViolation(settingSchema(key), value);
  if (violation !== undefined) throw refuse(violation.what);
  return value;
}

/** What may be given: the unit and range, or the words. */
export function wanted(key: SettingKey): string {
  const { minimum, maximum, anyOf, type } = settingSchema(key) as {
    minimum?: number;
    maximum?: number;
    anyOf?: { const: string }[];
    type?: string;
  };
  const parsedText = parsedTexts[key];
  if (parsedText !== undefined) return parsedText;
  if (spellings[key].placeholder === "seconds")
    return `seconds from ${minimum! / 1000} to ${maximum! / 1000}, such as 10 or 2.5`;
  if (key === "revertVolume" || key === "revertErrors") return "a share from 0 to 1, such as 0.2 or 20%";
  if (anyOf !== undefined) return anyOf.map((one) => one.const).join(" or ");
  if (type === "boolean") return "true or false";
  if (spellings[key].placeholder === "bytes")
    return `a size from ${minimum} to ${maximum} bytes, such as 8MiB or 1048576`;
  if (minimum !== undefined) return `a whole number from ${minimum} to ${maximum}`;
  const { placeholder = "" } = spellings[key];
  return `${/^[aeiou]/.test(placeholder) ? "an" : "a"} ${placeholder}`;
}

/**
 * A block never wraps (src/data/ring/layout.ts), so in the worst case a record meets an empty ring whose end is one byte
 * too short for it, and needs that end and its own length again. A smaller ring would pause its source for ever.
 */
function checkRing(ringBytes: number, maxRecordBytes: number): void {
  const needed = 2 * (maxRecordBytes + KiB);
  if (ringBytes >= needed) return;
  throw new StreamGateError("SG_SETTING", {
    where: "RING_BYTES",
    what: `a ring of ${ringBytes} bytes cannot take every record of MAX_RECORD_BYTES (${maxRecordBytes})`,
    fix: `make the ring at least ${needed} bytes, or the records shorter`,
  });
}

function checkMemory(memoryBudget: number, least: number, { workers, ringBytes, maxRecordBytes }: MemoryNeeds): void {
  if (memoryBudget >= least) return;
  throw new StreamGateError("SG_SETTING", {
    where: "MEMORY_BUDGET",
    what: `${memoryBudget} bytes are less than ${workers} workers, each with RING_BYTES (${ringBytes}) and records of MAX_RECORD_BYTES (${maxRecordBytes}), need`,
    fix: `give at least ${least} bytes, or make workers, rings or records fewer or smaller`,
  });
}

/** A certificate is of no use without its key; what is said of Redis twice, or half, is not guessed at. */
function checkTogether(settings: Partial<Settings>): void {
  const refuse = (where: string, what: string, fix: string) => new StreamGateError("SG_SETTING", { where, what, fix });
  const pairs = [
    ["controlTlsCert", "controlTlsKey"],
    ["adminTlsCert", "adminTlsKey"],
    ["clientCert", "clientKey"],
    ["redisTlsCert", "redisTlsKey"],
    ["tlsCert", "tlsKey"],
  ] as const;
  for (const pair of pairs)
    for (const [given, other] of [pair, pair.toReversed()] as const)
      if (settings[given!] !== undefined && settings[other!] === undefined)
        throw refuse(
          spellings[given!].env,
          `is set and ${spellings[other!].env} is not`,
          "a certificate and its key go together: set both, or neither",
        );
  for (const port of ["control", "admin"] as const) {
    if (settings[`${port}TlsClientCa`] === undefined || settings[`${port}TlsCert`] !== undefined) continue;
    const prefix = port.toUpperCase();
    throw refuse(
      `${prefix}_TLS_CLIENT_CA`,
      `is set and ${prefix}_TLS_CERT is not, so that nobody would be asked for a certificate`,
      `set ${prefix}_TLS_CERT and ${prefix}_TLS_KEY too`,
    );
  }
  if (settings.tlsClientCa !== undefined && settings.tlsCert === undefined)
    throw refuse(
      "TLS_CLIENT_CA",
      "is set and TLS_CERT is not, so that there is no TLS",
      "set TLS_CERT and TLS_KEY too",
    );
  const { redisUrl, redisUsername, redisPassword, redisTlsCa, redisTlsCert } = settings;
  if (redisUsername !== undefined && redisPassword === undefined)
    throw refuse("REDIS_USERNAME", "is set and REDIS_PASSWORD is not", "set both");
  if (redisUrl === undefined) return;
  const { protocol, username, password } = new URL(redisUrl);
  if ((redisTlsCa !== undefined || redisTlsCert !== undefined) && protocol === "redis:")
    throw refuse("REDIS_URL", "says redis://, without TLS, and REDIS_TLS_… is set", "write rediss:// there");
  if (redisPassword !== undefined && username + password !== "")
    throw refuse("REDIS_PASSWORD", "is set, and REDIS_URL has a user or a password too", "give them in one place");
}

/** The URL is not repeated: it may hold a password. */
function checkRedisUrl(text: string): void {
  const refuse = (what: string) =>
    new StreamGateError("SG_SETTING", { where: "REDIS_URL", what, fix: "give one such as redis://localhost:6379/0" });
  const url = URL.parse(text);
  if (url === null || !["redis:", "rediss:"].includes(url.protocol))
    throw refuse("the value is no redis:// or rediss:// URL");
  if (!/^(\/\d*)?$/.test(url.pathname)) throw refuse("the path of the URL is no database number");
  try {
    for (const part of [url.username, url.password]) decodeURIComponent(part);
  } catch {
    throw refuse("the user name or password has a % that begins no escape (a literal one is written %25)");
  }
}

function camelCase(flag: string): string {
  return flag.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}
