/** TLS listeners over real sockets: time to shake hands, certificates that change, and what is asked for by name. */
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { type SecureContextOptions, connect as connectTls } from "node:tls";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { type CertificateAndKey, makeAuthority, makeCertificate } from "../../src/auth/certificate-maker.ts";
import type { ByteStream } from "../../src/transport/byte-stream.ts";
import { type TlsIdentity, listenTls } from "../../src/transport/tls.ts";
import { listenSecureWebSocket } from "../../src/transport/websocket.ts";

let authority: CertificateAndKey;
beforeAll(async () => {
  authority = await makeAuthority("test", validity());
});

function validity() {
  return { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000) };
}

/** An identity whose certificate the test changes. */
class TestIdentity implements TlsIdentity {
  context: SecureContextOptions = {};
  readonly asked: string[] = [];
  readonly #listeners = new Set<() => void>();

  async change(commonName: string): Promise<void> {
    const names = [{ type: "dns" as const, value: "localhost" }];
    const { certificate, privateKey } = await makeCertificate(authority, {
      ...validity(),
      commonName,
      purpose: "server",
      names,
    });
    this.context = { cert: certificate, key: privateKey, ca: [] };
    for (const listener of this.#listeners) listener();
  }

  async contextFor(host: string) {
    this.asked.push(host);
    return undefined;
  }

  watch(listener: () => void) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get watched(): boolean {
    return this.#listeners.size > 0;
  }
}

async function start(handshakeTimeoutMs = 10_000, upgradeTimeoutMs = 10_000) {
  const identity = new TestIdentity();
  await identity.change("first");
  const failures: string[] = [];
  const asks = { certificates: false };
  const streams: ByteStream[] = [];
  const accept = (stream: ByteStream) => {
    stream.handler = { onData: (chunk) => stream.write(chunk), onDrain: () => {}, onClose: () => {} };
    streams.push(stream);
  };
  const options = {
    ...{
      host: "127.0.0.1",
      port: 0,
      identity,
      domain: "localhost",
      handshakeTimeoutMs,
      messageBytesMax: 1000,
      upgradeTimeoutMs,
    },
    onFailedHandshake: (_remote: string, reason: string) => failures.push(reason),
  };
  const tls = await listenTls(options, accept);
  const wss = await listenSecureWebSocket({ ...options, asksForCertificates: () => asks.certificates }, accept);
  onTestFinished(async () => {
    for (const stream of streams) stream.destroy();
    await Promise.all([tls.close(), wss.close()]);
    expect(identity.watched).toBe(false);
  });
  return { identity, tls, wss, failures, streams, asks };
}

async function open(port: number, options = {}) {
  const socket = connectTls({
    port,
    host: "127.0.0.1",
    ca: authority.certificate,
    servername: "localhost",
    ...options,
  });
  onTestFinished(() => void socket.destroy());
  await once(socket, "secureConnect");
  return socket;
}

/** Speaks HTTP with its own hands, so that the test has TLS and the frames in sight. */
async function openWebSocket(port: number, options = {}) {
  const socket = await open(port, options);
  const key = Buffer.alloc(16).toString("base64");
  const lines = [
    "GET /mqtt HTTP/1.1",
    "host: localhost",
    "connection: upgrade",
    "upgrade: websocket",
    `sec-websocket-key: ${key}`,
  ];
  socket.write([...lines, "sec-websocket-version: 13", "sec-websocket-protocol: mqtt", "", ""].join("\r\n"));
  const [answer] = (await once(socket, "data")) as [Buffer];
  expect(answer.toString()).toContain("101 Switching Protocols");
  return socket;
}

test("who does not shake hands in time is let go", async () => {
  const { tls, wss, failures } = await start(20);
  for (const { port } of [tls, wss]) {
    const socket = connectTcp({ port, host: "127.0.0.1" });
    await once(socket.resume(), "close");
  }
  expect(failures).toEqual(["ERR_TLS_HANDSHAKE_TIMEOUT", "ERR_TLS_HANDSHAKE_TIMEOUT"]);
});

test("who shakes hands and then says nothing is let go by the WebSocket listener; the others are not its business", async () => {
  const { wss } = await start(10_000, 200);
  const socket = await open(wss.port);
  await once(socket.resume(), "close");
  const upgraded = await openWebSocket(wss.port);
  // Silent for longer than the limit: a second connection measures it.
  const other = await open(wss.port);
  await once(other.resume(), "close");
  // A ping, and its answer.
  upgraded.write(Buffer.from("898000000000", "hex"));
  expect(await once(upgraded, "data")).toEqual([Buffer.from("8a00", "hex")]);
});

test("plain text is said to be that; hanging up is not worth a word", async () => {
  const { tls, wss, failures } = await start();
  for (const { port } of [tls, wss]) {
    connectTcp({ port, host: "127.0.0.1" }).destroy();
    const socket = connectTcp({ port, host: "127.0.0.1" });
    socket.write("GET / HTTP/1.1\r\n\r\n");
    await once(socket.resume(), "close");
  }
  expect(failures).toEqual(["http request", "http request"]);
});

test("a connection keeps its certificate and its data when another one comes", async () => {
  const { identity, tls, wss } = await start();
  for (const { port } of [tls, wss]) {
    await identity.change("before");
    const old = await open(port);
    await identity.change("after");
    expect([old, await open(port)].map((socket) => socket.getPeerCertificate().subject.CN)).toEqual([
      "before",
      "after",
    ]);
    old.write(port === tls.port ? "hello" : "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
    const [chunk] = (await once(old, "data")) as [Buffer];
    expect(chunk.toString()).toMatch(/^hello|^HTTP\/1.1 426/);
  }
});

test("the server name says which broker is meant", async () => {
  const { identity, tls, streams } = await start();
  const names = ["Dev.Local.localhost", "localhost", "a.b.c.localhost", "dev.local.example"];
  for (const servername of names) {
    const socket = await open(tls.port, { servername, checkServerIdentity: () => undefined });
    socket.write("x");
    await once(socket, "data");
  }
  expect(streams.map(({ addressed }) => addressed)).toEqual([
    { namespace: "local", broker: "dev" },
    undefined,
    undefined,
    undefined,
  ]);
  expect(streams[0]).toMatchObject({
    transport: "tls",
    isLoopback: true,
    isSameSite: true,
    peerCertificate: undefined,
  });
  expect(identity.asked).toEqual(names);
});

const clientCertificate = async () => {
  const { certificate, privateKey } = await makeCertificate(authority, {
    ...validity(),
    commonName: "client",
    purpose: "client",
    names: [{ type: "dns", value: "localhost" }],
  });
  return { cert: certificate, key: privateKey };
};

test("a peer's certificate, and whether somebody vouches for it", async () => {
  const { tls, streams } = await start();
  const socket = await open(tls.port, await clientCertificate());
  socket.write("x");
  await once(socket, "data");
  const peer = streams[0]!.peerCertificate!;
  expect([peer.certificate.subject, peer.objection]).toEqual(["CN=client", "SELF_SIGNED_CERT_IN_CHAIN"]);
});

test("over WebSocket nobody is asked for a certificate before it can matter: browsers would give up", async () => {
  const { wss, streams, asks } = await start();
  const shown = await clientCertificate();
  await openWebSocket(wss.port, shown);
  asks.certificates = true;
  await openWebSocket(wss.port, shown);
  expect(streams.map(({ peerCertificate }) => peerCertificate?.certificate.subject)).toEqual([undefined, "CN=client"]);
});

test("a listener that closes does not wait for those who have not asked for WebSocket", async () => {
  const { wss } = await start();
  const socket = await open(wss.port);
  const closed = once(socket.resume(), "close");
  await wss.close();
  await closed;
});
