/** Which prebuilt package a platform asks for, and the remedy that is printed when it does not load. */

import { describe, expect, it } from "vitest";
import { remedyFor } from "./addon.ts";
import { platformName, platforms } from "./platforms.ts";

describe("prebuilt addons", () => {
  it("are named by what npm chooses by", () => {
    for (const [name, { os, cpu, libc }] of Object.entries(platforms))
      expect(platformName({ os, cpu, libc: libc ?? null })).toBe(name);
    expect(platformName({ os: "linux", cpu: "arm64", libc: null })).toBe("linux-arm64-glibc");
  });

  it.each([
    ["freebsd-x64", "Cannot find module '@streamgate/freebsd-x64'", "there is no prebuilt addon for freebsd-x64"],
    ["linux-x64-glibc", "Cannot find module '@streamgate/linux-x64-glibc'", "npm install --include=optional"],
    ["linux-x64-glibc", "version `GLIBC_2.28' not found (required by streamgate.node)", "older than glibc 2.28"],
    [
      "darwin-arm64",
      "Cannot load native addon because loading addons is disabled. (ERR_DLOPEN_DISABLED)",
      "--no-addons",
    ],
    ["win32-x64", "streamgate.node is not a valid Win32 application", "reinstall it"],
    ["linux-x64-musl", "it is of version 0.0.1, and this is 0.1.0", "reinstall it"],
  ])("on %s, after %j, say what helps", (platform, failure, remedy) => {
    const said = remedyFor({ platform, failure, isClone: false });
    expect(said).toContain(remedy);
    expect(said).toContain("STREAMGATE_ENGINE=portable");
  });

  it("of another platform alone mean that node_modules came from there", () => {
    const said = remedyFor({
      platform: "linux-x64-glibc",
      failure: "Cannot find module '@streamgate/linux-x64-glibc/package.json'",
      isClone: false,
      others: ["linux-x64-musl"],
    });
    expect(said).toContain("was installed for linux-x64-musl, and this is linux-x64-glibc");
  });

  it("are not what a clone of the repository lacks", () => {
    expect(remedyFor({ platform: "linux-x64-glibc", failure: "Cannot find module", isClone: true })).toContain(
      "npm run build",
    );
  });
});
