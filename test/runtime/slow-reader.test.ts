/** Clients that read too slowly or not at all, over each kind of socket: what waits for them stays within its limit. */
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { WebSocket, createWebSocketStream } from "ws";
import { makeAuthority, makeCertificate } from "../../src/auth/certificate-maker.ts";
import { defaultLimits } from "../../src/broker/index.ts";
import { Decoder, type Packet, PacketType, type Publish, type QoS, encode } from "../../src/codec/index.ts";
import { type FeedEvent, type HostedBroker, Runtime } from "../../src/runtime/index.ts";
import type { ByteStream, Listener } from "../../src/transport/byte-stream.ts";
import { listenTcp } from "../../src/transport/tcp.ts";
import { type TlsIdentity, listenTls } from "../../src/transport/tls.ts";
import { listenSecureWebSocket, listenWebSocket } from "../../src/transport/websocket.ts";
import { ANYONE } from "../setup/anyone.ts";

const KiB = 1024;
const UNSENT_BYTES_MAX = 256 * KiB;

let identity: TlsIdentity;
beforeAll(async () => {
  const validity = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000) };
  const authority = await makeAuthority("test", validity);
  const names = [{ type: "dns" as const, value: "localhost" }];
  const options = { ...validity, commonName: "localhost", purpose: "server" as const, names };
  const { certificate, privateKey } = await makeCertificate(authority, options);
  identity = {
    context: { cert: certificate, key: privateKey },
    contextFor: async () => undefined,
    watch: () => () => {},
  };
});

const transports = ["tcp", "tls", "websocket", "secure-websocket"] as const;
type Transport = (typeof transports)[number];

interface Server {
  hosted: HostedBroker;
  port: number;
  /** Of the connections, in the order in which they came. */
  streams: ByteStream[];
}

async function startServer(transport: Transport): Promise<Server> {
  const errors: unknown[] = [];
  const streams: ByteStream[] = [];
  const runtime: Runtime = new Runtime({
    limits: { ...defaultLimits, unsentBytesMax: UNSENT_BYTES_MAX },
    locate: () => runtime.broker("b")!,
    onError: (error) => errors.push(error),
  });
  const acl = { mayPublish: (topicName: string) => !topicName.startsWith("forbidden"), maySubscribe: () => true };
  const principal = { ...ANYONE, acl };
  const hosted = runtime.addBroker("b", {
    checkCredentials: async () => ({ ok: true, principal }),
    random: { clientId: () => "assigned" },
  });
  const accept = (stream: ByteStream) => {
    streams.push(stream);
    runtime.accept(stream);
  };
  const address = { host: "127.0.0.1", port: 0, domain: "localhost" };
  const secure = { ...address, identity, handshakeTimeoutMs: 10_000 };
  const listeners: Record<Transport, () => Promise<Listener>> = {
    tcp: () => listenTcp(address, accept),
    tls: () => listenTls(secure, accept),
    websocket: () => listenWebSocket({ ...address, messageBytesMax: 1 << 20 }, accept),
    "secure-websocket": () =>
      listenSecureWebSocket({ ...secure, messageBytesMax: 1 << 20, asksForCertificates: () => false }, accept),
  };
  const listener = await listeners[transport]();
  onTestFinished(async () => {
    for (const stream of streams) stream.destroy();
    await Promise.all([runtime.close(), listener.close()]);
    expect(errors).toEqual([]);
  });
  return { hosted, port: listener.port, streams };
}

async function openSocket(transport: Transport, port: number): Promise<Duplex> {
  switch (transport) {
    case "tcp": {
      const socket = connectTcp({ port, host: "127.0.0.1" });
      await once(socket, "connect");
      return socket;
    }
    case "tls": {
      const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
      await once(socket, "secureConnect");
      return socket;
    }
    default: {
      const webSocket = await openWebSocket(transport, port);
      return createWebSocketStream(webSocket);
    }
  }
}

async function openWebSocket(transport: Transport, port: number): Promise<WebSocket> {
  const scheme = transport === "websocket" ? "ws" : "wss";
  const webSocket = new WebSocket(`${scheme}://127.0.0.1:${port}/mqtt`, "mqtt", { rejectUnauthorized: false });
  onTestFinished(() => webSocket.terminate());
  await once(webSocket, "open");
  return webSocket;
}

/** A client that reads when it is asked to. */
class Client {
  readonly socket: Duplex;
  readonly #decoder = new Decoder({ protocolVersion: 5 });

  constructor(socket: Duplex) {
    this.socket = socket;
    socket.on("error", () => {});
    onTestFinished(() => void socket.destroy());
  }

  static async open(transport: Transport, port: number, clientId: string): Promise<Client> {
    const client = new Client(await openSocket(transport, port));
    client.send({ type: PacketType.CONNECT, protocolVersion: 5, cleanStart: true, keepAlive: 0, clientId });
    expect(await client.next()).toMatchObject({ type: PacketType.CONNACK, reasonCode: 0 });
    return client;
  }

  send(packet: Packet): void {
    this.socket.write(encode(packet, 5));
  }

  async next(): Promise<Packet> {
    for (;;) {
      const packet = this.#decoder.next();
      if (packet !== undefined) return packet;
      const chunk = this.socket.read() as Buffer | null;
      if (chunk === null) await once(this.socket, "readable");
      else this.#decoder.push(chunk);
    }
  }

  async subscribe(topicFilter: string, qos: QoS): Promise<void> {
    const subscription = { topicFilter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 as const };
    this.send({ type: PacketType.SUBSCRIBE, packetId: 1, subscriptions: [subscription] });
    expect((await this.next()).type).toBe(PacketType.SUBACK);
  }
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** In use by this process outside of V8's heap, where payloads and what waits for sockets are. */
function bufferBytes(): number {
  collectGarbage();
  // What the first one found is freed in the background; the next one waits for that.
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}

const publish = (topic: string, payload: Buffer, qos: QoS): Publish => ({
  ...{ type: PacketType.PUBLISH, topic, payload, qos, retain: false, dup: false, packetId: qos === 0 ? 0 : 1 },
});

describe.each(transports)("over %s", (transport) => {
  test("QoS 0 is dropped and counted for a slow reader, QoS 1 waits, and memory does not grow", async () => {
    const { hosted, port, streams } = await startServer(transport);
    const slow = await Client.open(transport, port, "slow");
    await slow.subscribe("fleeting", 0);
    await slow.subscribe("lasting", 1);
    const publisher = await Client.open(transport, port, "publisher");
    const drops: string[] = [];
    const watch = ({ event }: FeedEvent) => {
      if (event.type === "drop") drops.push(event.reason);
    };
    onTestFinished(hosted.events.watch(watch, Date.now()));
    /** At QoS 1, so that it is known when each has been dealt with. */
    const publishOne = async (topic: string, payload: Buffer) => {
      publisher.send(publish(topic, payload, 1));
      expect((await publisher.next()).type).toBe(PacketType.PUBACK);
    };
    const payload = Buffer.alloc(32 * KiB, "x");
    let published = 0;
    for (; drops.length === 0; published++) await publishOne("fleeting", payload);
    const { unsentBytes } = streams[0]!;
    expect(unsentBytes).toBeLessThanOrEqual(UNSENT_BYTES_MAX + payload.length + KiB);

    const bufferBytesBefore = bufferBytes();
    const lasting = Array.from({ length: 20 }, (_, i) => String(i));
    for (const text of lasting) await publishOne("lasting", Buffer.from(text));
    for (let i = 0; i < 1000; i++, published++) await publishOne("fleeting", payload);
    expect(hosted.broker.sessions.get("slow")!.queue.length).toBe(lasting.length);
    expect(streams[0]!.unsentBytes).toBeLessThanOrEqual(unsentBytes);
    // 1000 messages have 31 MiB.
    expect(bufferBytes() - bufferBytesBefore).toBeLessThan(16 * KiB * KiB);
    expect(drops).toEqual(Array.from({ length: 1001 }, () => "slow-consumer"));

    let fleeting = 0;
    const arrived: string[] = [];
    while (arrived.length < lasting.length) {
      const packet = (await slow.next()) as Publish;
      if (packet.topic === "fleeting") {
        fleeting++;
        continue;
      }
      arrived.push(packet.payload.toString());
      slow.send({ type: PacketType.PUBACK, packetId: packet.packetId, reasonCode: 0 });
    }
    expect(arrived).toEqual(lasting);
    expect(fleeting + drops.length).toBe(published);
  });
});

describe.each(["tcp", "secure-websocket"] as const)("over %s", (transport) => {
  test("nothing more is read from a client that does not read its answers, until it does", async () => {
    const { port, streams } = await startServer(transport);
    const client = await Client.open(transport, port, "deaf");
    const stream = streams[0]!;
    const reading = { isBlocked: false };
    const blocked = new Promise<void>((resolve) => {
      const { pause } = stream;
      stream.pause = () => {
        pause.call(stream);
        reading.isBlocked = true;
        resolve();
      };
    });
    // PUBACK says in words that the topic is not allowed, which is longer.
    const refused = encode(publish("forbidden".padEnd(160, "x"), Buffer.alloc(0), 1), 5);
    const batch = 200;
    const batchBytes = Buffer.concat(Array.from({ length: batch }, () => refused));
    let sent = 0;
    while (!reading.isBlocked) {
      sent += batch;
      const hasRoom = client.socket.write(batchBytes);
      if (!hasRoom) await Promise.race([blocked, once(client.socket, "drain")]);
    }
    expect(stream.unsentBytes).toBeLessThanOrEqual(2 * UNSENT_BYTES_MAX + 64 * KiB);
    for (let received = 0; received < sent; received++) {
      expect((await client.next()).type).toBe(PacketType.PUBACK);
    }
  });
});

test("pings of a WebSocket that reads no pongs do not pile up", async () => {
  const { port, streams } = await startServer("websocket");
  const webSocket = await openWebSocket("websocket", port);
  const stream = streams[0]!;
  let unsentBytesMax = 0;
  const isDone = new Promise<void>((resolve) => {
    const { handler } = stream;
    stream.handler = {
      onDrain: () => handler.onDrain(),
      onClose: () => handler.onClose(),
      onData: () => {
        unsentBytesMax = Math.max(unsentBytesMax, stream.unsentBytes);
        resolve();
      },
    };
  });
  let pongs = 0;
  let last = "";
  webSocket.on("pong", (data) => {
    pongs++;
    last = data.toString();
  });
  webSocket.pause();
  const pings = 150_000;
  for (let i = 1; i <= pings; i++) webSocket.ping(String(i).padEnd(125));
  webSocket.send("marker", { binary: true });
  await isDone;
  expect(unsentBytesMax).toBeLessThan(128 * KiB);
  webSocket.resume();
  while (last.trim() !== String(pings)) await once(webSocket, "pong");
  expect(pongs).toBeLessThanOrEqual(pings);
});
