/**
 * Who may call, asked before a byte of the message is read: a caller without a valid token cannot make the program keep messages. Health is
 * open, since probes (Kubernetes' `grpc` probe among them) send no token; it tells no more than whether calls are answered.
 */

import { type Metadata, ServerInterceptingCall, type ServerInterceptor } from "@grpc/grpc-js";
import { StreamGateError } from "../../errors.ts";
import type { Actor } from "../actor.ts";
import { RequestError } from "../answer.ts";
import type { ToServiceError } from "./status_code.ts";

/** Messages and answers in memory at once, over all connections: each may take a megabyte. */
const callsMax = 128;

/** What a call needs: `read` shows, `write` changes. */
export type Need = "read" | "write";

export interface Credentials {
  /** The metadata `authorization`, as it came. */
  readonly authorization: string | undefined;
  readonly address: string;
  readonly need: Need;
}

/** @throws StreamGateError when the token is missing, wrong, or of a role that may not do this */
export type Authenticate = (credentials: Credentials) => Actor | Promise<Actor>;

export interface Caller {
  readonly actor: Actor;
  /** Asks again: a token may end while a call goes on. */
  recheck(): Promise<void>;
}

/** Whose call it is, for its handler: by the metadata that came with it. */
export type Callers = WeakMap<Metadata, Caller>;

/**
 * @param needOf by the path of a method, such as `/streamgate.v1.ControlService/Publish`; undefined: open to everybody
 * @param failed told of what is no error of the caller
 */
export function admission(
  authenticate: Authenticate,
  needOf: (path: string) => Need | undefined,
  toServiceError: ToServiceError,
  failed: (path: string, error: Error) => StreamGateError,
): { interceptor: ServerInterceptor; callers: Callers } {
  const callers: Callers = new WeakMap();
  let calls = 0;
  const interceptor: ServerInterceptor = ({ path }, call) => {
    let counted = false;
    const refuse = (error: unknown) => {
      const known = error instanceof StreamGateError ? error : failed(path, error as Error);
      call.sendStatus(toServiceError(known));
    };
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata(metadata, proceed) {
            if (calls >= callsMax) {
              refuse(tooMany());
              return;
            }
            calls++;
            counted = true;
            const need = needOf(path);
            if (need === undefined) {
              proceed(metadata);
              return;
            }
            const [authorization] = metadata.get("authorization");
            const credentials: Credentials = {
              authorization: typeof authorization === "string" ? authorization : undefined,
              address: call.getConnectionInfo().remoteAddress ?? "unknown",
              need,
            };
            const ask = async () => authenticate(credentials);
            ask().then((actor) => {
              callers.set(metadata, {
                actor,
                recheck: async () => {
                  await ask();
                },
              });
              proceed(metadata);
            }, refuse);
          },
          onCancel(): void {
            // The end of every call, however it ends.
            if (counted) calls--;
            counted = false;
          },
        }),
    });
  };
  return { interceptor, callers };
}

function tooMany(): StreamGateError {
  return new RequestError(429, { what: `${callsMax} calls run already`, fix: "call again in a moment" });
}
