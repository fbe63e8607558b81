/**
 * Who may call, asked before a byte of the message is read: a caller without a valid token cannot make the program keep messages. Health is
 * open, since probes (Kubernetes' `grpc` probe among them) send no token, and so is reflection, which tells what the protocol file in the
 * repository says: as `/readyz` and `/docs` are over REST.
 */

import { type Metadata, ServerInterceptingCall, type ServerInterceptor } from "@grpc/grpc-js";
import { StreamGateError } from "../../errors.ts";
import type { Actor } from "../actor.ts";
import { RequestError } from "../answer.ts";
import { type Authentication, authorize, bearerToken } from "../auth/authentication.ts";
import type { Access } from "../auth/role.ts";
import type { Clients } from "./clients.ts";
import { type Calls, serviceName } from "./messages.ts";
import type { ToServiceError } from "./status_code.ts";

/** Messages and answers in memory at once, over all connections: each may take a megabyte. */
const callsMax = 128;
/**
 * Counted apart from those: calls that anybody may make, and that have one answer. For a further one the oldest is ended, which has not
 * sent its message in all that time: a probe sends its own at once and is never refused.
 */
const openCallsMax = 32;
/** Calls that anybody may make, and that go on and on. */
const openStreamsMax = 16;
/** Of those, for one connection: `grpcurl` keeps its reflection open while it watches health. */
const openStreamsPerConnectionMax = 2;

export interface Caller {
  readonly actor: Actor;
  /** Asks again: a token may end while a call goes on. */
  recheck(): void;
}

/** Whose call it is, for its handler: by the metadata that came with it. */
export type Callers = WeakMap<Metadata, Caller>;

/** Every method of ours, by its name; others are open. */
const methodAccess: Readonly<Record<keyof Calls | "Watch", Access>> = {
  GetManifest: "read",
  PutManifest: "write",
  Publish: "write",
  Rollback: "write",
  Status: "read",
  Watch: "read",
  ListRules: "read",
  AddRule: "write",
  ReplaceRule: "write",
  RemoveRule: "write",
  ListOutputs: "read",
  AddOutput: "write",
  ReplaceOutput: "write",
  RemoveOutput: "write",
};

/** @param path such as `/streamgate.v1.ControlService/Publish` */
export function accessOf(path: string): Access {
  const [service, method] = path.slice(1).split("/");
  if (service !== serviceName) return "open";
  return methodAccess[method as keyof typeof methodAccess] ?? "admin";
}

type ConnectionInfo = ReturnType<ServerInterceptingCall["getConnectionInfo"]>;
type Kind = "guarded" | "open" | "openStream";

/** @param hasAnswers whether its answer is a stream */
function kindOf(access: Access, hasAnswers: boolean): Kind {
  if (access !== "open") return "guarded";
  return hasAnswers ? "openStream" : "open";
}

/** @param failed told of what is no error of the caller */
export function admission(
  authentication: Authentication,
  clients: Clients,
  toServiceError: ToServiceError,
  failed: (path: string, error: Error) => StreamGateError,
): { interceptor: ServerInterceptor; callers: Callers } {
  const callers: Callers = new WeakMap();
  let guarded = 0;
  /** How each is ended, the oldest first. */
  const open = new Set<() => void>();
  const openStreams = new OpenStreams();
  const interceptor: ServerInterceptor = ({ path, responseStream }, call) => {
    const access = accessOf(path);
    const kind = kindOf(access, responseStream);
    let leave = () => {};
    const refuse = (error: unknown) => {
      const known = error instanceof StreamGateError ? error : failed(path, error as Error);
      call.sendStatus(toServiceError(known));
    };
    /** @throws StreamGateError when there is no room */
    const enter = () => {
      if (kind === "openStream") {
        leave = openStreams.enter(call.getConnectionInfo());
      } else if (kind === "open") {
        const [oldest] = open;
        if (open.size >= openCallsMax) {
          open.delete(oldest!);
          oldest!();
        }
        const end = () => refuse(tooMany(openCallsMax));
        open.add(end);
        leave = () => open.delete(end);
      } else {
        if (guarded >= callsMax) throw tooMany(callsMax);
        guarded++;
        leave = () => guarded--;
      }
    };
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata(metadata, proceed) {
            try {
              enter();
            } catch (error) {
              refuse(error);
              return;
            }
            if (access === "open") {
              proceed(metadata);
              return;
            }
            const [authorization] = metadata.get("authorization").map(String);
            const connection = call.getConnectionInfo();
            const address = connection.remoteAddress ?? "unknown";
            const check = (): Actor => {
              const caller = authentication.authenticate(bearerToken(authorization), address);
              authorize(caller, access, path);
              return caller.actor;
            };
            try {
              callers.set(metadata, { actor: check(), recheck: check });
            } catch (error) {
              refuse(error);
              return;
            }
            clients.welcome({ remoteAddress: connection.remoteAddress, remotePort: connection.remotePort });
            proceed(metadata);
          },
          onCancel(): void {
            // The end of every call, however it ends.
            leave();
            leave = () => {};
          },
        }),
    });
  };
  return { interceptor, callers };
}

class OpenStreams {
  #count = 0;
  /** By the client's address and port. */
  readonly #ofConnection = new Map<string, number>();

  /** @returns called when it has ended @throws StreamGateError when there are too many */
  enter({ remoteAddress, remotePort }: ConnectionInfo): () => void {
    const key = `${remoteAddress} ${remotePort}`;
    const others = this.#ofConnection.get(key) ?? 0;
    if (others >= openStreamsPerConnectionMax) throw tooMany(openStreamsPerConnectionMax, " on this connection");
    if (this.#count >= openStreamsMax) throw tooMany(openStreamsMax);
    this.#count++;
    this.#ofConnection.set(key, others + 1);
    return () => {
      this.#count--;
      const left = this.#ofConnection.get(key)! - 1;
      if (left === 0) this.#ofConnection.delete(key);
      else this.#ofConnection.set(key, left);
    };
  }
}

function tooMany(max: number, where = ""): StreamGateError {
  return new RequestError(429, {
    what: `${max} calls of this kind run already${where}`,
    fix: "call again in a moment",
  });
}
