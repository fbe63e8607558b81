/** What a detector is: one kind of personal data or secret, as data. Engines do the finding; docs/reference/detectors.md is made of these texts. */

/** `pci` and `pii` and `secrets` by what it protects; `all` is every one. */
export type DetectorGroup = "pci" | "pii" | "secrets";

/** A text and what of it is found, in order. */
export interface DetectorExample {
  readonly text: string;
  readonly values: readonly string[];
}

export interface Detector {
  /** On the wire, in the token `[us_ssn]`, and the file's name. */
  readonly name: string;
  /** For people. */
  readonly title: string;
  readonly groups: readonly DetectorGroup[];
  /**
   * RE2. With `scanner`: what every value contains, by which the native engine knows the places to look at; without: what a value is.
   * Matches have an upper length, so that a search that is resumed behind each match stays linear (promise P6).
   */
  readonly pattern: string;
  /** The name of a hand-written search: native/detect/ and src/data/engine/portable/detect/. */
  readonly scanner?: string;
  /** The name of a check of what the pattern has matched: native/detect/checks.cc and its twin. */
  readonly check?: string;
  /** Before a value is hashed: letters and digits alone, in upper case; or in lower case; absent: as it is. So that one value has one hash. */
  readonly normal?: "compact" | "lower";
  readonly positives: readonly DetectorExample[];
  /** Texts in which nothing is found. */
  readonly lookAlikes: readonly string[];
  /** Where the format is published. */
  readonly source: string;
  /** In a sentence each: which forms, what is verified, what is knowingly not found. */
  readonly takes: string;
  readonly checks: string;
  readonly misses: string;
}

/** Declares a detector. */
export function defineDetector(detector: Detector): Detector {
  return detector;
}
