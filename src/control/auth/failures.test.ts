/** The limit of wrong tokens: by source, over time, in bounded memory. */

import { describe, expect, it } from "vitest";
import { Failures, sourceOf } from "./failures.ts";

describe("the limit of wrong tokens", () => {
  it("lets ten through at once and then one every three seconds", () => {
    const failures = new Failures();
    const start = 1_000_000;
    for (let time = 0; time < 10; time++) {
      expect(failures.waitMs("192.0.2.1", start)).toBe(0);
      failures.note("192.0.2.1", start);
    }
    expect(failures.waitMs("192.0.2.1", start)).toBe(3_000);
    expect(failures.waitMs("192.0.2.1", start + 2_999)).toBe(1);
    expect(failures.waitMs("192.0.2.1", start + 3_000)).toBe(0);
    failures.note("192.0.2.1", start + 3_000);
    expect(failures.waitMs("192.0.2.1", start + 3_000)).toBe(3_000);
    expect(failures.waitMs("192.0.2.1", start + 33_000)).toBe(0);
  });

  it("is each source's own", () => {
    const failures = new Failures();
    for (let time = 0; time < 20; time++) failures.note("192.0.2.1", 0);
    expect(failures.waitMs("192.0.2.1", 0)).toBeGreaterThan(0);
    expect(failures.waitMs("192.0.2.2", 0)).toBe(0);
  });

  it("remembers a bounded number of sources, the latest", () => {
    const failures = new Failures();
    for (let time = 0; time < 20; time++) failures.note("192.0.2.1", 0);
    for (let one = 0; one < 25_000; one++) failures.note(`10.${one >> 16}.${(one >> 8) & 255}.${one & 255}`, 0);
    expect(failures.size).toBe(10_000);
    expect(failures.waitMs("192.0.2.1", 0)).toBe(0);
  });

  it.each([
    ["127.0.0.1", "127.0.0.1"],
    ["::ffff:127.0.0.1", "127.0.0.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:DB8:1:2::9", "2001:db8:1:2::/64"],
    ["2001:db8::9", "2001:db8:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["::", "0:0:0:0::/64"],
    ["1::", "1:0:0:0::/64"],
  ])("takes %s for the source %s", (address, source) => {
    expect(sourceOf(address)).toBe(source);
  });
});
