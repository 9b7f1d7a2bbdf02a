/**
 * Serves a module Worker (`export default { fetch }`) over HTTP on this machine, with nothing but Node.
 *
 *   BROKER_PUBLIC_KEYS="$(pubsub broker public-keys --json)" node examples/payment-terminals/serve.js --port 8990
 */
import http from "node:http";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

/**
 * @param worker an object with `fetch(request, env, ctx)`
 * @param options.port 0 picks a free one
 * @param options.env the Worker's bindings
 * @returns its URL, and `close()`
 */
export async function serve(worker, { port = 0, host = "127.0.0.1", env = {} } = {}) {
  const server = http.createServer((incoming, outgoing) => {
    answer(worker, env, incoming, outgoing).catch((error) => {
      // As in production an exception is a 500; here it says which one.
      console.error(error);
      if (!outgoing.headersSent) outgoing.writeHead(500, { "content-type": "text/plain" });
      outgoing.end(`exception: ${error?.message}`);
    });
  });
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  return {
    url: `http://${host}:${server.address().port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(worker, env, incoming, outgoing) {
  const { method, headers } = incoming;
  const chunks = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const body = method === "GET" || method === "HEAD" ? undefined : Buffer.concat(chunks);
  const request = new Request(new URL(incoming.url, `http://${headers.host ?? "localhost"}`), {
    method,
    headers: Object.entries(headers).flatMap(([name, values]) => [values].flat().map((value) => [name, value])),
    body,
  });
  const context = {
    waitUntil(promise) {
      Promise.resolve(promise).catch((error) => console.error(error));
    },
    passThroughOnException() {},
  };
  const response = await worker.fetch(request, env, context);
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.end(Buffer.from(await response.arrayBuffer()));
}

async function main() {
  const { values, positionals } = parseArgs({
    options: { port: { type: "string", default: "8990" } },
    allowPositionals: true,
  });
  const file = positionals[0] ?? path.join(path.dirname(fileURLToPath(import.meta.url)), "hook.js");
  const { default: worker } = await import(pathToFileURL(path.resolve(file)).href);
  // Variables of the environment are the Worker's, as `vars` are.
  const { url } = await serve(worker, { port: Number(values.port), env: process.env });
  console.log(url);
}

if (process.argv[1] !== undefined && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await main().catch((error) => {
    console.error(`error: ${error.message}`);
    process.exitCode = 1;
  });
}
