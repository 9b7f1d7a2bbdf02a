/** DISCONNECT and errors: MQTT 5.0 §3.14 and §4.13, 3.1.1 §3.14 and §4.8. */
import { describe, expect, test, vi } from "vitest";
import { type Packet, isReasonCodeOf } from "../../src/codec/index.ts";
import { Runtime, type Stream } from "../../src/runtime/index.ts";
import { defaultLimits } from "../../src/broker/index.ts";
import { PacketType, ReasonCode, TestBroker, both, disconnectCode, lasting, subscribe, will } from "./support.ts";
import { Server, closes, connectFrame, frame, publishFrame, raw } from "./wire.ts";

describe("the server's DISCONNECT", () => {
  test("[MQTT-3.14.0-1] does not come before CONNACK", async () => {
    const server = await Server.start();
    for (const bytes of [frame(0xc0), raw(0, 0), connectFrame(5, { flags: 3 }), frame(0xf0, 0x18, 0)]) {
      const client = await server.client();
      client.send(bytes);
      for (let packet = await client.next(); packet !== undefined; packet = await client.next()) {
        expect(packet.type).toBe(PacketType.CONNACK);
      }
    }
    const world = new TestBroker({ authenticateLater: true });
    const waiting = world.client().connect({ clientId: "c" });
    world.broker.shutdown(ReasonCode.ServerShuttingDown, "", world.now);
    expect([waiting.take(), waiting.isClosed]).toEqual([[], true]);
  });

  /** What ends a connection, and the code that the client is told. */
  const ends: [why: string, code: number, act: (world: TestBroker) => void][] = [
    ["the server stops", 0x8b, (world) => world.broker.shutdown(0x8b, "r", world.now)],
    ["an operator wants it", 0x98, (world) => world.broker.disconnectWhere(() => true, 0x98, "r", world.now)],
    ["silence", 0x8d, (world) => world.advance(15_000)],
    ["takeover", 0x8e, (world) => void world.connect("c")],
  ];
  test.each(ends)(
    "[MQTT-3.14.2-1] [MQTT-3.14.2-2] %s: its reason code is its own, and no Session Expiry Interval",
    (_why, code, act) => {
      const world = new TestBroker();
      const client = world.connect("c", { ...lasting(), keepAlive: 10 });
      act(world);
      const [packet] = client.takeAll(PacketType.DISCONNECT);
      expect([packet!.reasonCode, isReasonCodeOf(PacketType.DISCONNECT, code)]).toEqual([code, true]);
      expect(packet!.properties).not.toHaveProperty("sessionExpiryInterval");
      expect(client.isClosed).toBe(true);
    },
  );

  test("[MQTT-3.14.4-1] [MQTT-3.14.4-2] nothing follows it, and the connection is closed", async () => {
    const server = await Server.start();
    const client = await server.connect("c");
    await client.settle(subscribe(1, ["t", 1]));
    client.send(publishFrame(5, { topic: "" }), publishFrame(5), { type: PacketType.PINGREQ });
    await client.expect(PacketType.DISCONNECT, { reasonCode: ReasonCode.ProtocolError });
    expect(await client.next()).toBeUndefined();
  });
});

describe("the client's DISCONNECT", () => {
  both("[MQTT-3.14.4-1] [3.1.1 MQTT-4.8.0-1] what a client sends after it is not processed", async (version) => {
    const server = await Server.start();
    const watcher = await server.connect("w");
    await watcher.settle(subscribe(1, "#"));
    const client = await server.connect("c", { protocolVersion: version });
    client.send({ type: PacketType.DISCONNECT, reasonCode: 0 }, publishFrame(version), connectFrame(version));
    expect([await client.next(), await watcher.settle()]).toEqual([undefined, []]);
  });

  test("[MQTT-3.14.2-1] with another packet's reason code it is a protocol error", async () => {
    const server = await Server.start();
    for (const code of [0x01, 0x10, 0x11, 0x84, 0x85, 0x92]) {
      expect(await (await server.connect("c")).outcome(frame(0xe0, code))).toBe(ReasonCode.ProtocolError);
    }
  });

  test("the server closes, and answers nothing", () => {
    const client = new TestBroker().connect("c").disconnects(0x04);
    expect([client.isClosed, client.take()]).toEqual([true, []]);
  });
});

describe("errors", () => {
  const wrong: [what: string, reasonCode: number, packet: (version: 4 | 5) => Buffer | Packet][] = [
    ["packet type 0", 0x81, () => frame(0x00)],
    ["a packet that is cut off", 0x81, () => frame(0x40, 0)],
    ["a packet that goes on too long", 0x81, () => frame(0xc0, 0)],
    ["a Remaining Length without end", 0x81, () => raw(0x30, 0xff, 0xff, 0xff, 0xff, 0x7f)],
    ["an empty topic", 0x82, (version) => publishFrame(version, { topic: "" })],
    ["a server's SUBACK", 0x82, (version) => frame(0x90, 0, 1, ...(version === 5 ? [0] : []), 0)],
    ["a server's PINGRESP", 0x82, () => frame(0xd0)],
    ["a server's CONNACK", 0x82, (version) => frame(0x20, 0, 0, ...(version === 5 ? [0] : []))],
  ];

  for (const [what, reasonCode, packet] of wrong) {
    both(`[MQTT-4.13.1-1] [3.1.1 MQTT-4.8.0-1] ${what} closes the connection`, async (version) => {
      const server = await Server.start();
      const watcher = await server.connect("w");
      await watcher.settle(subscribe(1, "will"));
      const client = await server.connect("c", { protocolVersion: version, ...will("will") });
      // An empty topic has a code of its own in 5.0, which it may be told by.
      const told = await client.outcome(packet(version));
      expect([closes(version, reasonCode), closes(version, ReasonCode.TopicNameInvalid)]).toContain(told);
      expect(await watcher.settle()).toMatchObject([{ topic: "will" }]);
    });
  }

  test("[3.1.1 MQTT-4.8.0-1] AUTH does not exist in 3.1.1", async () => {
    const client = await (await Server.start()).connect("c", { protocolVersion: 4 });
    expect(await client.outcome(frame(0xf0))).toBe("closed");
  });

  test("[MQTT-4.13.2-1] whatever the reason, DISCONNECT 0x80 and above closes", () => {
    const world = new TestBroker();
    for (const topic of ["", "#"]) {
      const client = world.connect("c").publishes(topic, "");
      expect([client.isClosed, (disconnectCode(client) ?? 0) >= 0x80]).toEqual([true, true]);
    }
  });

  test("[3.1.1 MQTT-4.8.0-2] a failure of our own closes the connection it came from, and no other", async () => {
    const errors: unknown[] = [];
    const runtime = new Runtime({
      limits: defaultLimits,
      locate: () => {
        throw new Error("cannot locate");
      },
      onError: (error) => errors.push(error),
    });
    const streamOf = () => ({
      handler: {},
      pause: vi.fn(),
      resume: vi.fn(),
      end: vi.fn(),
      write: vi.fn(),
      destroy: vi.fn(),
    });
    const streams = [streamOf(), streamOf()];
    for (const stream of streams) runtime.accept(stream as unknown as Stream);
    (streams[0] as unknown as Stream).handler.onData(connectFrame(4));
    expect([errors.length, ...streams.map(({ destroy }) => destroy.mock.calls.length)]).toEqual([1, 1, 0]);
    for (const stream of streams) (stream as unknown as Stream).handler.onClose();
    await runtime.close();
  });
});

test("a DISCONNECT that comes before the credentials were checked is kept for later", async () => {
  const server = await Server.start();
  const watcher = await server.connect("w");
  await watcher.settle(subscribe(1, "#"));
  const client = await server.client();
  client.send(connectFrame(5), { type: PacketType.DISCONNECT, reasonCode: 0 });
  await client.expect(PacketType.CONNACK);
  expect([await client.next(), await watcher.settle()]).toEqual([undefined, []]);
});
