/** CONNACK, and what CONNECT's properties ask of the server: MQTT 5.0 §3.1.2.11 and §3.2, 3.1.1 §3.2. */
import { describe, expect, test } from "vitest";
import { isReasonCodeOf } from "../../src/codec/index.ts";
import type { AuthenticationResult } from "../../src/broker/index.ts";
import { ANYONE } from "../setup/anyone.ts";
import {
  PacketType,
  ReasonCode,
  TestBroker,
  type TestClient,
  both,
  lasting,
  sizeOf,
  subscribe,
  unsubscribe,
  will,
} from "./support.ts";
import { Server, connectFrame } from "./wire.ts";

const refuse = (reasonCode: number) => (): AuthenticationResult => ({ ok: false, reasonCode, reason: "no" });

describe("Session Present", () => {
  both("[MQTT-3.2.2-2] [3.1.1 MQTT-3.2.2-1] pitfall 7: 0 with Clean Start, whatever there was", (version) => {
    const world = new TestBroker();
    world.connect("c", lasting(version)).loses();
    expect(world.connect("c", { protocolVersion: version }).connack).toMatchObject({
      sessionPresent: false,
      reasonCode: 0,
    });
  });

  both(
    "[MQTT-3.2.2-3] [3.1.1 MQTT-3.2.2-2] [3.1.1 MQTT-3.2.2-3] pitfall 7: otherwise exactly whether there is a session",
    (version) => {
      const world = new TestBroker();
      const present = () => world.connect("c", lasting(version)).connack!.sessionPresent;
      expect(present()).toBe(false);
      // A takeover resumes as well as a reconnection.
      expect(present()).toBe(true);
      world.connect("c", { protocolVersion: version }).loses();
      expect(present()).toBe(false);
    },
  );

  both("[MQTT-3.2.2-6] [3.1.1 MQTT-3.2.2-4] pitfall 7: 0 in a refusal, though there is a session", (version) => {
    let allowed = true;
    const world = new TestBroker({
      authenticate: () => (allowed ? { ok: true, principal: ANYONE } : { ok: false, reasonCode: 0x87, reason: "" }),
    });
    world.connect("c", lasting(version)).loses();
    allowed = false;
    expect(world.connect("c", lasting(version)).connack!.sessionPresent).toBe(false);
  });
});

describe("refusals", () => {
  both("[MQTT-3.2.2-7] [MQTT-4.13.2-1] [3.1.1 MQTT-3.2.2-5] close the connection", (version) => {
    const client = new TestBroker({ authenticate: refuse(0x87) }).connect("c", { protocolVersion: version });
    expect([client.connack!.reasonCode, client.isClosed]).toEqual([version === 5 ? 0x87 : 5, true]);
  });

  test("[MQTT-3.2.2-8] have one of CONNACK's reason codes", async () => {
    for (const reasonCode of [0x80, 0x83, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x97, 0x9c, 0x9d, 0x9f]) {
      const client = new TestBroker({ authenticate: refuse(reasonCode) }).connect("c");
      expect(client.connack!.reasonCode).toBe(reasonCode);
    }
    const server = await Server.start();
    for (const fields of [{ flags: 3 }, { level: 9 }, { payload: [] }]) {
      const outcome = await (await server.client()).outcome(connectFrame(5, fields));
      expect(isReasonCodeOf(PacketType.CONNACK, outcome as number)).toBe(true);
    }
  });
});

describe("what CONNACK says", () => {
  test("[MQTT-3.2.2-1] its reserved flags are 0", async () => {
    const server = await Server.start();
    const flags: number[] = [];
    for (let i = 0; i < 2; i++) {
      const client = await server.connect("c", lasting());
      expect(client.bytes[0]).toBe(0x20);
      flags.push(client.bytes[2]!);
    }
    expect(flags).toEqual([0, 1]);
  });

  test("[MQTT-3.2.2-9] pitfall 10: Maximum QoS is left out, since QoS 2 is supported", () => {
    const world = new TestBroker();
    const client = world.connect("c");
    expect(client.connack!.properties).not.toHaveProperty("maximumQos");
    client.publishes("t", "", { qos: 2, packetId: 1 });
    expect(client.takeAll(PacketType.PUBREC)).toHaveLength(1);
  });

  test("[MQTT-3.2.2-10] SUBSCRIBE is granted at QoS 0, 1 and 2", () => {
    const client = new TestBroker().connect("c").sends(subscribe(1, ["a", 0], ["b", 1], ["c", 2]));
    expect(client.take()).toMatchObject([{ reasonCodes: [0, 1, 2] }]);
  });

  test("pitfall 5: a Session Expiry Interval that the server changed is told, and holds (§3.2.2.3.2)", () => {
    const world = new TestBroker({ limits: { sessionExpiryMaxSeconds: 60 } });
    const changed = world.connect("c", lasting(5, {}, 3600));
    expect(changed.connack!.properties).toMatchObject({ sessionExpiryInterval: 60 });
    expect(world.connect("d", lasting(5, {}, 60)).connack!.properties).not.toHaveProperty("sessionExpiryInterval");
    changed.loses();
    world.advance(60_000);
    expect(world.connect("c", lasting()).connack!.sessionPresent).toBe(false);
  });

  test("[MQTT-3.1.2-28] pitfall 11: Response Information only for those who ask", () => {
    const world = new TestBroker();
    const asking = world.connect("c", { properties: { requestResponseInformation: 1 } });
    expect(asking.connack!.properties!.responseInformation).toMatch(/./);
    for (const properties of [undefined, { requestResponseInformation: 0 }]) {
      const { connack } = world.connect("c", properties && { properties });
      expect(connack!.properties).not.toHaveProperty("responseInformation");
    }
  });
});

describe("the client's Maximum Packet Size", () => {
  const limited = (world: TestBroker, maximumPacketSize: number, properties = {}) =>
    world.connect("c", { properties: { maximumPacketSize, ...properties } });

  test("[MQTT-3.1.2-24] pitfall 13: nothing larger is sent, and the fixed header counts", () => {
    const world = new TestBroker();
    // PUBLISH at QoS 0 with a topic of one byte: 2 fixed header, 3 topic, 1 no properties, payload.
    const client = limited(world, 30).subscribes("t");
    client.take();
    world.connect("p").publishes("t", "x".repeat(24)).publishes("t", "x".repeat(25));
    expect(client.take().map(sizeOf)).toEqual([30]);
  });

  test("[MQTT-3.1.2-24] SUBACK and UNSUBACK are no exception", () => {
    const client = limited(new TestBroker(), 30);
    const filters = Array.from({ length: 40 }, (_, i) => `t/${i}`);
    client.sends(subscribe(1, ...filters), unsubscribe(2, ...filters));
    for (const packet of client.take()) expect(sizeOf(packet)).toBeLessThanOrEqual(30);
  });

  test("[MQTT-3.1.2-24] [MQTT-3.2.0-1] nor is CONNACK: a client without room for it cannot be served", () => {
    const world = new TestBroker();
    for (const maximum of [20, 15, 10, 5, 4, 1]) {
      const client = limited(world, maximum);
      client.subscribes("t", 0).sends({ type: PacketType.PINGREQ });
      const packets = [...(client.connack ? [client.connack] : []), ...client.take()];
      for (const packet of packets) expect([maximum, sizeOf(packet) <= maximum]).toEqual([maximum, true]);
      // Without CONNACK there is nothing else either.
      expect([maximum, client.connack !== undefined || (packets.length === 0 && client.isClosed)]).toEqual([
        maximum,
        true,
      ]);
    }
  });

  test("[MQTT-3.1.2-24] nor a PUBLISH that would fit without a new topic alias", () => {
    const world = new TestBroker();
    const client = limited(world, 30, { topicAliasMaximum: 5 }).subscribes("t");
    client.take();
    const publisher = world.connect("p");
    for (let i = 0; i < 4; i++) publisher.publishes("t", "x".repeat(24));
    for (const packet of client.take()) expect(sizeOf(packet)).toBeLessThanOrEqual(30);
  });

  test("[MQTT-3.1.2-25] pitfall 13: what is too large counts as delivered", () => {
    const world = new TestBroker();
    const client = limited(world, 30, { receiveMaximum: 1 }).subscribes("t", 2);
    client.take();
    const publisher = world.connect("p").publishes("t", "x".repeat(100), { qos: 1 }).publishes("t", "next", { qos: 2 });
    expect(publisher.take()).toMatchObject([{ type: PacketType.PUBACK, reasonCode: 0 }, { type: PacketType.PUBREC }]);
    expect(client.takeMessages()).toEqual(["t=next"]);
  });

  test("[MQTT-3.1.2-25] also on redelivery to a client that takes less than before", () => {
    const world = new TestBroker();
    const before = world.connect("c", lasting()).subscribes("t", 1);
    world.connect("p").publishes("t", "x".repeat(100), { qos: 1 }).publishes("t", "small", { qos: 1 });
    before.loses();
    const back = world.connect("c", lasting(5, { maximumPacketSize: 30 }));
    expect(back.takeMessages()).toEqual(["t=small"]);
    back.loses();
    expect(world.connect("c", lasting()).takeMessages()).toEqual(["t=small"]);
  });

  test("pitfall 14: a packet over the server's: DISCONNECT 0x95 (§3.2.2.3.6)", async () => {
    const server = await Server.start("memory", { limits: { packetBytesMax: 100 } });
    const client = await server.connect("c");
    expect(client.connack!.properties).toMatchObject({ maximumPacketSize: 100 });
    const packet = (size: number) => ({
      type: PacketType.PUBLISH,
      topic: "t",
      payload: Buffer.alloc(size - 6),
      qos: 0 as const,
      retain: false,
      dup: false,
      packetId: 0,
    });
    expect(await client.settle(packet(100))).toEqual([]);
    expect(await client.outcome(packet(101))).toBe(ReasonCode.PacketTooLarge);
  });

  /** A refusal that comes with a reason in words, and the size that it has without. */
  const reasoned: [name: string, type: number, withoutReason: number, act: (client: TestClient) => void][] = [
    [
      "[MQTT-3.4.2-2] [MQTT-3.4.2-3] pitfall 15: PUBACK",
      PacketType.PUBACK,
      5,
      (client) => client.publishes("$SYS/x", "", { qos: 1 }),
    ],
    [
      "[MQTT-3.5.2-2] [MQTT-3.5.2-3] PUBREC",
      PacketType.PUBREC,
      5,
      (client) => client.publishes("$SYS/x", "", { qos: 2 }),
    ],
    ["[MQTT-3.14.2-3] [MQTT-3.14.2-4] DISCONNECT", PacketType.DISCONNECT, 3, (client) => client.publishes("", "")],
  ];
  test.each(reasoned)("%s has no reason string or user property that would not fit", (_name, type, size, act) => {
    const world = new TestBroker();
    const roomy = world.connect("roomy");
    act(roomy);
    const explained = roomy.take().find((packet) => packet.type === type)!;
    expect(explained).toMatchObject({ properties: { reasonString: expect.any(String) as string } });
    // A client can only be told with the reason if it has room for the whole packet.
    for (const [maximum, has] of [
      [sizeOf(explained), true],
      [sizeOf(explained) - 1, false],
    ] as const) {
      const client = limited(world, maximum);
      act(client);
      const packet = client.take().find((each) => each.type === type)!;
      const { properties } = packet as { properties?: object };
      expect([properties !== undefined, sizeOf(packet) <= maximum]).toEqual([has, true]);
      if (!has) expect(sizeOf(packet)).toBeLessThanOrEqual(size);
    }
  });

  test.each([
    [
      "[MQTT-3.6.2-2] [MQTT-3.6.2-3] PUBREL",
      { type: PacketType.PUBREC, packetId: 9, reasonCode: 0 },
      PacketType.PUBREL,
    ],
    [
      "[MQTT-3.7.2-2] [MQTT-3.7.2-3] PUBCOMP",
      { type: PacketType.PUBREL, packetId: 9, reasonCode: 0 },
      PacketType.PUBCOMP,
    ],
    ["[MQTT-3.9.2-1] [MQTT-3.9.2-2] SUBACK", subscribe(1, "#/wrong"), PacketType.SUBACK],
    ["[MQTT-3.11.2-1] [MQTT-3.11.2-2] UNSUBACK", unsubscribe(1, "#/wrong"), PacketType.UNSUBACK],
  ])("%s, even with a failure, fits a client that takes little", (_name, request, type) => {
    const client = limited(new TestBroker(), 20).sends(request);
    const [packet] = client.take();
    expect([packet!.type, sizeOf(packet!) <= 20]).toEqual([type, true]);
  });

  test("[MQTT-3.2.2-19] [MQTT-3.2.2-20] CONNACK has no reason string or user property that would not fit", () => {
    const world = new TestBroker({ authenticate: () => ({ ok: false, reasonCode: 0x87, reason: "r".repeat(100) }) });
    expect(world.connect("c").connack!.properties).toEqual({ reasonString: "r".repeat(100) });
    const { connack } = limited(world, 50);
    expect([connack!.reasonCode, connack!.properties]).toEqual([0x87, undefined]);
  });
});

describe("Request Problem Information", () => {
  const properties = { requestProblemInformation: 0 };

  test("[MQTT-3.1.2-29] pitfall 12: 0 strips reasons from all but PUBLISH, CONNACK and DISCONNECT", () => {
    const world = new TestBroker();
    const client = world.connect("c", { properties });
    client.publishes("$SYS/x", "", { qos: 1 }).publishes("$SYS/x", "", { qos: 2 });
    client.sends(subscribe(10, "#/wrong"), unsubscribe(11, "#/wrong"), {
      type: PacketType.PUBREL,
      packetId: 99,
      reasonCode: 0,
    });
    const packets = client.take();
    expect(packets).toHaveLength(5);
    for (const packet of packets) {
      const { reasonString, userProperties } = (packet as { properties?: Record<string, unknown> }).properties ?? {};
      expect([packet.type, reasonString, userProperties]).toEqual([packet.type, undefined, undefined]);
    }
  });

  test("[MQTT-3.1.2-29] pitfall 12: user properties of messages stay", () => {
    const world = new TestBroker();
    const client = world.connect("c", { properties }).subscribes("t");
    const userProperties: [string, string][] = [["a", "b"]];
    world.connect("p").publishes("t", "", { properties: { userProperties } });
    expect(client.takeAll(PacketType.PUBLISH)).toMatchObject([{ properties: { userProperties } }]);
  });

  test("1 and nothing both ask for reasons", () => {
    const world = new TestBroker();
    for (const options of [{}, { properties: { requestProblemInformation: 1 } }]) {
      const client = world.connect("c", options).publishes("$SYS/x", "", { qos: 1, packetId: 1 });
      expect(client.take()).toMatchObject([{ properties: { reasonString: expect.any(String) as string } }]);
    }
  });
});

test("[MQTT-3.2.2-8] a will that is not allowed is refused with a code of CONNACK", () => {
  const client = new TestBroker().connect("c", will("$SYS/will"));
  expect([client.connack!.reasonCode, client.isClosed]).toEqual([ReasonCode.NotAuthorized, true]);
});
