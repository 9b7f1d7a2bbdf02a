/** Over real sockets. */
import { once } from "node:events";
import { type IncomingMessage, request as httpRequest } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, expect, test } from "vitest";
import { type RunningApi, serveApi } from "../../src/api/index.ts";
import { Lazy } from "../../src/lazy.ts";
import { B, N, TOKEN, harness } from "./harness.ts";

const running: RunningApi[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

async function serve(api = harness({ allowedHosts: [] })) {
  const server = await serveApi(new Lazy(async () => api.app), { host: "127.0.0.1", port: 0 });
  running.push(server);
  const url = `http://127.0.0.1:${server.port}/client/v4`;
  const headers = { authorization: `Bearer ${TOKEN}` };
  return { api, server, url, headers };
}

const eventually = async (holds: () => boolean) => {
  for (let i = 0; i < 200 && !holds(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(holds()).toBe(true);
};

test("answers", async () => {
  const { url, headers } = await serve();
  const response = await fetch(`${url}/status`, { headers });
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("application/json");
  expect(await response.json()).toMatchObject({ success: true });
});

test("on IPv6 too", async () => {
  const server = await serveApi(new Lazy(async () => harness({ allowedHosts: [] }).app), { host: "::1", port: 0 });
  running.push(server);
  const headers = { authorization: `Bearer ${TOKEN}` };
  expect((await fetch(`http://[::1]:${server.port}/client/v4/status`, { headers })).status).toBe(200);
});

test("a port in use", async () => {
  const { server } = await serve();
  await expect(
    serveApi(new Lazy(async () => harness().app), { host: "127.0.0.1", port: server.port }),
  ).rejects.toMatchObject({
    name: "UserError",
    code: "port-in-use",
    message: `the API cannot listen on 127.0.0.1:${server.port}: the port is in use`,
    hint: expect.stringContaining("--api-port 0"),
  });
});

test("an address that is not ours", async () => {
  await expect(serveApi(new Lazy(async () => harness().app), { host: "192.0.2.1", port: 0 })).rejects.toMatchObject({
    code: "cannot-listen",
    message: expect.stringContaining("this machine has no such address"),
    hint: expect.stringContaining("--host"),
  });
});

test("a page on another name does not reach it", async () => {
  const { server, headers } = await serve();
  const request = httpRequest({
    port: server.port,
    path: "/client/v4/status",
    headers: { ...headers, host: "evil.example" },
  });
  request.end();
  const [response] = await once(request, "response");
  expect(response.statusCode).toBe(403);
  response.resume();
});

test("a Host header that is none", async () => {
  const { server, headers } = await serve();
  const path = "/client/v4/status";
  const request = httpRequest({ port: server.port, path, headers: { ...headers, host: "a b" } });
  request.end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  expect(response.statusCode).toBe(400);
  expect(JSON.parse(await text(response))).toMatchObject({ success: false, errors: [{ code: 17000 }] });
});

test("a body that is too long, announced or not", async () => {
  const { url, headers } = await serve();
  const path = `${url}${N}`;
  const long = "x".repeat(1024 * 1024 + 1);
  const announced = await fetch(path, { method: "POST", headers, body: long });
  expect(announced.status).toBe(413);
  expect(await announced.json()).toMatchObject({ success: false, errors: [{ code: 17003 }] });
  const pieces = new ReadableStream({
    start(controller) {
      for (let i = 0; i < 20; i++) controller.enqueue(Buffer.alloc(64 * 1024, "x"));
      controller.close();
    },
  });
  const streamed = await fetch(path, { method: "POST", headers, body: pieces, duplex: "half" });
  expect(streamed.status).toBe(413);
});

test("a thousand tokens revoked in one URL", async () => {
  const { api, url, headers } = await serve();
  await api.createBroker();
  const jtis = Array.from({ length: 1000 }, (_, i) => `01JWZ0000000000000000${String(i).padStart(5, "0")}`);
  const response = await fetch(`${url}${B}/revocations?jti=${jtis.join("&jti=")}`, { method: "POST", headers });
  expect(response.status).toBe(200);
  expect(api.catalogue.revocations(api.catalogue.brokers()[0]!.id)).toEqual(jtis);
});

test("events arrive at once, and a reader that goes is forgotten", async () => {
  const { api, url, headers } = await serve();
  await api.createBroker();
  const abort = new AbortController();
  const response = await fetch(`${url}${B}/events`, { headers, signal: abort.signal });
  expect(api.watchers()).toBe(1);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  expect((await reader.read()).value).toMatch(/^: watching\nid: [0-9a-f]+-0\n\n$/);
  api.emit({ type: "refuse", clientId: "c", reasonCode: 0x87, reason: "no" });
  expect((await reader.read()).value).toContain('"event":"refuse"');
  abort.abort();
  await expect(reader.read()).rejects.toThrow("aborted");
  await eventually(() => api.watchers() === 0);
  expect(api.logged).toEqual([]);
});

test("a reader that stops reading does not make the server keep everything", async () => {
  const { api, server } = await serve();
  await api.createBroker();
  const socket = connect(server.port, "127.0.0.1");
  socket.write(`GET /client/v4${B}/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`);
  await once(socket, "data");
  socket.pause();
  let made = 0;
  const reason = "x".repeat(10_000);
  const heapBefore = process.memoryUsage().heapUsed;
  for (let turn = 0; turn < 100; turn++) {
    for (let i = 0; i < 200; i++) {
      api.emit({ type: "refuse", clientId: String(made++), reasonCode: 0x87, reason });
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  // 200 MB were offered.
  expect(process.memoryUsage().heapUsed - heapBefore).toBeLessThan(80 * 1024 * 1024);
  let end = "";
  socket.on("data", (bytes) => (end = (end + bytes.toString()).slice(-1000)));
  socket.resume();
  await eventually(() => end.includes("event: lost"));
  socket.destroy();
  await eventually(() => api.watchers() === 0);
});

test("close ends streams and idle connections at once", async () => {
  const { api, server, url, headers } = await serve();
  await api.createBroker();
  const response = await fetch(`${url}${B}/events`, { headers });
  await fetch(`${url}/status`, { headers });
  const idle = connect(server.port, "127.0.0.1");
  await once(idle, "connect");
  const startMs = performance.now();
  await server.close();
  expect(performance.now() - startMs).toBeLessThan(500);
  await expect(response.text()).rejects.toThrow();
  await eventually(() => api.watchers() === 0);
  await expect(fetch(`${url}/status`, { headers })).rejects.toThrow();
});
