/**
 * The gRPC API itself: grpc-js with the service of `proto/streamgate/v1/control.proto`, reflection (so that `grpcurl` needs no file) and
 * health. Loaded by `listener.ts` when the first client connects, and fed with connections that were accepted there.
 */

import type { Socket } from "node:net";
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { fromJSON, load } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import { StreamGateError } from "../../errors.ts";
import { RequestError } from "../answer.ts";
import type { Authentication } from "../auth/authentication.ts";
import { bodyBytesMax } from "../body.ts";
import type { ControlLog } from "../routes/context.ts";
import { admission, type Caller } from "./admission.ts";
import { type CallContext, type UnaryCalls, unaryCalls } from "./calls.ts";
import type { Clients } from "./clients.ts";
import { errorInfoTypes, healthTypes, statusTypes } from "./described.ts";
import { Health } from "./health.ts";
import { loaderOptions, protoFile, serviceIn, type WatchRequest, type WatchResponse } from "./messages.ts";
import { errorsFor, type ToServiceError } from "./status_code.ts";
import { TolerantServer } from "./tolerant.ts";
import { Watchers } from "./watch.ts";

export interface GrpcContext extends CallContext {
  readonly authentication: Authentication;
  /** Whether this process is ready, as `GET /readyz` says. */
  readonly readiness: () => boolean;
  readonly log: ControlLog;
}

export interface GrpcServer {
  /** Serves a connection whose first bytes are still unread. */
  take(socket: Socket): void;
  /** Takes no more calls, tells those who watch; connections close when their last call has ended. */
  stop(): void;
  /** Ends what is left, timers among it. */
  end(): void;
}

/** A client needs one at a time, a tool that looks at everything at once a few. */
const streamsPerConnectionMax = 32;
/** Clients connect again when they have something to say. */
const idleMs = 5 * 60_000;
/** A client whose machine is gone is noticed after this long. */
const keepaliveMs = 60_000;
const keepaliveTimeoutMs = 20_000;

export async function createGrpcServer(context: GrpcContext, clients: Clients): Promise<GrpcServer> {
  const { authentication, readiness, log } = context;
  const control = await load(protoFile, loaderOptions);
  const errorInfo = fromJSON(errorInfoTypes, loaderOptions);
  const toServiceError = errorsFor({ ...errorInfo, ...fromJSON(statusTypes, loaderOptions) });
  const failed = (path: string, error: Error) => {
    log.error(`${path}: ${error.message}`);
    return new RequestError(500, { what: "the call failed; the program's log says why" });
  };
  const { interceptor, callers } = admission(authentication, clients, toServiceError, failed);
  const server = new Server({
    "grpc.max_receive_message_length": bodyBytesMax,
    "grpc.max_concurrent_streams": streamsPerConnectionMax,
    "grpc.max_connection_idle_ms": idleMs,
    "grpc.keepalive_time_ms": keepaliveMs,
    "grpc.keepalive_timeout_ms": keepaliveTimeoutMs,
    "grpc.enable_channelz": 0,
    interceptors: [interceptor],
  });
  const tolerant = new TolerantServer(server, toServiceError);
  const watchers = new Watchers(context);
  const refusal = (path: string, error: unknown) =>
    toServiceError(error instanceof StreamGateError ? error : failed(path, error as Error)) as ServiceError;
  const callerOf = ({ metadata }: Pick<ServerUnaryCall<unknown, unknown>, "metadata">) => callers.get(metadata)!;

  tolerant.addService(serviceIn(control), {
    ...unaryHandlers(unaryCalls(context), callerOf, refusal),
    Watch: (call: ServerWritableStream<WatchRequest, WatchResponse>) => {
      const gone = new AbortController();
      call.on("cancelled", () => gone.abort());
      const watcher = {
        send: (message: WatchResponse) => new Promise<void>((resolve) => call.write(message, () => resolve())),
        gone: gone.signal,
        recheck: callerOf(call).recheck,
      };
      watchers.watch(call.request, watcher).then(
        () => call.end(),
        (error) => call.emit("error", refusal(call.getPath(), error)),
      );
    },
  });
  const health = new Health(readiness);
  health.addToServer(tolerant);
  new ReflectionService({ ...control, ...errorInfo, ...fromJSON(healthTypes, loaderOptions) }).addToServer(tolerant);
  // Not secure: where the API speaks TLS it has ended before a connection comes here.
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());

  return {
    take: (socket) => injector.injectConnection(socket),
    stop() {
      health.stop();
      watchers.stop();
      // Its callback comes too soon: Node's own `close` has marked the sessions as closed, which end with their last call.
      server.tryShutdown(() => {});
    },
    end: () => server.forceShutdown(),
  };
}

function unaryHandlers(
  calls: UnaryCalls,
  callerOf: (call: ServerUnaryCall<unknown, unknown>) => Caller,
  refusal: (path: string, error: unknown) => ReturnType<ToServiceError>,
): UntypedServiceImplementation {
  return Object.fromEntries(
    Object.entries(calls).map(([name, run]) => [
      name,
      (
        call: ServerUnaryCall<unknown, unknown>,
        callback: (error: ReturnType<ToServiceError> | null, answer?: object) => void,
      ) => {
        // What nobody waits for any more is not begun.
        if (call.cancelled) return;
        (run as (request: unknown, actor: Caller["actor"]) => Promise<object>)(call.request, callerOf(call).actor).then(
          (answer) => callback(null, answer),
          (error) => callback(refusal(call.getPath(), error)),
        );
      },
    ]),
  );
}
