// Express, a line a request: the rules run in this thread, one call for whatever was logged meanwhile, and what passes goes to standard output.
//
//     node examples/library/express.cjs
//     curl http://localhost:3000/users/jane@example.com
//     curl http://localhost:3000/stats
const { join } = require("node:path");
const express = require("express");
const { pino } = require("pino");
const { createEngine } = require("streamgate");

const engine = createEngine({
  rules: require(join(__dirname, "rules.json")),
  // A record that a protect rule cannot finish never comes out. This is where it can be kept; say that it was, not what it was.
  onWithheld: ({ rule, cause }) => process.emitWarning(`a log record was withheld: ${rule}, ${cause}`),
});
const passed = engine.transform();
passed.pipe(process.stdout);
const log = pino(passed);

const app = express();
app.use((request, response, next) => {
  const startedAt = performance.now();
  response.once("finish", () => {
    const { method, originalUrl: url } = request;
    log.info({ method, url, status: response.statusCode, ms: Math.round(performance.now() - startedAt) }, "request");
  });
  next();
});
app.get("/healthz", (_request, response) => response.send("ok"));
app.get("/users/:email", (_request, response) => response.json({ found: true }));
app.get("/stats", (_request, response) => response.json(engine.stats()));

const server = app.listen(Number(process.env.PORT ?? 3000), () =>
  log.info(`listening on http://localhost:${server.address().port}`),
);
for (const signal of ["SIGINT", "SIGTERM"])
  process.once(signal, () => {
    server.close(() => passed.end());
    server.closeIdleConnections();
  });
