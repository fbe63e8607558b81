// Fastify, its log through the rules before it leaves: they run in pino's worker thread, and what passes goes to standard output, or to a
// gate that listens on GATE_PORT.
//
//     node examples/library/fastify.mjs
//     curl http://localhost:3000/users/jane@example.com
import Fastify from "fastify";

const { PORT: port = "3000", GATE_PORT: gatePort } = process.env;
const app = Fastify({
  logger: {
    transport: {
      target: "streamgate/pino",
      options: {
        rules: `${import.meta.dirname}/rules.json`,
        to: gatePort === undefined ? "stdout" : { host: "localhost", port: Number(gatePort) },
      },
    },
  },
});

app.get("/healthz", async () => "ok");
app.get("/users/:email", async (request) => {
  request.log.info({ card: "4111 1111 1111 1111" }, `looked up ${request.params.email}`);
  return { found: true };
});

// The process ends by itself when the server is closed, and pino writes what its worker holds.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => app.close());
await app.listen({ port: Number(port) });
