/** A rule as the control API answers it, and as lists name its state. */

export interface ApiRule {
  readonly id: string;
  readonly type: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly enabled?: boolean;
  readonly mode?: "enforce" | "shadow";
  readonly [field: string]: unknown;
}

export function stateOf({ enabled = true, mode = "enforce" }: ApiRule): "off" | "enforce" | "shadow" {
  return enabled ? mode : "off";
}

/** A rule's path; ids are free text. */
export function rulePath(id: string): string {
  return `/rules/${encodeURIComponent(id)}`;
}

/** What a change of the draft leaves to do. */
export const stillDraft = "`streamgate publish` puts it to work";
