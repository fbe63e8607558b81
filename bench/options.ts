/** What the command line asks for. */

import { parseArgs } from "node:util";
import { scenarios } from "./scenarios/index.ts";
import { peerNames } from "./subjects/index.ts";

export interface Options {
  readonly quick: boolean;
  readonly scenarios: readonly string[];
  /** Names or parts of names; empty: all. */
  readonly subjects: readonly string[];
  readonly lines: number;
  readonly runs: number;
  readonly seconds: number;
  readonly peers: ReadonlyMap<string, string>;
  /** Where result.json, the charts and the pages go; undefined: nowhere. */
  readonly results: string | undefined;
  /** A Markdown file whose markers are filled. */
  readonly readme: string | undefined;
}

export const usage = `usage: npm run bench -- [options]
  --quick            small sizes, one run each: a smoke, within two minutes
  --scenario A,B     of ${scenarios.map(({ name }) => name).join(", ")}
  --subject A,B      only subjects whose name begins so
  --lines N          of a saturated run (5,000,000; quick: 100,000)
  --runs N           of each cell (3; quick: 1)
  --seconds N        of a run at a rate (10; quick: 2)
  --peer NAME=PATH   of ${peerNames.join(", ")}
  --results FOLDER   writes result.json, charts and pages there (bench/results; quick: nowhere)
  --readme [FILE]    fills the markers of README.md`;

/** @throws Error with a sentence for the user */
export function readOptions(args: readonly string[]): Options {
  // parseArgs knows no optional values.
  const given = args.flatMap((arg, index) =>
    arg === "--readme" && (args[index + 1] ?? "--").startsWith("--") ? ["--readme", "README.md"] : [arg],
  );
  const { values } = parseArgs({
    args: given,
    options: {
      quick: { type: "boolean", default: false },
      scenario: { type: "string", multiple: true, default: [] },
      subject: { type: "string", multiple: true, default: [] },
      lines: { type: "string" },
      runs: { type: "string" },
      seconds: { type: "string" },
      peer: { type: "string", multiple: true, default: [] },
      results: { type: "string" },
      readme: { type: "string" },
    },
  });
  const { quick } = values;
  const count = (name: "lines" | "runs" | "seconds", fallback: number) => {
    const value = Number(values[name] ?? fallback);
    if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} ${values[name]} is no whole number from 1`);
    return value;
  };
  const listed = (texts: readonly string[]) => texts.flatMap((text) => text.split(",")).filter(Boolean);
  const names = scenarios.map(({ name }) => name);
  const wanted = listed(values.scenario);
  const unknown = wanted.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`no scenario is called ${unknown}; choose from ${names.join(", ")}`);
  return {
    quick,
    scenarios: wanted.length === 0 ? names : wanted,
    subjects: listed(values.subject),
    lines: count("lines", quick ? 100_000 : 5_000_000),
    runs: count("runs", quick ? 1 : 3),
    seconds: count("seconds", quick ? 2 : 10),
    peers: new Map(values.peer.map(readPeer)),
    results: values.results ?? (quick ? undefined : "bench/results"),
    readme: values.readme,
  };
}

function readPeer(text: string): [string, string] {
  const at = text.indexOf("=");
  const name = text.slice(0, Math.max(0, at));
  if (at < 0 || !peerNames.some((peer) => peer === name))
    throw new Error(`--peer ${text}: write NAME=PATH, NAME one of ${peerNames.join(", ")}`);
  return [name, text.slice(at + 1)];
}
