/** `pubsub serve`: certificate files, and what it leaves to others. */
import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { type Socket, connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import type { CertificateAndKey } from "../../src/auth/certificate-maker.ts";
import { Decoder, type Packet, PacketType, encode } from "../../src/codec/index.ts";
import { connectSecurely, makeOtherAuthority, makeServerCertificate, writeTo } from "./tls-tools.ts";
import { type Ready, type ReadyServer, World, callApi, issueToken, portOf } from "./world.ts";

/** Serial number of the certificate that new connections get. */
async function serialOf(server: ReadyServer): Promise<string> {
  const socket = connectTls({ port: Number(portOf(server.mqtts)), host: "127.0.0.1", rejectUnauthorized: false });
  await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

async function serveFiles(world: World, pair: CertificateAndKey, cert = "cert.pem", key = "key.pem") {
  if (cert === "cert.pem") {
    writeTo(world, cert, pair.certificate);
    writeTo(world, key, pair.privateKey);
  }
  return await world.serve("--cert", cert, "--key", key);
}

/** A client with a broker of its own. */
async function openClient(server: ReadyServer, authority: CertificateAndKey) {
  await callApi(server, "POST", "", { name: "plant" });
  await callApi(server, "POST", "/plant/brokers", { name: "roof" });
  const password = await issueToken({ ...server, namespace: "plant", broker: "roof" } as Ready, "a");
  return await connectSecurely(server, { clientId: "a", password, ca: authority.certificate });
}

test("certificates that change are used at once, and connections stay", async () => {
  const world = await World.create();
  const authority = await makeOtherAuthority();
  const server = await serveFiles(world, await makeServerCertificate(authority));
  expect(server).not.toHaveProperty("ca");
  const client = await openClient(server, authority);
  const before = await serialOf(server);

  const next = await makeServerCertificate(authority);
  // Between the two writes the files do not fit each other.
  writeTo(world, "cert.pem", next.certificate);
  await server.process.prints("stderr", "stays as it was");
  expect(await serialOf(server)).toBe(before);
  writeTo(world, "key.pem", next.privateKey);
  await server.process.prints("stderr", "new connections get");
  expect(await serialOf(server)).not.toBe(before);
  await client.publishAsync("t", "still here", { qos: 1 });
});

test("SIGHUP reads the files again where nobody told of the change", async () => {
  const world = await World.create();
  const elsewhere = await World.create();
  const authority = await makeOtherAuthority();
  const first = await makeServerCertificate(authority);
  symlinkSync(writeTo(elsewhere, "c.pem", first.certificate), `${world.folder}/linked.pem`);
  symlinkSync(writeTo(elsewhere, "k.pem", first.privateKey), `${world.folder}/linked-key.pem`);
  const server = await serveFiles(world, first, "linked.pem", "linked-key.pem");
  const client = await openClient(server, authority);
  const before = await serialOf(server);
  const next = await makeServerCertificate(authority);
  writeTo(elsewhere, "c.pem", next.certificate);
  writeTo(elsewhere, "k.pem", next.privateKey);
  server.process.child.kill("SIGHUP");
  await server.process.prints("stderr", "new connections get");
  expect(await serialOf(server)).not.toBe(before);
  await client.publishAsync("t", "still here", { qos: 1 });
});

test("files that cannot be used are said before anything listens", async () => {
  const world = await World.create();
  const authority = await makeOtherAuthority();
  const [one, other] = [await makeServerCertificate(authority), await makeServerCertificate(authority)];
  writeTo(world, "cert.pem", one.certificate);
  writeTo(world, "key.pem", other.privateKey);
  writeFileSync(`${world.folder}/text.pem`, "no certificate");
  const ports = ["--port", "0", "--ws-port", "0", "--api-port", "0"];
  for (const [cert, key, code, message] of [
    ["cert.pem", "key.pem", 1, "is not the key"],
    ["missing.pem", "key.pem", 1, "missing.pem (ENOENT)"],
    ["text.pem", "key.pem", 1, "--cert, --key and --ca name files"],
  ] as const) {
    const finished = await world.run(["serve", ...ports, "--cert", cert, "--key", key]);
    expect(finished).toMatchObject({ code, stderr: expect.stringContaining(message) });
  }
  expect(await world.run(["serve", "--cert", "cert.pem"])).toMatchObject({ code: 2 });
  expect(await world.run(["serve", "--no-tls", "--cert", "cert.pem", "--key", "key.pem"])).toMatchObject({ code: 2 });
});

/** Sends what is given, waits for the end of the connection, and has the packets that came until then. */
async function exchange(socket: Socket, ...packets: Packet[]): Promise<Packet[]> {
  const decoder = new Decoder({ protocolVersion: 5 });
  socket.on("data", (chunk: Buffer) => decoder.push(chunk));
  for (const packet of packets) socket.write(encode(packet, 5));
  await new Promise((resolve) => socket.once("close", resolve));
  const received: Packet[] = [];
  for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) received.push(packet);
  return received;
}

test("--connections-per-address holds for this machine too, --connect-timeout for who says nothing", async () => {
  const world = await World.create();
  const server = await world.serve("--no-tls", "--connections-per-address", "1", "--connect-timeout", "2s");
  const open = async () => {
    const socket = connectTcp({ port: Number(portOf(server.mqtt)), host: "127.0.0.1" });
    onTestFinished(() => void socket.destroy());
    await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    return socket;
  };
  const silent = await open();
  const openedAt = performance.now();
  const ended = exchange(silent);
  const connect: Packet = {
    type: PacketType.CONNECT,
    protocolVersion: 5,
    cleanStart: true,
    keepAlive: 0,
    clientId: "second",
  };
  expect(await exchange(await open(), connect)).toMatchObject([{ type: PacketType.CONNACK, reasonCode: 0x97 }]);
  await server.process.prints("stderr", "too many connections from this address");
  expect(await ended).toEqual([]);
  // The default is ten seconds. Timers may be early by a millisecond or two.
  expect(performance.now() - openedAt).toBeGreaterThan(1_900);
  expect(performance.now() - openedAt).toBeLessThan(9_000);
});

test.each([
  ["--connections-per-address", "0"],
  ["--connections-per-address", "many"],
  ["--connect-bytes", "100"],
  ["--connect-timeout", "0s"],
  ["--connect-timeout", "2h"],
  ["--connect-timeout", "soon"],
])("%s %s is wrong usage", async (option, value) => {
  const world = await World.create();
  const finished = await world.run(["serve", option, value]);
  expect(finished).toMatchObject({ code: 2, stderr: expect.stringContaining(value) });
});

test("it creates nothing, is not remembered, and its token is not shown", async () => {
  const world = await World.create();
  const server = await world.serve();
  expect(server).not.toHaveProperty("clientToken");
  expect(server.process.stderr).not.toContain(server.apiToken);
  expect(await callApi(server, "GET", "")).toEqual([]);
  expect(() => readFileSync(`${world.folder}/config/config.json`)).toThrow("ENOENT");
  expect(await server.process.stop()).toMatchObject({ code: 0 });
});
