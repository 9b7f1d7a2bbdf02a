/** The runtime over real TCP and WebSocket connections, spoken to with bytes. */
import { type Socket, connect as connectTcp } from "node:net";
import { afterEach, describe, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { type Limits, defaultLimits } from "../../src/broker/index.ts";
import {
  type Connect,
  Decoder,
  type Packet,
  PacketType,
  type Publish,
  ReasonCode,
  encode,
} from "../../src/codec/index.ts";
import { type FeedEvent, type HostedBroker, Runtime } from "../../src/runtime/index.ts";
import type { Listener } from "../../src/transport/byte-stream.ts";
import { listenTcp } from "../../src/transport/tcp.ts";
import { listenWebSocket } from "../../src/transport/websocket.ts";
import { openToAnyone } from "../setup/anyone.ts";

const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of cleanup.splice(0).toReversed()) await each();
});

interface Server {
  runtime: Runtime;
  hosted: HostedBroker;
  tcp: Listener;
  ws: Listener;
  errors: unknown[];
}

async function startServer(limits: Partial<Limits> = {}): Promise<Server> {
  const errors: unknown[] = [];
  const runtime: Runtime = new Runtime({
    limits: { ...defaultLimits, ...limits },
    locate: () => runtime.broker("b")!,
    onError: (error) => errors.push(error),
  });
  const hosted = runtime.addBroker("b", openToAnyone);
  const address = { host: "127.0.0.1", port: 0 };
  const tcp = await listenTcp(address, (stream) => runtime.accept(stream));
  const options = { ...address, messageBytesMax: 1 << 20, domain: "localhost", ...limits };
  const ws = await listenWebSocket(options, (stream) => runtime.accept(stream));
  cleanup.push(async () => {
    await Promise.all([runtime.close(), tcp.close(), ws.close()]);
    expect(errors).toEqual([]);
  });
  return { runtime, hosted, tcp, ws, errors };
}

/** A client of bytes: `next` waits for the next packet, or for undefined at the end of the connection. */
class RawClient {
  readonly #decoder: Decoder;
  readonly #packets: Packet[] = [];
  #isEnded = false;
  #wake: () => void = () => {};
  readonly socket: Socket;

  constructor(port: number, version: 4 | 5 = 5) {
    this.#decoder = new Decoder({ protocolVersion: version });
    this.socket = connectTcp({ port, host: "127.0.0.1" });
    cleanup.push(() => this.socket.destroy());
    this.socket.on("error", () => {});
    this.socket.on("data", (chunk) => {
      this.#decoder.push(chunk);
      for (let packet = this.#decoder.next(); packet; packet = this.#decoder.next()) this.#packets.push(packet);
      this.#wake();
    });
    this.socket.on("close", () => {
      this.#isEnded = true;
      this.#wake();
    });
  }

  send(...packets: Packet[]): void {
    this.socket.write(Buffer.concat(packets.map((packet) => encode(packet, 5))));
  }

  async next(): Promise<Packet | undefined> {
    while (this.#packets.length === 0 && !this.#isEnded) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return this.#packets.shift();
  }
}

const connect = (clientId: string): Packet => ({
  type: PacketType.CONNECT,
  protocolVersion: 5,
  cleanStart: true,
  keepAlive: 0,
  clientId,
});

const publish = (topic: string, payload: Buffer, options: Partial<Publish> = {}): Publish => ({
  type: PacketType.PUBLISH,
  topic,
  payload,
  qos: 0,
  retain: false,
  dup: false,
  packetId: 0,
  ...options,
});

const subscribe = (topicFilter: string, qos: 0 | 1 | 2 = 0): Packet => ({
  type: PacketType.SUBSCRIBE,
  packetId: 1,
  subscriptions: [{ topicFilter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
});

async function open(port: number, clientId: string): Promise<RawClient> {
  const client = new RawClient(port);
  client.send(connect(clientId));
  expect(await client.next()).toMatchObject({ type: PacketType.CONNACK, reasonCode: 0 });
  return client;
}

describe("TCP", () => {
  test.each([0, 1, 2, 100, 5_000, 20_000, 300_000])("a payload of %i bytes arrives as it was sent", async (size) => {
    const { tcp } = await startServer();
    const subscriber = await open(tcp.port, "s");
    subscriber.send(subscribe("t", 1));
    await subscriber.next();
    const publisher = await open(tcp.port, "p");
    const payload = Buffer.alloc(size, "payload");
    publisher.send(publish("t", payload), publish("t", payload, { qos: 1, packetId: 3 }));
    for (const [qos, packetId] of [
      [0, 0],
      [1, 1],
    ]) {
      const received = (await subscriber.next()) as Publish;
      expect([received.qos, received.packetId, received.payload.equals(payload)]).toEqual([qos, packetId, true]);
    }
    expect(await publisher.next()).toMatchObject({ type: PacketType.PUBACK, packetId: 3 });
  });

  test("thousands of messages to many subscribers, with packet identifiers of their own", async () => {
    const { tcp } = await startServer();
    const subscribers = await Promise.all(Array.from({ length: 5 }, (_, i) => open(tcp.port, `s${i}`)));
    for (const subscriber of subscribers) {
      subscriber.send(subscribe("t/#", 1));
      await subscriber.next();
    }
    const publisher = await open(tcp.port, "p");
    const count = 500;
    const payload = (i: number) => Buffer.alloc(i % 300, `${i}`);
    publisher.send(
      ...Array.from({ length: count }, (_, i) => publish(`t/${i}`, payload(i), { qos: 1, packetId: i + 1 })),
    );
    for (const subscriber of subscribers) {
      for (let i = 0; i < count; i++) {
        const received = (await subscriber.next()) as Publish;
        expect([received.topic, received.packetId, received.payload.equals(payload(i))]).toEqual([
          `t/${i}`,
          i + 1,
          true,
        ]);
      }
    }
  });

  test("what is sent together with CONNECT waits for the credentials", async () => {
    const { tcp } = await startServer();
    const client = new RawClient(tcp.port);
    client.send(connect("a"), subscribe("t"), publish("t", Buffer.from("x")));
    const types = [(await client.next())?.type, (await client.next())?.type, (await client.next())?.type];
    expect(types).toEqual([PacketType.CONNACK, PacketType.SUBACK, PacketType.PUBLISH]);
  });

  test("a first packet other than CONNECT ends the connection [MQTT-3.1.0-1]", async () => {
    const { tcp } = await startServer();
    const client = new RawClient(tcp.port);
    client.send({ type: PacketType.PINGREQ });
    expect(await client.next()).toBeUndefined();
  });

  test("bytes that are no MQTT end the connection, before and after CONNECT", async () => {
    const { tcp } = await startServer();
    const stranger = new RawClient(tcp.port);
    stranger.socket.write("GET / HTTP/1.1\r\n\r\n");
    expect(await stranger.next()).toBeUndefined();
    const client = await open(tcp.port, "a");
    client.socket.write(Buffer.from([0x00, 0x00]));
    expect(await client.next()).toMatchObject({
      type: PacketType.DISCONNECT,
      reasonCode: ReasonCode.MalformedPacket,
    });
    expect(await client.next()).toBeUndefined();
  });

  test("a second CONNECT of an unknown version is a protocol error [MQTT-3.1.0-2]", async () => {
    const { tcp } = await startServer();
    const client = await open(tcp.port, "a");
    client.socket.write(Buffer.from("100d00044d5154540602000000000000", "hex"));
    expect(await client.next()).toMatchObject({ type: PacketType.DISCONNECT, reasonCode: ReasonCode.ProtocolError });
    expect(await client.next()).toBeUndefined();
  });

  test("an unknown protocol version is told [MQTT-3.1.2-2]", async () => {
    const { tcp } = await startServer();
    const client = new RawClient(tcp.port);
    client.socket.write(Buffer.from("100d00044d51545406020000000161", "hex"));
    client.socket.write(Buffer.from("00", "hex"));
    expect(await client.next()).toMatchObject({ type: PacketType.CONNACK, reasonCode: 0x84 });
    expect(await client.next()).toBeUndefined();
  });

  test("a refusal is no larger than the client takes [MQTT-3.2.2-19]", async () => {
    const { tcp } = await startServer({ connectionsPerAddressMax: 1 });
    await open(tcp.port, "a");
    for (const [maximumPacketSize, expected] of [
      [100, { reasonCode: ReasonCode.QuotaExceeded, properties: { reasonString: expect.any(String) } }],
      [10, { reasonCode: ReasonCode.QuotaExceeded, properties: undefined }],
      [2, undefined],
    ] as const) {
      const client = new RawClient(tcp.port);
      client.send({ ...(connect("b") as Connect), properties: { maximumPacketSize } });
      const answer = await client.next();
      if (expected === undefined) expect(answer).toBeUndefined();
      else expect(answer).toMatchObject(expected);
    }
  });

  test("a connection without CONNECT ends after the limit", async () => {
    const { tcp } = await startServer({ connectTimeoutMs: 20 });
    expect(await new RawClient(tcp.port).next()).toBeUndefined();
  });

  test("a CONNECT may be as large as the limit, later packets larger", async () => {
    const { tcp } = await startServer({ connectBytesMax: 1000 });
    const client = await open(tcp.port, "a".repeat(900));
    client.send(publish("t", Buffer.alloc(2000), { qos: 1, packetId: 1 }));
    expect(await client.next()).toMatchObject({ type: PacketType.PUBACK });
    const larger = new RawClient(tcp.port);
    larger.socket.write(encode(connect("a".repeat(1000)), 5).subarray(0, 3));
    // Before the rest of it has come.
    expect(await larger.next()).toBeUndefined();
  });

  test("who is asked to go on with AUTH is not let in yet: the limit holds until CONNACK", async () => {
    const { runtime, tcp } = await startServer({ connectBytesMax: 1000, connectTimeoutMs: 60_000 });
    runtime.removeBroker("b", ReasonCode.AdministrativeAction, "another one takes its place");
    const principal = { clientId: undefined, tokenId: undefined, expiresAtMs: Infinity, acl: undefined };
    runtime.addBroker("b", {
      checkCredentials: (packet) =>
        packet.type === PacketType.CONNECT ? { challenge: Buffer.from("?") } : { ok: true, principal },
      random: { clientId: () => "assigned" },
    });
    const challenged = async () => {
      const client = new RawClient(tcp.port);
      client.send({ ...(connect("a") as Connect), properties: { authenticationMethod: "m" } });
      expect(await client.next()).toMatchObject({ type: PacketType.AUTH });
      return client;
    };
    const answer = (authenticationData: Buffer): Packet => ({
      type: PacketType.AUTH,
      reasonCode: ReasonCode.ContinueAuthentication,
      properties: { authenticationMethod: "m", authenticationData },
    });
    const large = await challenged();
    large.socket.write(encode(answer(Buffer.alloc(1000)), 5).subarray(0, 3));
    expect(await large.next()).toBeUndefined();
    const client = await challenged();
    client.send(answer(Buffer.alloc(900)), publish("t", Buffer.alloc(2000), { qos: 1, packetId: 1 }));
    expect(await client.next()).toMatchObject({ type: PacketType.CONNACK, reasonCode: 0 });
    expect(await client.next()).toMatchObject({ type: PacketType.PUBACK });
  });

  test("each broker's deadlines fall due, and those of one that is gone do not", async () => {
    const runtime: Runtime = new Runtime({
      limits: { ...defaultLimits, connectTimeoutMs: 30 },
      locate: ({ clientId }) => runtime.broker(clientId)!,
      onError: (error) => expect.unreachable(String(error)),
    });
    const never = { checkCredentials: () => new Promise<never>(() => {}), random: { clientId: () => "assigned" } };
    const [gone] = ["a", "b", "c"].map((id) => runtime.addBroker(id, never));
    const advanced = vi.spyOn(gone!.broker, "advance");
    const tcp = await listenTcp({ host: "127.0.0.1", port: 0 }, (stream) => runtime.accept(stream));
    cleanup.push(() => Promise.all([runtime.close(), tcp.close()]));
    const clients = ["a", "b", "c", "b"].map((id) => {
      const client = new RawClient(tcp.port);
      client.send(connect(id));
      return client;
    });
    while (["a", "b", "c"].some((id) => runtime.broker(id)!.broker.connections.size === 0)) {
      await new Promise(setImmediate);
    }
    runtime.removeBroker("a", ReasonCode.AdministrativeAction, "deleted");
    for (const client of clients) expect(await client.next()).toBeUndefined();
    expect(advanced).not.toHaveBeenCalled();
  });

  test("more connections from one address than one may have are refused", async () => {
    const { tcp } = await startServer({ connectionsPerAddressMax: 1 });
    const first = await open(tcp.port, "a");
    const second = new RawClient(tcp.port);
    second.send(connect("b"));
    expect(await second.next()).toMatchObject({ type: PacketType.CONNACK, reasonCode: ReasonCode.QuotaExceeded });
    expect(await second.next()).toBeUndefined();
    first.socket.end(encode({ type: PacketType.DISCONNECT, reasonCode: 0 }, 5));
    await first.next();
    await open(tcp.port, "b");
  });

  test("a reader that is too slow does not hold up others, and does not grow the heap", async () => {
    const { tcp, hosted } = await startServer({ unsentBytesMax: 100_000 });
    const slow = await open(tcp.port, "slow");
    slow.send(subscribe("t"));
    await slow.next();
    slow.socket.pause();
    const fast = await open(tcp.port, "fast");
    fast.send(subscribe("t"));
    await fast.next();
    const dropped: unknown[] = [];
    const watch = ({ event }: FeedEvent) => {
      if (event.type === "drop" && event.reason === "slow-consumer" && event.clientId === "slow") dropped.push(event);
    };
    cleanup.push(hosted.events.watch(watch, Date.now()));
    const publisher = await open(tcp.port, "p");
    const payload = Buffer.alloc(50_000);
    for (let i = 0; dropped.length === 0; i++) {
      publisher.send(publish("t", payload, { qos: 1, packetId: (i % 60_000) + 1 }));
      expect((await publisher.next())?.type).toBe(PacketType.PUBACK);
      expect(await fast.next()).toMatchObject({ topic: "t" });
    }
    expect(dropped).not.toEqual([]);
  });

  test("at the end clients are told that the server shuts down", async () => {
    const { tcp, runtime } = await startServer();
    const client = await open(tcp.port, "a");
    await runtime.close();
    expect(await client.next()).toMatchObject({
      type: PacketType.DISCONNECT,
      reasonCode: ReasonCode.ServerShuttingDown,
    });
    expect(await client.next()).toBeUndefined();
  });
});

describe("WebSocket", () => {
  function openWebSocket(port: number, path = "/mqtt", protocol: string | undefined = "mqtt"): WebSocket {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocol);
    cleanup.push(() => socket.terminate());
    return socket;
  }
  const refusal = (socket: WebSocket) =>
    new Promise((resolve) => {
      socket.on("error", () => {});
      socket.on("unexpected-response", (_request, response) => {
        resolve(response.statusCode);
        response.resume();
      });
    });

  test.each([
    ["/nowhere", "mqtt", 404],
    ["/a/b/c", "mqtt", 404],
    ["/mqtt", "other", 400],
  ])("path %s with subprotocol %s is refused with %i", async (path, protocol, status) => {
    const { ws } = await startServer();
    expect(await refusal(openWebSocket(ws.port, path, protocol))).toBe(status);
  });

  test("packets may be split over frames in any way [MQTT-6.0.0-2]", async () => {
    const { ws } = await startServer();
    const socket = openWebSocket(ws.port, "/local/dev");
    await new Promise((resolve) => socket.once("open", resolve));
    expect(socket.protocol).toBe("mqtt");
    const decoder = new Decoder({ protocolVersion: 5 });
    const received: Packet[] = [];
    const done = new Promise<void>((resolve) => {
      socket.on("message", (data) => {
        decoder.push(data as Buffer);
        for (let packet = decoder.next(); packet; packet = decoder.next()) received.push(packet);
        if (received.length === 3) resolve();
      });
    });
    const bytes = Buffer.concat(
      [connect("a"), subscribe("t"), publish("t", Buffer.from("x"))].map((packet) => encode(packet, 5)),
    );
    for (const byte of bytes) socket.send(Buffer.from([byte]));
    await done;
    expect(received.map((packet) => packet.type)).toEqual([PacketType.CONNACK, PacketType.SUBACK, PacketType.PUBLISH]);
  });

  test("before CONNECT no message is larger than a CONNECT may be, whatever it is cut into; later ones are", async () => {
    const { ws } = await startServer({ connectBytesMax: 1000 });
    const good = openWebSocket(ws.port);
    await new Promise((resolve) => good.once("open", resolve));
    const answers: Buffer[] = [];
    const acknowledged = new Promise<void>((resolve) => {
      good.on("message", (data) => answers.push(data as Buffer) === 2 && resolve());
    });
    const first = encode(connect("a".repeat(900)), 5);
    for (const part of [first.subarray(0, 500), first.subarray(500)]) good.send(part);
    good.send(encode(publish("t", Buffer.alloc(300_000), { qos: 1, packetId: 1 }), 5));
    await acknowledged;

    // The message never ends, and neither `ws` nor a decoder would see any of it.
    const bad = openWebSocket(ws.port);
    await new Promise((resolve) => bad.once("open", resolve));
    const closed = new Promise((resolve) => bad.once("close", resolve));
    bad.send(first.subarray(0, 2));
    for (let i = 0; i < 10; i++) bad.send(Buffer.alloc(10_000), { fin: false });
    expect(await closed).toBe(1009);
  });

  test("a text frame ends the connection [MQTT-6.0.0-1]", async () => {
    const { ws } = await startServer();
    const socket = openWebSocket(ws.port);
    await new Promise((resolve) => socket.once("open", resolve));
    socket.send("text");
    expect(await new Promise((resolve) => socket.once("close", resolve))).toBe(1003);
  });

  test("plain HTTP is told what is spoken here", async () => {
    const { ws } = await startServer();
    const response = await fetch(`http://127.0.0.1:${ws.port}/`);
    expect([response.status, await response.text()]).toEqual([426, expect.stringContaining("MQTT")]);
  });
});
