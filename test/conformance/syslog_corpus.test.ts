/** The framing cases of the syslog corpus (RFC 6587, go-syslog, syslog-ng, rsyslog), on every engine. */

import { describe, expect, it } from "vitest";
import type { FramingKind } from "../../src/data/frame/framing.ts";
import { readCorpus } from "./corpora.ts";
import { engines, frame } from "./engines.ts";

interface Case {
  readonly id: string;
  readonly framing: string;
  readonly why: string;
  readonly level: "must" | "should";
  readonly bytes_base64: string;
  readonly chunks?: readonly number[];
  readonly expected_messages: readonly (string | { b64: string })[];
  readonly max_message?: number;
  readonly no_expectation?: true;
}

/** Where the source expects what StreamGate does not want. */
const meantOtherwise: Readonly<Record<string, string>> = {
  test_log_proto_auto_server_no_framing: "NUL ends only lines that begin with a syslog priority; it stays in others",
  test_log_proto_initial_framing_too_long: "a number of more than 7 digits begins a line; nothing is refused",
  test_log_proto_framed_server_too_long_line_trimmed_one_big_message: "the word at a cut goes with it",
  test_log_proto_framed_server_too_long_line_trimmed_frame_at_the_end: "the word at a cut goes with it",
};

const corpus = readCorpus<Case>("syslog");
const missing = typeof corpus === "string" ? corpus : undefined;
const framings = new Set(["newline", "nul", "octet", "auto"]);
const cases = typeof corpus === "string" ? [] : corpus.filter(({ framing }) => framings.has(framing));

for (const kind of engines()) {
  describe.skipIf(missing !== undefined)(`syslog framing on ${kind.name}${missing ? `: ${missing}` : ""}`, () => {
    const run = ({ bytes_base64, framing, chunks, max_message: max }: Case) =>
      frame(kind, Buffer.from(bytes_base64, "base64"), {
        framing: { kind: framing as FramingKind },
        ...(chunks && { chunks }),
        ...(max && { maxRecordBytes: max }),
      }).records.map((record) => record.toString("latin1"));

    it("agrees with every source, but where StreamGate means otherwise", () => {
      const different = cases.filter((test) => {
        if (test.no_expectation) return false;
        const expected = test.expected_messages
          .map((message) => (typeof message === "string" ? Buffer.from(message) : Buffer.from(message.b64, "base64")))
          .filter(({ length }) => length > 0)
          .map((message) => message.toString("latin1"));
        return JSON.stringify(run(test)) !== JSON.stringify(expected);
      });
      expect(different.map(({ why }) => why).toSorted()).toEqual(Object.keys(meantOtherwise).toSorted());
      expect(different.filter(({ level }) => level === "must")).toEqual([]);
    });

    it("survives the cases without an expectation", () => {
      for (const test of cases.filter(({ no_expectation }) => no_expectation)) expect(run(test)).toBeInstanceOf(Array);
    });
  });
}
