/** MQTT 5.0 chapters 1 and 2, 3.1.1 §1.5 and chapter 2: strings, numbers, flags, packet identifiers, properties. */
import { describe, expect, test } from "vitest";
import { PacketType, TestBroker, both, lasting, puback, pubrec, pubrel, subscribe, unsubscribe } from "./support.ts";
import { type Field, Server, closes, frame, prefixed, publishFrame, raw, subscribeFrame } from "./wire.ts";

describe("strings", () => {
  const illFormed: [what: string, bytes: number[]][] = [
    ["an overlong form", [0xc0, 0xaf]],
    ["a surrogate", [0xed, 0xa0, 0x80]],
    ["a code point over U+10FFFF", [0xf4, 0x90, 0x80, 0x80]],
    ["a sequence that breaks off", [0x61, 0xe2, 0x82]],
    ["a lone continuation byte", [0x80]],
  ];

  both("[MQTT-1.5.4-1] [3.1.1 MQTT-1.5.3-1] pitfall 40: ill-formed UTF-8 ends the connection", async (version) => {
    const server = await Server.start();
    for (const [what, bytes] of illFormed) {
      const client = await server.connect("c", { protocolVersion: version });
      expect([what, await client.outcome(publishFrame(version, { topic: prefixed(...bytes) }))]).toEqual([
        what,
        closes(version, 0x81),
      ]);
    }
  });

  both(
    "[MQTT-1.5.4-2] [MQTT-4.7.3-2] [3.1.1 MQTT-1.5.3-2] [3.1.1 MQTT-4.7.3-2] pitfall 40: U+0000 ends the connection",
    async (version) => {
      const server = await Server.start();
      const packets = [publishFrame(version, { topic: "a\0b" }), subscribeFrame(version, { filters: ["a\0b", 0] })];
      for (const packet of packets) {
        const client = await server.connect("c", { protocolVersion: version });
        expect(await client.outcome(packet)).toBe(closes(version, 0x81));
      }
    },
  );

  both("[MQTT-1.5.4-3] [3.1.1 MQTT-1.5.3-3] U+FEFF at the beginning belongs to the string", async (version) => {
    const server = await Server.start();
    const client = await server.connect("c", { protocolVersion: version });
    const received = await client.settle(
      subscribe(1, "\uFEFFt"),
      publishFrame(version, { topic: prefixed(0xef, 0xbb, 0xbf, 0x74), payload: [1] }),
      publishFrame(version, { topic: "t", payload: [2] }),
    );
    expect(received).toMatchObject([{ type: PacketType.SUBACK }, { topic: "\uFEFFt", payload: raw(1) }]);
  });

  test("[MQTT-1.5.7-1] both strings of a user property are checked", async () => {
    const server = await Server.start();
    for (const [name, value] of [
      [prefixed(0xff), "v"],
      ["n", prefixed(0xed, 0xbf, 0xbf)],
      ["n", "\0"],
    ] as Field[][]) {
      const properties = frame(0x26, name!, value!).subarray(2);
      const client = await server.connect("c");
      const packet = publishFrame(5, { properties: Buffer.concat([raw(properties.length + 1, 0x26), properties]) });
      expect(await client.outcome(packet)).toBe(0x81);
    }
  });
});

describe("numbers", () => {
  test("[MQTT-1.5.5-1] a length in more bytes than it needs is malformed", async () => {
    const server = await Server.start();
    const padded = [
      ["Remaining Length", raw(0xc0, 0x80, 0x00)],
      ["Property Length", publishFrame(5, { properties: raw(0x80, 0x00) })],
      ["Subscription Identifier", subscribeFrame(5, { properties: raw(3, 0x0b, 0x81, 0x00) })],
    ] as const;
    for (const [what, bytes] of padded) {
      const client = await server.connect("c");
      expect([what, await client.outcome(bytes)]).toEqual([what, 0x81]);
    }
  });

  test("a Remaining Length of five bytes is malformed", async () => {
    const server = await Server.start();
    expect(await (await server.connect("c")).outcome(raw(0x30, 0x80, 0x80, 0x80, 0x80, 0x01))).toBe(0x81);
  });
});

describe("reserved flags", () => {
  const flagged: [what: string, packet: (version: 4 | 5) => Buffer][] = [
    ["CONNECT", () => frame(0x11, "MQTT", 5, 2, 0, 0, 0, "x")],
    ["PUBACK", () => frame(0x41, 0, 1)],
    ["PUBREC", () => frame(0x52, 0, 1)],
    ["PUBCOMP", () => frame(0x78, 0, 1)],
    ["PINGREQ", () => frame(0xc4)],
    ["DISCONNECT", () => frame(0xe1)],
  ];
  both(
    "[MQTT-2.1.3-1] [3.1.1 MQTT-2.2.2-1] [3.1.1 MQTT-2.2.2-2] with any other value close the connection",
    async (version) => {
      const server = await Server.start();
      for (const [what, packet] of flagged) {
        const client = await server.connect("c", { protocolVersion: version });
        expect([what, await client.outcome(packet(version))]).toEqual([what, closes(version, 0x81)]);
      }
    },
  );

  both("[MQTT-3.6.1-1] [3.1.1 MQTT-3.6.1-1] PUBREL must have 0010", async (version) => {
    for (const flags of [0, 1, 3, 6, 0xa]) {
      const client = await (await Server.start()).connect("c", { protocolVersion: version });
      expect(await client.outcome(frame(0x60 | flags, 0, 1))).toBe(closes(version, 0x81));
    }
  });

  both("[MQTT-3.8.1-1] [3.1.1 MQTT-3.8.1-1] SUBSCRIBE must have 0010", async (version) => {
    for (const flags of [0, 1, 3, 6, 0xa]) {
      const client = await (await Server.start()).connect("c", { protocolVersion: version });
      expect(await client.outcome(subscribeFrame(version, { first: 0x80 | flags }))).toBe(closes(version, 0x81));
    }
  });

  both("[MQTT-3.10.1-1] [3.1.1 MQTT-3.10.1-1] UNSUBSCRIBE must have 0010", async (version) => {
    for (const flags of [0, 1, 3, 6, 0xa]) {
      const client = await (await Server.start()).connect("c", { protocolVersion: version });
      const packet = frame(0xa0 | flags, 0, 1, ...(version === 5 ? [0] : []), "t");
      expect(await client.outcome(packet)).toBe(closes(version, 0x81));
    }
  });

  both("[MQTT-3.14.1-1] [3.1.1 MQTT-3.14.1-1] DISCONNECT must have 0000", async (version) => {
    for (const flags of [1, 2, 4, 8]) {
      const client = await (await Server.start()).connect("c", { protocolVersion: version });
      expect(await client.outcome(frame(0xe0 | flags))).toBe(closes(version, 0x81));
    }
  });

  test("[MQTT-3.15.1-1] AUTH must have 0000", async () => {
    for (const flags of [1, 2, 4, 8]) {
      const client = await (await Server.start()).connect("c");
      expect(await client.outcome(frame(0xf0 | flags, 0x19, 0))).toBe(0x81);
    }
  });
});

describe("packet identifiers", () => {
  both("[MQTT-2.2.1-2] [3.1.1 MQTT-2.3.1-5] QoS 0 has none, either way", async (version) => {
    const server = await Server.start();
    const client = await server.connect("c", { protocolVersion: version });
    // What stands behind the topic is payload, even where it could be an identifier.
    const received = await client.settle(subscribe(1, ["t", 2]), publishFrame(version, { payload: [0, 7] }));
    expect(received[1]).toMatchObject({ packetId: 0, qos: 0, payload: raw(0, 7) });
  });

  both("[MQTT-2.2.1-3] [3.1.1 MQTT-2.3.1-1] identifier 0 closes the connection", async (version) => {
    const server = await Server.start();
    const none = version === 5 ? [0] : [];
    const packets = [
      publishFrame(version, { first: 0x32, packetId: 0 }),
      subscribeFrame(version, { packetId: 0 }),
      frame(0xa2, 0, 0, ...none, "t"),
    ];
    for (const packet of packets) {
      const client = await server.connect("c", { protocolVersion: version });
      expect(await client.outcome(packet)).toBe(closes(version, 0x82));
    }
  });

  both(
    "[MQTT-2.2.1-4] [3.1.1 MQTT-2.3.1-4] the server's are not 0 and not in use, also after all 65,535",
    (version) => {
      const world = new TestBroker();
      const subscriber = world.connect("s", lasting(version)).subscribes("t", 1);
      subscriber.take();
      const publisher = world.connect("p");
      publisher.publishes("t", "never acknowledged", { qos: 1, packetId: 1 });
      subscriber.take();
      const inUse = 1;
      let last = inUse;
      let timesAround = 0;
      for (let i = 0; i < 65_535; i++) {
        publisher.publishes("t", "", { qos: 1, packetId: 1 });
        const [packet] = subscriber.takeAll(PacketType.PUBLISH);
        if (packet === undefined || packet.packetId === 0 || packet.packetId === inUse) throw new Error(`at ${i}`);
        if (packet.packetId < last) timesAround++;
        last = packet.packetId;
        subscriber.sends(puback(last));
      }
      expect(timesAround).toBeGreaterThan(0);
    },
  );

  both("[MQTT-2.2.1-5] [3.1.1 MQTT-2.3.1-6] PUBACK, PUBREC, PUBREL and PUBCOMP have that of the PUBLISH", (version) => {
    const world = new TestBroker();
    const client = world.connect("c", { protocolVersion: version }).subscribes("out", 2);
    client.take();
    client.publishes("in", "", { qos: 1, packetId: 11 }).publishes("in", "", { qos: 2, packetId: 12 });
    client.sends(pubrel(12));
    expect(client.take()).toMatchObject([
      { type: PacketType.PUBACK, packetId: 11 },
      { type: PacketType.PUBREC, packetId: 12 },
      { type: PacketType.PUBCOMP, packetId: 12 },
    ]);
    world.connect("p").publishes("out", "", { qos: 2 });
    const { packetId } = client.takeAll(PacketType.PUBLISH)[0]!;
    expect(client.sends(pubrec(packetId)).take()).toMatchObject([{ type: PacketType.PUBREL, packetId }]);
  });

  both("[MQTT-2.2.1-6] [3.1.1 MQTT-2.3.1-7] SUBACK and UNSUBACK have that of the request", (version) => {
    const client = new TestBroker().connect("c", { protocolVersion: version });
    client.sends(subscribe(65_535, "t"), unsubscribe(300, "t"));
    expect(client.take()).toMatchObject([
      { type: PacketType.SUBACK, packetId: 65_535 },
      { type: PacketType.UNSUBACK, packetId: 300 },
    ]);
  });
});

describe("properties", () => {
  test("[MQTT-2.2.2-1] a Property Length of 0 stands for none, and is not left out", async () => {
    const server = await Server.start();
    const client = await server.connect("c");
    expect(await client.settle(subscribeFrame(5, {}))).toMatchObject([
      { type: PacketType.SUBACK, properties: undefined },
    ]);
    expect(await client.outcome(frame(0x30, "t"))).toBe(0x81);
  });

  const twice = (property: Buffer) => Buffer.concat([raw(property.length * 2), property, property]);
  test.each<[what: string, packet: Buffer]>([
    ["Payload Format Indicator", publishFrame(5, { properties: twice(raw(0x01, 0)) })],
    ["Message Expiry Interval", publishFrame(5, { properties: twice(raw(0x02, 0, 0, 0, 9)) })],
    ["Content Type", publishFrame(5, { properties: twice(raw(0x03, 0, 1, 0x61)) })],
    ["Response Topic", publishFrame(5, { properties: twice(raw(0x08, 0, 1, 0x61)) })],
    ["Correlation Data", publishFrame(5, { properties: twice(raw(0x09, 0, 1, 0x61)) })],
    ["Topic Alias", publishFrame(5, { properties: twice(raw(0x23, 0, 1)) })],
    ["Subscription Identifier", subscribeFrame(5, { properties: twice(raw(0x0b, 1)) })],
    ["Session Expiry Interval", frame(0xe0, 0, twice(raw(0x11, 0, 0, 0, 0)))],
    ["Reason String", frame(0x40, 0, 1, 0, twice(raw(0x1f, 0, 1, 0x61)))],
  ])("pitfall 45: %s twice is a protocol error (§2.2.2.2)", async (_what, packet) => {
    const server = await Server.start();
    expect(await (await server.connect("c")).outcome(packet)).toBe(0x82);
  });

  test("pitfall 45: so it is in CONNECT and its will", async () => {
    const server = await Server.start();
    const once = [raw(0x11, 0, 0, 0, 9), raw(0x21, 0, 9), raw(0x22, 0, 9), raw(0x17, 1), raw(0x19, 1)];
    for (const property of once) {
      const connect = frame(0x10, "MQTT", 5, 2, 0, 0, twice(property), "c");
      expect(await (await server.client()).outcome(connect)).toBe(0x82);
    }
    const will = frame(0x10, "MQTT", 5, 6, 0, 0, 0, "c", twice(raw(0x18, 0, 0, 0, 1)), "t", "m");
    expect(await (await server.client()).outcome(will)).toBe(0x82);
  });
});
