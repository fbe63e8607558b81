/** What the control API answers when something was published, and how that is told. */

import { count } from "../table.ts";
import { paint, visible } from "./terminal.ts";
import { say, warn, writeJson } from "./written.ts";

export interface Published {
  /** unchanged: data planes have this already, so there is no new version. */
  readonly status: "published" | "unchanged";
  readonly manifest: {
    readonly version: string;
    readonly pipelines: readonly { readonly processors?: readonly unknown[]; readonly outputs?: readonly unknown[] }[];
  };
  readonly subscribers_notified: number;
  readonly warnings?: readonly { readonly rule: string; readonly what: string }[];
  readonly weakened?: readonly { readonly rule: string; readonly what: string }[];
  /** Of rollback and apply: kept: the draft held changes of its own, and still does. */
  readonly draft?: "followed" | "kept";
  /** With a wait: what became of it at each data plane. */
  readonly planes?: readonly PlaneResult[];
  /** With a wait: whether every data plane runs it. */
  readonly applied?: boolean;
}

export interface PlaneResult {
  readonly id: string;
  readonly state?: string;
  readonly version?: string | null;
  readonly why?: string;
}

/** @returns exit status 0; 1 when it was waited for and some data plane does not run it */
export function tellPublished(published: Published, json: boolean): number {
  const { status, manifest, subscribers_notified: notified, warnings = [], weakened = [], draft, applied } = published;
  if (json) writeJson(published);
  else {
    const [pipeline] = manifest.pipelines;
    const counts = [
      count(pipeline?.processors?.length ?? 0, "rule"),
      count(pipeline?.outputs?.length ?? 0, "output"),
      `${count(notified, "data plane")} notified`,
    ];
    if (status === "unchanged") say(`version ${manifest.version} runs already, nothing to publish`);
    else say(`${paint("green", `published version ${manifest.version}`)}: ${counts.join(", ")}`);
    for (const { rule, what } of weakened) warn(`rule ${JSON.stringify(rule)} protects less than before: ${what}`);
    for (const { rule, what } of warnings) warn(`rule ${JSON.stringify(rule)}: ${what}`);
    if (draft === "kept") say("the draft holds changes that were not published, and still does");
    for (const plane of published.planes ?? []) say(planeLine(plane));
    if (applied === false) warn("not every data plane runs it");
  }
  return applied === false ? 1 : 0;
}

function planeLine({ id, state, version, why }: PlaneResult): string {
  const good = state === undefined || state === "applied";
  const runs = version == null ? "" : `, runs version ${version}`;
  return `  ${visible(id)}: ${paint(good ? "green" : "red", state ?? "applied")}${runs}${why === undefined ? "" : ` (${visible(why)})`}`;
}
