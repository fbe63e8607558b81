/** Signed manifests: what is let through, what is refused and why; keys, their file, and going backwards. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { temporaryDirectory } from "../../test/fixtures/temporary_directory.ts";
import { type Manifest, passthrough } from "../manifest/manifest.ts";
import { SignedManifests } from "./signed_manifests.ts";

const key = "0123456789abcdef0123456789abcdef";
const otherKey = "another key of enough characters, 32";
const manifest = (version: number, more: object = {}): Manifest => ({
  ...passthrough,
  version: String(version),
  timestamp: new Date(1_800_000_000_000 + version * 1000).toISOString(),
  ...more,
});
/** As it comes from Redis. */
// biome-ignore lint/suspicious/noExplicitAny: tests alter it at will
const sent = (value: object): any => JSON.parse(JSON.stringify(value));

function guard(setting = key) {
  const alarms: string[] = [];
  return { signed: new SignedManifests(setting, (message) => alarms.push(message)), alarms };
}

describe("a signed manifest", () => {
  it("is let through as it was signed, whatever the order of its fields", () => {
    const { signed, alarms } = guard();
    const text = sent(signed.sign(manifest(1)));
    expect(text).toMatchObject({ ...manifest(1), signature: { algorithm: "HMAC-SHA-256" } });
    const turned = Object.fromEntries(Object.entries(text).toReversed());
    guard().signed.admit(turned);
    signed.admit(text);
    signed.admit(text);
    expect(alarms).toEqual([]);
    expect(JSON.stringify(text)).not.toContain(key);
  });

  it("has one signature, also when it had another before", () => {
    const { signed } = guard();
    const once = signed.sign(manifest(1));
    expect(signed.sign(once as Manifest)).toEqual(once);
  });

  const rule = { id: "ssn", type: "redact", params: { pattern: "\\d+", replacement: "#" } };
  const full = manifest(5, {
    unknown: { kept: [1, 2.5, null, true] },
    pipelines: [{ name: "p", processors: [rule], outputs: [{ type: "http", url: "http://a/" }], batch_size: 7 }],
  });

  it.each<[string, (manifest: ReturnType<typeof sent>) => unknown, RegExp]>([
    ["without a signature", ({ signature: _, ...rest }) => rest, /is not signed, and MANIFEST_KEY is set/],
    ["with an empty one", (m) => ({ ...m, signature: {} }), /is not signed/],
    ["with null", (m) => ({ ...m, signature: null }), /is not signed/],
    ["with another value", (m) => ({ ...m, signature: { ...m.signature, value: "AAAA" } }), /was altered/],
    [
      "with a longer value",
      (m) => ({ ...m, signature: { ...m.signature, value: `AA${m.signature.value}` } }),
      /was altered/,
    ],
    ["of another algorithm", (m) => ({ ...m, signature: { ...m.signature, algorithm: "none" } }), /another algorithm/],
    ["of another version", (m) => ({ ...m, version: "6" }), /was altered/],
    ["of another time", (m) => ({ ...m, timestamp: "2030-01-01T00:00:00.000Z" }), /was altered/],
    ["without its rules", (m) => ({ ...m, pipelines: [{ ...m.pipelines[0], processors: [] }] }), /was altered/],
    [
      "with a rule in shadow",
      (m) => {
        m.pipelines[0].processors[0].mode = "shadow";
        return m;
      },
      /was altered/,
    ],
    [
      "to another destination",
      (m) => {
        m.pipelines[0].outputs[0].url = "http://b/";
        return m;
      },
      /was altered/,
    ],
    ["with a field more", (m) => ({ ...m, extra: 1 }), /was altered/],
    ["without an unknown field", ({ unknown: _, ...rest }) => rest, /was altered/],
    [
      "with an infinite number for null",
      (m) => {
        m.unknown.kept[2] = Number.POSITIVE_INFINITY;
        return m;
      },
      /a number that no control plane writes/,
    ],
    ["that is a list", () => [], /is not signed/],
    ["that is nothing", () => null, /is not signed/],
  ])("%s is refused, and an alarm says why", (_, alter, message) => {
    const { signed, alarms } = guard();
    const altered = alter(sent(signed.sign(full)));
    expect(() => signed.admit(altered)).toThrow(message);
    expect(alarms).toEqual([expect.stringMatching(message)]);
  });

  it("is refused after any change of one of its values", () => {
    const { signed } = guard();
    const text = JSON.stringify(signed.sign(full));
    const body = text.slice(0, text.indexOf(',"signature"'));
    fc.assert(
      fc.property(fc.integer({ min: 0, max: body.length - 1 }), fc.integer({ min: 32, max: 126 }), (at, code) => {
        const changed = `${text.slice(0, at)}${String.fromCharCode(code)}${text.slice(at + 1)}`;
        let raw: unknown;
        try {
          raw = JSON.parse(changed);
        } catch {
          return;
        }
        // The same value, written otherwise.
        if (JSON.stringify(raw) === text) return;
        expect(() => guard().signed.admit(raw), changed).toThrow();
      }),
      { numRuns: 2_000 },
    );
  });

  it("of another key is refused, and it is said which planes lack which key", () => {
    const foreign = sent(guard(otherKey).signed.sign(manifest(1)));
    expect(() => guard().signed.admit(foreign)).toThrow(
      /a key that this data plane does not have; .*data planes first/,
    );
  });
});

describe("going backwards", () => {
  it("is refused: a manifest that was signed before the newest one", () => {
    const { signed } = guard();
    const [one, two, three] = [1, 2, 3].map((version) => sent(signed.sign(manifest(version))));
    signed.admit(two);
    expect(() => signed.admit(one)).toThrow(/is older than the one of .* that came before; to go back, roll back/);
    signed.admit(three);
    expect(() => signed.admit(two)).toThrow(/is older/);
    signed.admit(three);
  });

  it("is refused at the same moment too, unless it is the same manifest", () => {
    const { signed } = guard();
    signed.admit(sent(signed.sign(manifest(1))));
    expect(() => signed.admit(sent(signed.sign(manifest(1, { other: true }))))).toThrow(/is older/);
  });

  it("passes as a rollback or from a control plane that counts anew: those are signed later", () => {
    const { signed } = guard();
    signed.admit(sent(signed.sign(manifest(9))));
    signed.admit(sent(signed.sign({ ...manifest(9), version: "1", timestamp: manifest(10).timestamp! })));
  });

  it("is known after a restart by the last good one", () => {
    const { signed } = guard();
    const [one, two] = [1, 2].map((version) => sent(signed.sign(manifest(version))));
    const restarted = guard().signed;
    restarted.admitLastGood(two);
    expect(() => restarted.admit(one)).toThrow(/is older/);
    restarted.admit(two);
  });

  it("cannot be told of a manifest without a time, which is refused", () => {
    const { signed } = guard();
    const { timestamp: _, ...timeless } = manifest(1);
    for (const value of [timeless, { ...timeless, timestamp: 5 }, { ...timeless, timestamp: "yesterday" }])
      expect(() => signed.admit(sent(signed.sign(value as Manifest)))).toThrow(/has no timestamp/);
  });
});

describe("the last good manifest", () => {
  it("is refused when it is unsigned or was altered on the disk", () => {
    const { signed } = guard();
    const good = sent(signed.sign(manifest(1)));
    signed.admitLastGood(good);
    expect(() => signed.admitLastGood(manifest(1))).toThrow(/is not signed/);
    expect(() => signed.admitLastGood({ ...good, version: "2" })).toThrow(/was altered/);
  });
});

describe("the key", () => {
  it("changes by a line in its file: the last one signs, all of them verify, and none needs a restart", () => {
    const path = join(temporaryDirectory("keys"), "manifest.key");
    writeFileSync(path, `${key}\n`);
    const { signed } = guard(`file:${path}`);
    const old = sent(signed.sign(manifest(1)));
    writeFileSync(path, `${key}\n${otherKey}\n`);
    signed.admit(old);
    const next = sent(signed.sign(manifest(2)));
    guard(otherKey).signed.admit(next);
    expect(() => guard(key).signed.admit(next)).toThrow(/does not have/);
    writeFileSync(path, `${otherKey}\n`);
    signed.admit(next);
    expect(() => signed.admit(sent(guard(key).signed.sign(manifest(3))))).toThrow(/does not have/);
  });

  it("is refused when it is short, or its file is missing or empty, and is not repeated", () => {
    expect(() => guard("too-short-a-key")).toThrow(
      /^(?!.*too-short).*MANIFEST_KEY: a key has fewer than 32 characters; give/,
    );
    expect(() => guard("file:/nowhere/key")).toThrow(/MANIFEST_KEY: the file cannot be read: ENOENT/);
    const path = join(temporaryDirectory("keys"), "manifest.key");
    writeFileSync(path, "\n");
    expect(() => guard(`file:${path}`)).toThrow(/is empty/);
    writeFileSync(path, `${key}\nshort\n`);
    expect(() => guard(`file:${path}`)).toThrow(/a key has fewer than 32/);
  });
});
