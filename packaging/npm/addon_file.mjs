/** What an addon's file says about itself: the processor it is for, what it exports, and which libraries it asks for. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** As native/binding/exports.map lists them. */
const exported = ["napi_register_module_v1", "node_api_module_get_api_version_v1"];
/** Of ELF: the system's C library and its loader, by either name. */
const systemLibraries = /^(lib(c|m|pthread|dl|rt)\.so(\.\d+)?|ld-linux-(x86-64|aarch64)\.so\.\d)$/;
/** What zig is told to build for (src/data/engine/platforms.ts). */
const glibcMinorMax = 28;

/**
 * @param {string} file an addon
 * @param {{os: string, cpu: string, libc?: string}} platform what it has to be for
 * @returns {string[]} what is wrong with it
 */
export function faultsOfAddon(file, { os, cpu, libc }) {
  const bytes = readFileSync(file);
  if (os === "linux") return faultsOfElf(file, bytes, cpu, libc);
  if (os === "darwin") return faultsOfMachO(bytes, cpu);
  return faultsOfPe(bytes);
}

function faultsOfElf(file, bytes, cpu, libc) {
  const machines = { x64: 62, arm64: 183 };
  const faults = [];
  if (bytes.readUInt32BE(0) !== 0x7f454c46) return ["it is no ELF file"];
  if (bytes.readUInt16LE(18) !== machines[cpu]) faults.push(`it is for the processor ${bytes.readUInt16LE(18)}`);
  const { status, error, stdout } = spawnSync("readelf", ["-W", "-S", "-d", "--dyn-syms", "-V", file], {
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  if (status !== 0) return [`readelf cannot read it: ${error?.message ?? `status ${status}`}`];
  if (/\.(symtab|debug_info)\b/.test(stdout)) faults.push("it is not stripped");
  const symbols = [...stdout.matchAll(/ (?:GLOBAL|WEAK) +DEFAULT +(\w+) (\S+)/g)];
  const given = symbols.filter(([, section]) => section !== "UND").map(([, , name]) => name);
  if (given.toSorted().join() !== exported.join()) faults.push(`it exports ${given.join(", ")}`);
  const needed = [...stdout.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name);
  for (const name of needed.filter((one) => !systemLibraries.test(one))) faults.push(`it needs ${name}`);
  const minors = [...stdout.matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor));
  if (libc === "musl" && minors.length > 0) faults.push("it needs glibc");
  if (Math.max(...minors) > glibcMinorMax) faults.push(`it needs glibc 2.${Math.max(...minors)}`);
  return faults;
}

/** Of a 64-bit Mach-O file: its kind of processor, and that it is a library that may be signed at once or later. */
function faultsOfMachO(bytes, cpu) {
  const types = { x64: 0x01000007, arm64: 0x0100000c };
  if (bytes.readUInt32LE(0) !== 0xfeedfacf) return ["it is no 64-bit Mach-O file"];
  if (bytes.readUInt32LE(4) !== types[cpu]) return [`it is for the processor ${bytes.readUInt32LE(4)}`];
  return [];
}

/** Of a PE file: that it is a library for x64. */
function faultsOfPe(bytes) {
  const header = bytes.readUInt32LE(0x3c);
  if (bytes.toString("latin1", header, header + 4) !== "PE\0\0") return ["it is no PE file"];
  if (bytes.readUInt16LE(header + 4) !== 0x8664) return [`it is for the processor ${bytes.readUInt16LE(header + 4)}`];
  if ((bytes.readUInt16LE(header + 22) & 0x2000) === 0) return ["it is a program, no library"];
  return [];
}
