// A file through the rules into another, whatever its size: memory stays flat.
//
//     node examples/library/file.mjs app.log clean.log
import { createReadStream, createWriteStream, readFileSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import { compile, createEngine, StreamGateError } from "streamgate";

const [from, to] = process.argv.slice(2);
try {
  const rules = compile(JSON.parse(readFileSync(`${import.meta.dirname}/rules.json`, "utf8")));
  for (const warning of rules.warnings) console.error(`warning: ${warning}`);
  using engine = createEngine({ rules });
  await pipeline(createReadStream(from), engine.transform(), createWriteStream(to));
  const { received, passed, quarantined, rules: each } = engine.stats();
  console.log(`${received.records} records came, ${passed.records} passed, ${quarantined.records} were withheld`);
  for (const [id, { dropped, changed }] of Object.entries(each))
    console.log(`${id}: ${dropped.records} dropped, ${changed.replacements} replaced in ${changed.records}`);
} catch (error) {
  if (!(error instanceof StreamGateError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 1;
}
