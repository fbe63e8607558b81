/** What a type of outputs declares: its fields, and how a configuration of it becomes an output. One file each, listed in `index.ts`. */

import type { Static, TObject } from "../typebox.ts";
import type { DeliveryField } from "./delivery_fields.ts";
import type { Output } from "./output.ts";

export interface OutputType<P extends TObject = TObject> {
  readonly type: string;
  readonly description: string;
  /** The fields beside `type` that are its own. */
  readonly params: P;
  /** The fields that it has of those which outputs have in common. */
  readonly common: readonly DeliveryField[];
  /** Both as its descriptions have them. */
  readonly compressions: Output["compressions"];
  readonly concurrency?: "auto";
  /** Configurations that are accepted, for the documentation and its test. */
  readonly examples: readonly Static<P>[];
  /** What a schema cannot say. @returns the field, what is wrong with it, and what would be right */
  refusal?(params: Static<P>): { param: string; what: string; fix?: string } | undefined;
  /** @param params accepted before */
  describe(params: Static<P>): Output;
}

/** Declares an output type, its fields typed by their schema. */
export function defineOutput<P extends TObject>(outputType: OutputType<P>): OutputType {
  return outputType as unknown as OutputType;
}
