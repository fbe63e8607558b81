/** The state of one byte stream, held by the addon. */

import { addressBytes } from "../../../address.ts";
import { type Framing, framingCode } from "../../frame/framing.ts";
import type { Source } from "../../frame/source.ts";
import { transport } from "../../ring/layout.ts";
import type { Addon, NativeFramer } from "../addon.ts";
import type { Framer } from "../engine.ts";
import { translated } from "./errors.ts";

export class NativeFramerHandle implements Framer {
  readonly handle: NativeFramer;

  constructor(addon: Addon, framing: Framing, maxRecordBytes: number, source: Source, losses: Float64Array) {
    try {
      this.handle = new addon.Framer(
        framingCode[framing.kind],
        framing.delimiter,
        maxRecordBytes,
        losses,
        transport[source.transport],
        source.address === undefined ? undefined : addressBytes(source.address),
        source.port ?? 0,
      );
    } catch (error) {
      throw translated(error);
    }
  }

  get pendingBytes(): number {
    return this.handle.pendingBytes;
  }

  get begunBytes(): number {
    return this.handle.begunBytes;
  }

  close(): void {
    this.handle.close();
  }
}
