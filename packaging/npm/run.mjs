/** Runs a program to its end, for what tries packed tarballs. */
import { spawn } from "node:child_process";

/**
 * @param {string[]} command
 * @param {{cwd?: string, env?: NodeJS.ProcessEnv, input?: string}} options
 * @returns {Promise<{stdout: string, stderr: string}>}
 * @throws Error with the end of what it printed, when it fails
 */
export function run([command, ...args], { cwd, env, input = "" } = {}) {
  return new Promise((resolve, reject) => {
    // A .cmd file is run by the shell.
    const child = spawn(command, args, { cwd, env, shell: process.platform === "win32" && command.endsWith(".cmd") });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      stderr += text;
    });
    child.on("error", reject);
    child.on("close", (status, signal) => {
      if (status === 0) resolve({ stdout, stderr });
      else {
        const end = `${stdout}${stderr}`.slice(-8000);
        reject(new Error(`${[command, ...args].join(" ")} ended with ${status ?? signal}\n${end}`));
      }
    });
    child.stdin.on("error", () => {}).end(input);
  });
}
