/**
 * Serves the packed platform packages as npm's registry would, so that installing `streamgate` chooses among them by `os`, `cpu` and
 * `libc` as it will once they are published. Only their scope is asked for here; everything else comes from npm's own registry.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

/** @returns {{name: string, file: string, manifest: object}[]} the tarballs in a folder, `streamgate` itself among them */
export function packedIn(folder) {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".tgz"))
    .map((name) => {
      const file = join(folder, name);
      const { status, stdout, stderr } = spawnSync("tar", ["-xzOf", name, "package/package.json"], { cwd: folder });
      if (status !== 0) throw new Error(`${file} cannot be read: ${stderr}`);
      const manifest = JSON.parse(stdout);
      return { name: manifest.name, file, manifest };
    });
}

/**
 * @param packed what `packedIn` found
 * @returns {Promise<{setting: string, close(): void}>} `setting`: the line of an .npmrc by which npm asks here
 */
export async function serveScope(packed) {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url).slice(1);
    const named = packed.find(({ name }) => name === path);
    const wanted = packed.find(({ file }) => path === `tarballs/${file.split(/[/\\]/).at(-1)}`);
    if (wanted !== undefined) return response.end(readFileSync(wanted.file));
    if (named === undefined) return response.writeHead(404, { "content-type": "application/json" }).end("{}");
    const { file, manifest } = named;
    const dist = {
      tarball: `http://${request.headers.host}/tarballs/${file.split(/[/\\]/).at(-1)}`,
      integrity: `sha512-${createHash("sha512").update(readFileSync(file)).digest("base64")}`,
    };
    const versions = { [manifest.version]: { ...manifest, dist } };
    response
      .writeHead(200, { "content-type": "application/json" })
      .end(JSON.stringify({ name: manifest.name, "dist-tags": { latest: manifest.version }, versions }));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    setting: `@streamgate:registry=http://127.0.0.1:${server.address().port}/`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
