/**
 * The health service of gRPC (`grpc.health.v1.Health`), for load balancers and probes: the empty name is the process, as `/readyz` has it;
 * the name of our service is whether it answers calls. When the gate stops both are NOT_SERVING.
 */

import type {
  handleUnaryCall,
  ServerUnaryCall,
  ServiceDefinition,
  sendUnaryData,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";
import { serviceName } from "./messages.ts";
import type { TolerantServer } from "./tolerant.ts";

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

  addToServer(server: TolerantServer): void {
    this.#implementation.addToServer({
      addService: (definition: ServiceDefinition, { check, ...others }: UntypedServiceImplementation) =>
        server.addService(definition, {
          ...others,
          check: (call: ServerUnaryCall<unknown, unknown>, callback: sendUnaryData<unknown>) => {
            this.#look();
            (check as handleUnaryCall<unknown, unknown>)(call, callback);
          },
        }),
    } as never);
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
    for (const name of ["", serviceName]) this.#implementation.setStatus(name, "NOT_SERVING");
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
