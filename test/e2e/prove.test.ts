/** `streamgate prove`: what rules would have saved on kept records, from plain and packed files and standard input. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { runCommand } from "../fixtures/gate.ts";
import { oneEngine } from "../fixtures/requirement.ts";
import { temporaryDirectory } from "../fixtures/temporary_directory.ts";

const rules = [
  { id: "drop_debug", type: "filter", params: { value: "DEBUG" } },
  { id: "off", type: "filter", params: { value: "INFO" }, enabled: false },
  { id: "ssn", type: "redact", params: { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement: "XXX-XX-XXXX" } },
];
/** An hour, a line a second: every second one DEBUG, each hundredth an error that speaks of DEBUG. */
const lines = Array.from({ length: 3600 }, (_, second) => {
  const time = new Date(Date.UTC(2026, 10, 1, 0, 0, second)).toISOString();
  if (second % 100 === 0) return `${time} ERROR failed to leave DEBUG mode`;
  return `${time} ${second % 2 === 0 ? "DEBUG" : "INFO"} 123-45-6789`;
});
const text = `${lines.join("\n")}\n`;
const bytes = text.length - lines.length;

for (const { engine, skip, note } of oneEngine) {
  describe.skipIf(skip)(`streamgate prove on ${engine}${note}`, () => {
    const folder = () => {
      const path = temporaryDirectory("prove");
      writeFileSync(join(path, "rules.json"), JSON.stringify(rules));
      return path;
    };
    const prove = (path: string, args: readonly string[], input: string | Uint8Array = "") =>
      runCommand(["prove", "--engine", engine, "--rules", join(path, "rules.json"), ...args], input);
    const proofOf = async (path: string, args: readonly string[], input: string | Uint8Array = "") => {
      const { status, stdout, stderr } = await prove(path, ["--json", ...args], input);
      expect([status, stderr]).toEqual([0, ""]);
      return JSON.parse(stdout.toString());
    };

    it("counts records, bytes and dollars, by rule and severity, and says which rule drops errors", async () => {
      const path = folder();
      writeFileSync(join(path, "a.log"), text);
      const proof = await proofOf(path, ["--prices", "1000+2", join(path, "a.log")]);
      expect(proof.before).toMatchObject({ records: 3600, bytes });
      expect(proof.before.usd).toBeCloseTo((bytes / 1e9) * 1000 + (3600 / 1e6) * 2, 12);
      expect(proof.after.records).toBe(1800);
      expect(
        proof.rules.map(({ id, dropped, changed }: { id: string; dropped: { records: number }; changed: number }) => [
          id,
          dropped.records,
          changed,
        ]),
      ).toEqual([
        ["drop_debug", 1800, 0],
        ["ssn", 0, 1800],
      ]);
      expect(proof.error_or_above).toEqual({ before: 36, kept: 0, dropped_by: { drop_debug: 36 } });
      expect(proof.severity.info.after.records).toBe(1800);
      // A month of hours like this one (less its last second).
      expect(proof.month.before_usd / proof.before.usd).toBeCloseTo((730 * 3600) / 3599, 6);
      expect(proof.reweighted).toEqual({ before: 3600, after: 1800 });
    });

    it("reads gzip, several members of it, zstd and standard input alike, and several files as one", async () => {
      const path = folder();
      const half = text.indexOf("\n", text.length / 2) + 1;
      const files: [string, Uint8Array][] = [
        ["plain", Buffer.from(text)],
        ["one.gz", gzipSync(text)],
        ["two.gz", Buffer.concat([gzipSync(text.slice(0, half)), gzipSync(text.slice(half))])],
        ["one.zst", zstdCompressSync(text)],
      ];
      const { seconds: _, files: __, ...expected } = await proofOf(path, ["--hours", "1", "-"], text);
      for (const [name, content] of files) {
        writeFileSync(join(path, name), content);
        const { seconds: _, files: __, ...proof } = await proofOf(path, ["--hours", "1", join(path, name)]);
        expect(proof, name).toEqual(expected);
      }
      const both = await proofOf(path, [join(path, "plain"), join(path, "one.gz")]);
      expect(both.before).toMatchObject({ records: 7200, bytes: 2 * bytes });
    });

    it("prints a page with the list price, its date and its source", async () => {
      const path = folder();
      const { status, stdout } = await prove(path, ["--prices", "datadog", "-"], text);
      const page = stdout.toString();
      expect(status).toBe(0);
      expect(page).toMatch(/^before +3,600 +[\d,]+ +\$/m);
      expect(page).toMatch(/^saved +50\.0 % /m);
      expect(page).toContain("A month at this rate (these records are of 60 minutes)");
      expect(page).toContain("ERROR and above: 0 of 36 kept; dropped by drop_debug 36.");
      expect(page).toMatch(
        /Prices: datadog, \$0.1 a GB and \$1.7 a million events \(list price of \d{4}-\d\d-\d\d.*https:/,
      );
      const without = (await prove(path, ["-"], "INFO x\n")).stdout.toString();
      expect(without).toContain("No dollars: give --prices.");
      expect(without).not.toContain("A month");
    });

    it("counts nothing of an empty input", async () => {
      expect(await proofOf(folder(), ["-"])).toMatchObject({
        before: { records: 0 },
        saved: { bytes: 0 },
        month: null,
      });
    });

    it.each([
      [["--prices", "acme", "-"], 2, '--prices: "acme" is no price'],
      [["--hours", "0", "-"], 2, '--hours: "0" is no time in hours'],
      [["no-such.log"], 1, "no-such.log: cannot be read"],
    ])("refuses %j", async (args, status, message) => {
      const answer = await prove(folder(), args);
      expect([answer.status, answer.stdout.toString()]).toEqual([status, ""]);
      expect(answer.stderr).toContain(message);
    });

    it("refuses what is damaged, and what is packed otherwise, with the way out", async () => {
      const path = folder();
      writeFileSync(join(path, "cut.gz"), gzipSync(text).subarray(0, 500));
      writeFileSync(join(path, "a.xz"), Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 1, 2]));
      expect((await prove(path, [join(path, "cut.gz")])).stderr).toContain(
        "cut.gz: cannot be read: unexpected end of file",
      );
      expect((await prove(path, [join(path, "a.xz")])).stderr).toMatch(
        /a\.xz: is packed with xz.*xz -dc \S+ \| streamgate prove -/,
      );
    });
  });
}
