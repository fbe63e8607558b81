/** What became of manifests: how many ran, how many were refused, and the last of either with the reason. For people and metrics. */

export interface Reload {
  /** Of the manifest that was to run; undefined: it was too broken to say. */
  readonly version: string | undefined;
  readonly result: "applied" | "refused";
  /** Why it was refused: the sentence of the error, which holds no record and no secret. */
  readonly why?: string;
  readonly atMs: number;
  /** Until every worker ran it, or until it was refused. */
  readonly tookMs: number;
}

export class Reloads {
  applied = 0;
  refused = 0;
  last: Reload | undefined;
  /** When the manifest that runs began to. */
  appliedAtMs: number | undefined;
  appliedTookMs: number | undefined;

  note(reload: Reload): void {
    this.last = reload;
    if (reload.result === "refused") this.refused++;
    else {
      this.applied++;
      this.appliedAtMs = reload.atMs;
      this.appliedTookMs = reload.tookMs;
    }
  }
}

/** `version 4 refused, running 3`: the last reload in the fewest words. */
export function reloadSentence({ version, result }: Reload, running: string | undefined): string {
  const asked = version === undefined ? "a manifest" : `version ${version}`;
  return result === "applied" ? `${asked} runs` : `${asked} refused, running ${running ?? "none"}`;
}
