/**
 * Registers services so that nothing a client sends becomes INTERNAL or UNKNOWN, which would say that the fault is ours: grpc-js decodes
 * messages by itself and answers INTERNAL to one that is broken; here the message is handed over as bytes, decoded in the handler, and a
 * broken one is INVALID_ARGUMENT. Handlers of other packages (health, reflection) run unchanged behind it.
 */

import { EventEmitter } from "node:events";
import type {
  handleBidiStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  MethodDefinition,
  Server,
  ServerDuplexStream,
  ServiceDefinition,
  ServiceError,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { RequestError } from "../answer.ts";
import type { ToServiceError } from "./status_code.ts";

type Method = MethodDefinition<unknown, unknown>;
type Decode = (bytes: Buffer) => unknown;

/** The part of a server that packages use to add themselves. */
export class TolerantServer {
  readonly #server: Server;
  readonly #toServiceError: ToServiceError;

  constructor(server: Server, toServiceError: ToServiceError) {
    this.#server = server;
    this.#toServiceError = toServiceError;
  }

  addService(definition: ServiceDefinition, implementation: UntypedServiceImplementation): void {
    const methods = Object.entries(definition) as [string, Method][];
    const tolerant = methods.map(([name, method]) => [name, { ...method, requestDeserialize: asItIs }]);
    const handlers = methods.flatMap(([name, method]) => {
      const handle = implementation[name] ?? implementation[method.originalName ?? name];
      return handle === undefined ? [] : [[name, this.#handler(method, handle)]];
    });
    this.#server.addService(Object.fromEntries(tolerant), Object.fromEntries(handlers));
  }

  #handler(method: Method, handle: UntypedServiceImplementation[string]): UntypedServiceImplementation[string] {
    const decode = (bytes: Buffer) => this.#decode(method, bytes);
    if (method.requestStream) return bidirectional(decode, handle as handleBidiStreamingCall<unknown, unknown>);
    if (method.responseStream) {
      const streaming = handle as handleServerStreamingCall<unknown, unknown>;
      return ((call) => {
        try {
          call.request = decode(call.request as Buffer);
        } catch (error) {
          call.emit("error", error as ServiceError);
          return;
        }
        streaming(call);
      }) satisfies handleServerStreamingCall<unknown, unknown>;
    }
    const unary = handle as handleUnaryCall<unknown, unknown>;
    return ((call, callback) => {
      try {
        call.request = decode(call.request as Buffer);
      } catch (error) {
        callback(error as ServiceError);
        return;
      }
      unary(call, callback);
    }) satisfies handleUnaryCall<unknown, unknown>;
  }

  /** @throws what grpc-js takes as an error's status */
  #decode({ path, requestDeserialize }: Method, bytes: Buffer): unknown {
    try {
      return requestDeserialize(bytes);
    } catch {
      throw this.#toServiceError(
        new RequestError(400, {
          where: path.slice(path.lastIndexOf("/") + 1),
          what: "the message cannot be decoded",
          fix: "encode it as proto/streamgate/v1/control.proto says, in this version",
        }),
      );
    }
  }
}

function asItIs(bytes: Buffer): Buffer {
  return bytes;
}

/**
 * What a handler of a bidirectional call sees of it: messages, their end, and a way to answer. One message is handled after the other's
 * answer was taken by the connection, so that a client which reads nothing makes nothing wait here.
 */
function bidirectional(
  decode: Decode,
  handle: handleBidiStreamingCall<unknown, unknown>,
): handleBidiStreamingCall<unknown, unknown> {
  return (call) => {
    const answers: Promise<void>[] = [];
    const front = Object.assign(new EventEmitter(), {
      write: (answer: unknown) => {
        answers.push(new Promise((resolve) => call.write(answer, () => resolve())));
        return true;
      },
      end: () => call.end(),
    });
    handle(front as unknown as ServerDuplexStream<unknown, unknown>);
    const pump = async () => {
      // The end of what the client says is not the end of what it is answered.
      for await (const bytes of call.iterator({ destroyOnReturn: false })) {
        let message: unknown;
        try {
          message = decode(bytes as Buffer);
        } catch (error) {
          call.emit("error", error as ServiceError);
          return;
        }
        front.emit("data", message);
        await Promise.all(answers.splice(0));
      }
      front.emit("end");
    };
    // It rejects when the client goes: then there is nobody to tell.
    pump().catch(() => {});
  };
}
