/** TLS of outputs from files that change: what the next connection shows and trusts. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { Authority, needsOpenssl } from "../../../test/fixtures/certificates.ts";
import { temporaryDirectory } from "../../../test/fixtures/temporary_directory.ts";
import { tlsFromFiles } from "./output_tls.ts";

const authorities: Authority[] = [];
afterEach(() => {
  for (const authority of authorities.splice(0)) authority.dispose();
});

describe.skipIf(needsOpenssl.skip)(`the TLS of an output${needsOpenssl.note}`, () => {
  function rig() {
    const authority = new Authority("outputs");
    authorities.push(authority);
    const [one, two] = [authority.issue("one", "DNS:one"), authority.issue("two", "DNS:two")];
    const folder = temporaryDirectory("output-tls");
    const paths = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
    const put = (part: "cert" | "key", from: string) => writeFileSync(paths[part], readFileSync(from));
    put("cert", one.cert);
    put("key", one.key);
    const text = (path: string) => readFileSync(path, "utf8");
    const warnings: string[] = [];
    const first = { ca: "as it is", cert: text(one.cert), key: text(one.key), minVersion: "TLSv1.2" as const };
    const now = tlsFromFiles(
      { cert: { file: paths.cert }, key: { file: paths.key } },
      { ...first, ca: text(authority.cert) },
      {
        file: text,
        warn: (message) => warnings.push(message),
      },
    );
    return { one, two, put, text, warnings, now };
  }

  it("is the same object as long as no file has changed", () => {
    const { now } = rig();
    expect(now()).toBe(now());
  });

  it("changes with its files, and not before certificate and key fit", () => {
    const { one, two, put, text, warnings, now } = rig();
    const before = now();
    put("cert", two.cert);
    expect(now()).toBe(before);
    expect(now()).toBe(before);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^changed TLS files are not used, those before go on: .*key values mismatch/i);
    expect(warnings[0]).not.toContain("BEGIN");
    put("key", two.key);
    expect(now()).toMatchObject({ cert: text(two.cert), key: text(two.key), minVersion: "TLSv1.2" });
    expect(now()).toBe(now());
    expect(now().cert).not.toBe(text(one.cert));
  });

  it("stays what it was when a file is gone", () => {
    const { warnings } = rig();
    const first = { cert: "c", key: "k" };
    const now = tlsFromFiles({ cert: { file: "cert.pem" } }, first, {
      file: () => {
        throw Object.assign(new Error("no such file"), { code: "ENOENT" });
      },
      warn: (message) => warnings.push(message),
    });
    expect(now()).toBe(first);
    expect(warnings).toEqual(["changed TLS files are not used, those before go on: ENOENT no such file"]);
  });

  it("is fixed where no file is named", () => {
    const first = { cert: "c" };
    expect(tlsFromFiles({ cert: "c", key: { env: "KEY" } }, first, { file: () => "", warn: () => {} })()).toBe(first);
  });
});
