/** PUBACK to PUBCOMP and the delivery protocols: MQTT 5.0 §3.4 to §3.7, §4.3 and §4.4, 3.1.1 §4.3 and §4.4. */
import { describe, expect, test } from "vitest";
import { type Packet, isReasonCodeOf } from "../../src/codec/index.ts";
import {
  PacketType,
  ReasonCode,
  TestBroker,
  type TestClient,
  type Version,
  both,
  disconnectCode,
  lasting,
  puback,
  pubcomp,
  pubrec,
  pubrel,
  typesOf,
} from "./support.ts";
import { Server, frame } from "./wire.ts";

/** A subscriber at QoS 2 with a session that lasts, and who publishes to it. */
function pair(version: Version): { world: TestBroker; subscriber: TestClient; publisher: TestClient } {
  const world = new TestBroker();
  const subscriber = world.connect("s", lasting(version)).subscribes("t", 2);
  subscriber.take();
  return { world, subscriber, publisher: world.connect("p") };
}
const sent = (client: TestClient) => client.takeAll(PacketType.PUBLISH)[0]!;

describe("reason codes", () => {
  const principal = {
    clientId: undefined,
    tokenId: undefined,
    expiresAtMs: Infinity,
    acl: { mayPublish: (topic: string) => topic !== "secret", maySubscribe: () => true },
  };
  const properties = { payloadFormatIndicator: 1 };

  test.each([
    ["[MQTT-3.4.2-1] PUBACK", 1, PacketType.PUBACK],
    ["[MQTT-3.5.2-1] PUBREC", 2, PacketType.PUBREC],
  ] as const)("%s has one of its own", (_name, qos, type) => {
    const world = new TestBroker({ authenticate: () => ({ ok: true, principal }), limits: { retainedMessagesMax: 0 } });
    const client = world.connect("c");
    client.publishes("nobody", "", { qos }).publishes("secret", "", { qos });
    client.publishes("full", "x", { qos, retain: true });
    client.publishes("text", "", { qos, payload: Buffer.from([0xff]), properties });
    world.connect("s").subscribes("t");
    client.publishes("t", "", { qos });
    const codes = client.takeAll(type).map(({ reasonCode }) => reasonCode);
    expect(codes).toEqual([0x10, 0x87, 0x97, 0x99, 0x00]);
    for (const code of codes) expect(isReasonCodeOf(type, code)).toBe(true);
  });

  test("[MQTT-3.6.2-1] PUBREL is 0x00, or 0x92 where the identifier is unknown", () => {
    const { subscriber, publisher } = pair(5);
    publisher.publishes("t", "", { qos: 2 });
    const { packetId } = sent(subscriber);
    subscriber.sends(pubrec(packetId), pubrec(999));
    expect(subscriber.take()).toMatchObject([pubrel(packetId), pubrel(999, ReasonCode.PacketIdentifierNotFound)]);
  });

  test("[MQTT-3.7.2-1] PUBCOMP is 0x00, or 0x92 where the identifier is unknown", () => {
    const client = new TestBroker()
      .connect("c")
      .publishes("t", "", { qos: 2, packetId: 3 })
      .sends(pubrel(3), pubrel(999));
    expect(client.takeAll(PacketType.PUBCOMP)).toMatchObject([pubcomp(3), pubcomp(999, 0x92)]);
  });

  test.each([
    ["PUBACK", 0x40],
    ["PUBREC", 0x50],
    ["PUBREL", 0x62],
    ["PUBCOMP", 0x70],
  ])("a client's %s with another packet's is a protocol error", async (_name, first) => {
    const client = await (await Server.start()).connect("c");
    expect(await client.outcome(frame(first, 0, 1, 0x8e))).toBe(ReasonCode.ProtocolError);
  });
});

describe("QoS 0", () => {
  both("[MQTT-4.3.1-1] [3.1.1 MQTT-4.3.1-1] is sent with DUP 0, once", (version) => {
    const { world, subscriber, publisher } = pair(version);
    publisher.publishes("t", "x");
    expect(subscriber.take()).toMatchObject([{ qos: 0, dup: false, packetId: 0 }]);
    subscriber.loses();
    expect(world.connect("s", lasting(version)).takeMessages()).toEqual([]);
  });
});

describe("QoS 1, the server sends", () => {
  both("[MQTT-4.3.2-1] [MQTT-4.3.2-2] [3.1.1 MQTT-4.3.2-1] with an unused identifier and DUP 0", (version) => {
    const { subscriber, publisher } = pair(version);
    for (let i = 0; i < 20; i++) publisher.publishes("t", "", { qos: 1 });
    const packets = subscriber.takeAll(PacketType.PUBLISH);
    expect(new Set(packets.map(({ packetId }) => packetId)).size).toBe(20);
    for (const packet of packets) expect(packet).toMatchObject({ qos: 1, dup: false });
  });

  both("[MQTT-4.3.2-3] [3.1.1 MQTT-4.3.2-1] and keeps it until PUBACK", (version) => {
    const { world, subscriber, publisher } = pair(version);
    publisher.publishes("t", "a", { qos: 1 }).publishes("t", "b", { qos: 1 });
    const [a] = subscriber.takeAll(PacketType.PUBLISH);
    subscriber.sends(puback(a!.packetId)).loses();
    const back = world.connect("s", lasting(version));
    const { packetId } = sent(back);
    back.sends(puback(packetId)).loses();
    expect(world.connect("s", lasting(version)).take()).toEqual([]);
  });
});

describe("QoS 1, the server receives", () => {
  both("[MQTT-4.3.2-4] [3.1.1 MQTT-4.3.2-2] PUBACK has the identifier", (version) => {
    const { publisher, world } = pair(version);
    const client = world.connect("q", { protocolVersion: version }).publishes("t", "", { qos: 1, packetId: 60_000 });
    expect([client.take(), publisher.isClosed]).toMatchObject([[puback(60_000)], false]);
  });

  both(
    "[MQTT-4.3.2-5] [3.1.1 MQTT-4.3.2-2] after PUBACK the identifier stands for a new message, whatever DUP says",
    (version) => {
      const { world, subscriber } = pair(version);
      const client = world.connect("q", { protocolVersion: version });
      for (const [payload, dup] of [
        ["1", false],
        ["2", true],
        ["3", false],
      ] as const) {
        client.publishes("t", payload, { qos: 1, packetId: 7, dup });
      }
      expect(client.take()).toMatchObject([puback(7), puback(7), puback(7)]);
      expect(subscriber.takeMessages()).toEqual(["t=1", "t=2", "t=3"]);
    },
  );
});

describe("QoS 2, the server sends", () => {
  both("[MQTT-4.3.3-1] [MQTT-4.3.3-2] [3.1.1 MQTT-4.3.3-1] with an unused identifier and DUP 0", (version) => {
    const { subscriber, publisher } = pair(version);
    for (let i = 0; i < 20; i++) publisher.publishes("t", "", { qos: 2 });
    const packets = subscriber.takeAll(PacketType.PUBLISH);
    expect(new Set(packets.map(({ packetId }) => packetId)).size).toBe(20);
    for (const packet of packets) expect(packet).toMatchObject({ qos: 2, dup: false });
  });

  both("[MQTT-4.3.3-3] [3.1.1 MQTT-4.3.3-1] and keeps it until PUBREC", (version) => {
    const { world, subscriber, publisher } = pair(version);
    publisher.publishes("t", "a", { qos: 2 });
    const { packetId } = sent(subscriber);
    subscriber.loses();
    expect(world.connect("s", lasting(version)).take()).toMatchObject([
      { type: PacketType.PUBLISH, packetId, dup: true },
    ]);
  });

  both("[MQTT-4.3.3-4] [3.1.1 MQTT-4.3.3-1] answers PUBREC with PUBREL of the same identifier", (version) => {
    const { subscriber, publisher } = pair(version);
    publisher.publishes("t", "a", { qos: 2 });
    const { packetId } = sent(subscriber);
    expect(subscriber.sends(pubrec(packetId)).take()).toMatchObject([pubrel(packetId)]);
  });

  both(
    "[MQTT-4.3.3-5] [MQTT-4.3.3-6] [3.1.1 MQTT-4.3.3-1] keeps PUBREL until PUBCOMP, and sends no PUBLISH again",
    (version) => {
      const { world, subscriber, publisher } = pair(version);
      publisher.publishes("t", "a", { qos: 2 });
      const { packetId } = sent(subscriber);
      subscriber.sends(pubrec(packetId)).loses();
      for (let again = 0; again < 2; again++) {
        const back = world.connect("s", lasting(version));
        expect(back.take()).toMatchObject([pubrel(packetId)]);
        back.loses();
      }
      const last = world.connect("s", lasting(version));
      last.sends(pubcomp(packetId)).loses();
      expect(world.connect("s", lasting(version)).take()).toEqual([]);
    },
  );

  test("[MQTT-4.3.3-4] PUBREC 0x80 or above gets no PUBREL", () => {
    const { subscriber, publisher } = pair(5);
    publisher.publishes("t", "a", { qos: 2 });
    const { packetId } = sent(subscriber);
    expect(subscriber.sends(pubrec(packetId, 0x80)).take()).toEqual([]);
  });
});

describe("QoS 2, the server receives", () => {
  const received = (version: Version) => {
    const { world, subscriber } = pair(version);
    return { world, subscriber, client: world.connect("q", lasting(version)) };
  };

  both("[MQTT-4.3.3-8] [3.1.1 MQTT-4.3.3-2] PUBREC has the identifier", (version) => {
    const { client } = received(version);
    expect(client.publishes("t", "", { qos: 2, packetId: 60_000 }).take()).toMatchObject([pubrec(60_000)]);
  });

  test("[MQTT-4.3.3-9] after PUBREC 0x80 or above the identifier stands for a new message", () => {
    const { client, subscriber } = received(5);
    client.publishes("$SYS/x", "refused", { qos: 2, packetId: 7 }).publishes("t", "new", { qos: 2, packetId: 7 });
    expect(client.take()).toMatchObject([{ ...pubrec(7), reasonCode: ReasonCode.NotAuthorized }, pubrec(7)]);
    expect(subscriber.takeMessages()).toEqual(["t=new"]);
  });

  test("[MQTT-4.3.3-9] also where it was a hook that refused", () => {
    const { client, subscriber, world } = received(5);
    const pending = world.holdPublishes();
    const report = { elapsedMs: 1, batchSize: 1 };
    client.publishes("t", "refused", { qos: 2, packetId: 7 });
    world.broker.hookCompleted(pending[0]!, { kind: "reject", reasonCode: 0x87, reason: "no" }, report, world.now);
    client.publishes("t", "new", { qos: 2, packetId: 7 });
    world.broker.hookCompleted(pending[1]!, { kind: "accept" }, report, world.now);
    expect(client.take()).toMatchObject([pubrec(7, 0x87), pubrec(7)]);
    expect(subscriber.takeMessages()).toEqual(["t=new"]);
  });

  both(
    "[MQTT-4.3.3-10] [3.1.1 MQTT-4.3.3-2] pitfall 26: until PUBREL a repetition gets PUBREC and is not delivered",
    (version) => {
      const { client, subscriber, world } = received(version);
      client.publishes("t", "x", { qos: 2, packetId: 7 }).publishes("t", "x", { qos: 2, packetId: 7, dup: true });
      client.publishes("t", "x", { qos: 2, packetId: 7 });
      expect(client.take()).toMatchObject([pubrec(7), pubrec(7), pubrec(7)]);
      client.loses();
      const back = world.connect("q", lasting(version)).publishes("t", "x", { qos: 2, packetId: 7, dup: true });
      expect(back.take()).toMatchObject([pubrec(7)]);
      expect(subscriber.takeMessages()).toEqual(["t=x"]);
    },
  );

  test("[MQTT-4.3.3-10] pitfall 26: also while a hook still has the message", () => {
    const { client, subscriber, world } = received(5);
    const pending = world.holdPublishes();
    client.publishes("t", "x", { qos: 2, packetId: 7 }).publishes("t", "x", { qos: 2, packetId: 7, dup: true });
    for (const each of pending)
      world.broker.hookCompleted(each, { kind: "accept" }, { elapsedMs: 1, batchSize: 1 }, world.now);
    expect([pending.length, subscriber.takeMessages()]).toEqual([1, ["t=x"]]);
    expect(new Set(typesOf(client.take()))).toEqual(new Set(["PUBREC"]));
  });

  test("[MQTT-4.3.3-10] pitfall 26: and on the next connection, which then gets the PUBREC", () => {
    const { client, subscriber, world } = received(5);
    const pending = world.holdPublishes();
    client.publishes("t", "x", { qos: 2, packetId: 7 }).loses();
    const back = world.connect("q", lasting()).publishes("t", "x", { qos: 2, packetId: 7, dup: true });
    const report = { elapsedMs: 1, batchSize: 1 };
    for (const each of pending) world.broker.hookCompleted(each, { kind: "accept" }, report, world.now);
    expect(back.take()).toMatchObject([pubrec(7)]);
    expect(subscriber.takeMessages()).toEqual(["t=x"]);
  });

  both("[MQTT-4.3.3-11] [3.1.1 MQTT-4.3.3-2] PUBREL gets PUBCOMP with its identifier, every time", (version) => {
    const { client } = received(version);
    client.publishes("t", "", { qos: 2, packetId: 7 }).take();
    client.sends(pubrel(7), pubrel(7));
    expect(client.take()).toMatchObject([pubcomp(7), { type: PacketType.PUBCOMP, packetId: 7 }]);
  });

  both("[MQTT-4.3.3-12] [3.1.1 MQTT-4.3.3-2] after PUBCOMP the identifier stands for a new message", (version) => {
    const { client, subscriber } = received(version);
    client.publishes("t", "1", { qos: 2, packetId: 7 }).sends(pubrel(7));
    client.publishes("t", "2", { qos: 2, packetId: 7, dup: true }).sends(pubrel(7));
    expect(subscriber.takeMessages()).toEqual(["t=1", "t=2"]);
  });
});

describe("what is sent again", () => {
  both(
    "[MQTT-4.4.0-1] [3.1.1 MQTT-4.4.0-1] pitfall 24: PUBLISH and PUBREL, with their identifiers, in order",
    (version) => {
      const { world, subscriber, publisher } = pair(version);
      for (const [payload, qos] of [
        ["1", 2],
        ["2", 1],
        ["3", 2],
        ["4", 1],
        ["5", 2],
      ] as const)
        publisher.publishes("t", payload, { qos });
      const [one, two, three, four, five] = subscriber.takeAll(PacketType.PUBLISH);
      subscriber.sends(pubrec(three!.packetId), pubrec(one!.packetId), puback(two!.packetId)).loses();
      const packets = world.connect("s", lasting(version)).take();
      const ofType = (type: number) =>
        packets.filter((packet) => packet.type === type) as (Packet & { packetId: number })[];
      expect(ofType(PacketType.PUBREL).map(({ packetId }) => packetId)).toEqual([three!.packetId, one!.packetId]);
      expect(ofType(PacketType.PUBLISH).map(({ packetId }) => packetId)).toEqual([four!.packetId, five!.packetId]);
      expect(packets).toHaveLength(4);
    },
  );

  both(
    "[MQTT-4.4.0-1] [3.1.1 MQTT-4.4.0-1] pitfall 24: nothing at any other time, and nothing with Clean Start",
    (version) => {
      const { world, subscriber, publisher } = pair(version);
      publisher.publishes("t", "1", { qos: 1 }).publishes("t", "2", { qos: 2 });
      subscriber.take();
      world.advance(1e9);
      expect(subscriber.take()).toEqual([]);
      subscriber.loses();
      expect(world.connect("s", { protocolVersion: version }).take()).toEqual([]);
    },
  );

  test("[MQTT-4.4.0-2] nothing that the client refused with 0x80 or above", () => {
    const { world, subscriber, publisher } = pair(5);
    publisher.publishes("t", "1", { qos: 1 }).publishes("t", "2", { qos: 2 });
    const [one, two] = subscriber.takeAll(PacketType.PUBLISH);
    subscriber.sends(puback(one!.packetId, 0x97), pubrec(two!.packetId, 0x83)).loses();
    expect(world.connect("s", lasting()).take()).toEqual([]);
  });
});

describe("acknowledgements that do not fit", () => {
  test.each([
    ["PUBACK for QoS 2", 2, puback],
    ["PUBREC for QoS 1", 1, pubrec],
    ["PUBCOMP before PUBREC", 2, pubcomp],
  ] as const)("%s is a protocol error", (_name, qos, answer) => {
    const { subscriber, publisher } = pair(5);
    publisher.publishes("t", "", { qos });
    subscriber.sends(answer(sent(subscriber).packetId));
    expect(disconnectCode(subscriber)).toBe(ReasonCode.ProtocolError);
  });

  both("[MQTT-4.3.2-3] [3.1.1 MQTT-4.3.2-1] those for unknown identifiers do no harm", (version) => {
    const { subscriber } = pair(version);
    subscriber.sends(puback(500), pubcomp(501));
    expect([subscriber.isClosed, subscriber.take()]).toEqual([false, []]);
  });
});
