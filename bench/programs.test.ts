/** Programs of the machine: those that do not start are missing too, and say why. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { firstLineOf, whyMissing } from "./programs.ts";
import { syslogNg } from "./subjects/syslog_ng.ts";
import { nothing } from "./work.ts";

const folder = mkdtempSync(join(tmpdir(), "streamgate-bench-programs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function script(path: string, text: string): string {
  const file = join(folder, path);
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
  return file;
}

describe("a program", () => {
  it.each([
    ["is not there", undefined, "x is not installed"],
    ["starts", script("good", "echo x 1.2"), undefined],
    [
      "lacks a library",
      script("bad", "echo 'error while loading shared libraries: liby.so.0' >&2; exit 127"),
      "x does not start: error while loading shared libraries: liby.so.0",
    ],
    ["says nothing", script("mute", "exit 3"), "x does not start: it ended with 3"],
  ])("that %s", (_name, file, reason) => {
    expect(whyMissing("x", file, ["--version"])).toBe(reason);
  });

  it("tells its version in the first line with a digit", () => {
    expect(firstLineOf(script("version", "echo welcome; echo x 1.2; echo 3"), ["--version"])).toBe("x 1.2");
  });
});

describe("syslog-ng unpacked beside the system", () => {
  const post = {
    ...({ input: "tcp", work: nothing, connections: 1 } as const),
    destination: { kind: "http", records: 10 } as const,
  };
  // It starts only when it is told where its libraries are, and has modules only when it is told where they are.
  const installed = (root: string, modules: string) => {
    const library = join(folder, root, "usr/lib/syslog-ng");
    mkdirSync(join(library, "3.38"), { recursive: true });
    return syslogNg(
      script(
        `${root}/usr/sbin/syslog-ng`,
        `[ "$LD_LIBRARY_PATH" = "${library}" ] || exit 127
echo syslog-ng 3.38
[ "$3" = "${library}/3.38" ] && echo "Available-Modules: ${modules}"
exit 0`,
      ),
    );
  };

  it("is given its libraries and modules", () => {
    const subject = installed("with", "affile,http,json-plugin");
    expect(subject.missing()).toBeUndefined();
    expect(subject.version()).toBe("syslog-ng 3.38");
    expect(subject.refuses(post)).toBeUndefined();
    const library = join(folder, "with/usr/lib/syslog-ng");
    const command = subject.command(post, { folder, port: 1, sinkPort: 2, output: "x" });
    expect(command.env).toEqual({ LD_LIBRARY_PATH: library });
    expect(command.args.slice(-2)).toEqual(["--module-path", join(library, "3.38")]);
  });

  it("refuses HTTP without that module, and only HTTP", () => {
    const subject = installed("without", "affile,httpd");
    expect(subject.refuses(post)).toContain("libhttp.so");
    expect(subject.refuses({ ...post, destination: { kind: "file" } })).toBeUndefined();
  });
});
