/** What the bench measures: a program that listens on a TCP port and writes what it keeps to a file, a line a record. */

export const scenarios = ["raw", "filter_redact"] as const;
export type Scenario = (typeof scenarios)[number];

export interface Site {
  readonly port: number;
  /** A folder of its own. */
  readonly folder: string;
  /** Where the kept lines must end. */
  readonly output: string;
}

export interface Subject {
  readonly name: string;
  readonly scenarios: readonly Scenario[];
  /** Undefined when the program is on this machine, else why it is left out. */
  missing(): string | undefined;
  /** The command to start; it may write configuration into the site's folder first. */
  command(scenario: Scenario, site: Site): { file: string; args: readonly string[]; stdout?: string };
}

/** The same plain patterns for every subject. */
export const ssnPattern = "\\b\\d{3}-\\d{2}-\\d{4}\\b";
export const cardPattern = "\\b\\d{4}[ -]?\\d{4}[ -]?\\d{4}[ -]?\\d{4}\\b";
