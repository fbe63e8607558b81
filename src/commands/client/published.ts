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
  /** Of rollback and apply. kept: the draft held changes of its own, and still does. */
  readonly draft?: "followed" | "kept";
  /** With a wait. */
  readonly planes?: {
    readonly status: "applied" | "pending" | "refused";
    readonly applied: readonly string[];
    readonly pending: readonly string[];
    readonly refused: readonly { readonly plane: string; readonly what: string }[];
    readonly silent: number;
  };
}

/** What a command that publishes may say besides. */
export interface PublishingOptions {
  readonly comment?: string | undefined;
  /** Wait until every data plane runs it, so many seconds at most. */
  readonly waitSeconds?: number | undefined;
  /** False: data planes do not go back from it by themselves (docs/versions.md). */
  readonly revert?: boolean | undefined;
  /** It is meant to drop most records: that is no reason to go back. */
  readonly expectDrop?: boolean | undefined;
}

export function publishingQuery({ comment, waitSeconds, revert, expectDrop }: PublishingOptions) {
  return {
    query: {
      comment,
      wait: waitSeconds === undefined ? undefined : `${waitSeconds}s`,
      revert: revert === false ? "off" : undefined,
      expect_drop: expectDrop === true ? "true" : undefined,
    },
    ...(waitSeconds !== undefined && { waitMs: 1000 * waitSeconds }),
  };
}

/** @returns exit status 0; 1 when it was waited for and some data plane does not run it */
export function tellPublished(published: Published, json: boolean): number {
  const { status, manifest, subscribers_notified: notified, warnings = [], weakened = [], draft, planes } = published;
  if (json) writeJson(published);
  else {
    const [pipeline] = manifest.pipelines;
    const counts = [
      count(pipeline?.processors?.length ?? 0, "rule"),
      count(pipeline?.outputs?.length ?? 0, "output"),
      `${count(notified, "data plane")} notified`,
    ];
    if (status === "unchanged") say(`version ${manifest.version} says so already: nothing is published`);
    else say(`${paint("green", `published version ${manifest.version}`)}: ${counts.join(", ")}`);
    for (const { rule, what } of weakened) warn(`rule ${JSON.stringify(rule)} protects less than before: ${what}`);
    for (const { rule, what } of warnings) warn(`rule ${JSON.stringify(rule)}: ${what}`);
    if (draft === "kept") say("the draft holds changes that were not published, and still does");
    if (planes !== undefined) tellPlanes(planes);
  }
  return planes === undefined || planes.status === "applied" ? 0 : 1;
}

function tellPlanes({ applied, pending, refused, silent }: NonNullable<Published["planes"]>): void {
  for (const id of applied) say(`  ${visible(id)}: ${paint("green", "runs it")}`);
  for (const id of pending) say(`  ${visible(id)}: ${paint("yellow", "has not said so in time")}`);
  for (const { plane, what } of refused) say(`  ${visible(plane)}: ${paint("red", "refuses it")}: ${visible(what)}`);
  if (silent > 0) say(`  ${count(silent, "data plane")} of an earlier version: notified, does not report`);
}
