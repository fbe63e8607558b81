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
/** Of those, counted apart, that anybody may make: they must not keep out the others. */
const openCallsMax = 32;

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

/** @param failed told of what is no error of the caller */
export function admission(
  authentication: Authentication,
  clients: Clients,
  toServiceError: ToServiceError,
  failed: (path: string, error: Error) => StreamGateError,
): { interceptor: ServerInterceptor; callers: Callers } {
  const callers: Callers = new WeakMap();
  const running = { open: 0, guarded: 0 };
  const interceptor: ServerInterceptor = ({ path }, call) => {
    const access = accessOf(path);
    const kind = access === "open" ? "open" : "guarded";
    const max = access === "open" ? openCallsMax : callsMax;
    let counted = false;
    const refuse = (error: unknown) => {
      const known = error instanceof StreamGateError ? error : failed(path, error as Error);
      call.sendStatus(toServiceError(known));
    };
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata(metadata, proceed) {
            if (running[kind] >= max) {
              refuse(tooMany(max));
              return;
            }
            running[kind]++;
            counted = true;
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
            if (counted) running[kind]--;
            counted = false;
          },
        }),
    });
  };
  return { interceptor, callers };
}

function tooMany(max: number): StreamGateError {
  return new RequestError(429, { what: `${max} calls run already`, fix: "call again in a moment" });
}
