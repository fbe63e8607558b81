/**
 * The health service of gRPC (`grpc.health.v1.Health`), for load balancers and probes: the empty name is the process, as `/readyz` has it;
 * the name of our service is whether it answers calls. When the gate stops both are NOT_SERVING.
 */

import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";
import { serviceName } from "./messages.ts";
import type { TolerantServer } from "./tolerant.ts";

interface HealthRequest {
  readonly service: string;
}

/** What there is a status of. */
const names: readonly string[] = ["", serviceName];
/** Without the name that was asked for, which may be as long as a message. */
const unknownName = { code: status.NOT_FOUND, details: `known are the empty name and ${serviceName}` };

/** How often it is looked at for those who watch. */
const lookMs = 1_000;

export class Health {
  readonly #readiness: () => boolean;
  readonly #implementation: HealthImplementation;
  readonly #timer: NodeJS.Timeout;
  #ready: boolean;
  #stopped = false;

  /** @param readiness whether the process is ready */
  constructor(readiness: () => boolean) {
    this.#readiness = readiness;
    this.#ready = readiness();
    this.#implementation = new HealthImplementation({ "": word(this.#ready), [serviceName]: "SERVING" });
    this.#timer = setInterval(() => this.#look(), lookMs).unref();
  }

  /** Other names go no further: the package would keep each that is watched, and whoever asks chooses them, without a token. */
  addToServer(server: TolerantServer): void {
    this.#implementation.addToServer({
      addService: (definition: ServiceDefinition, { check, watch, ...others }: UntypedServiceImplementation) =>
        server.addService(definition, {
          ...others,
          check: (call: ServerUnaryCall<HealthRequest, unknown>, callback: sendUnaryData<unknown>) => {
            if (!names.includes(call.request.service)) {
              callback(unknownName);
              return;
            }
            this.#look();
            (check as handleUnaryCall<HealthRequest, unknown>)(call, callback);
          },
          watch: (call: ServerWritableStream<HealthRequest, unknown>) => {
            if (names.includes(call.request.service))
              (watch as handleServerStreamingCall<HealthRequest, unknown>)(call);
            else call.emit("error", unknownName);
          },
        }),
    } as never);
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
    for (const name of names) this.#implementation.setStatus(name, "NOT_SERVING");
  }

  #look(): void {
    if (this.#stopped) return;
    const ready = this.#readiness();
    if (ready === this.#ready) return;
    this.#ready = ready;
    this.#implementation.setStatus("", word(ready));
  }
}

function word(ready: boolean): "SERVING" | "NOT_SERVING" {
  return ready ? "SERVING" : "NOT_SERVING";
}
