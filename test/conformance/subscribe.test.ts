/** SUBSCRIBE and UNSUBSCRIBE with their answers: MQTT 5.0 §3.8 to §3.11, 3.1.1 likewise. */
import { describe, expect, test } from "vitest";
import { isReasonCodeOf } from "../../src/codec/index.ts";
import {
  PacketType,
  ReasonCode,
  TestBroker,
  both,
  disconnectCode,
  lasting,
  puback,
  pubcomp,
  pubrec,
  subscribe,
  typesOf,
  unsubscribe,
} from "./support.ts";
import { Server, closes, frame, prefixed, raw, subscribeFrame } from "./wire.ts";

/** An UNSUBSCRIBE as bytes. */
const unsubscribeFrame = (version: 4 | 5, ...filters: Buffer[]) =>
  frame(0xa2, 0, 1, ...(version === 5 ? [0] : []), ...filters);

/** Allows what is below `mine/`, in reading. */
const principal = {
  clientId: undefined,
  tokenId: undefined,
  expiresAtMs: Infinity,
  acl: { mayPublish: () => true, maySubscribe: (filter: string) => filter.startsWith("mine/") },
};

describe("SUBSCRIBE as bytes", () => {
  both("[MQTT-3.8.3-1] [3.1.1 MQTT-3.8.3-1] an ill-formed filter is malformed", async (version) => {
    const client = await (await Server.start()).connect("c", { protocolVersion: version });
    expect(await client.outcome(subscribeFrame(version, { filters: [prefixed(0xed, 0xa0, 0x80), 0] }))).toBe(
      closes(version, 0x81),
    );
  });

  both("[MQTT-3.8.3-2] [3.1.1 MQTT-3.8.3-3] at least one filter, with its options", async (version) => {
    const server = await Server.start();
    for (const [filters, code] of [
      [[], 0x82],
      [["t"], 0x81],
      [["t", 0, "u"], 0x81],
    ] as const) {
      const client = await server.connect("c", { protocolVersion: version });
      expect(await client.outcome(subscribeFrame(version, { filters: [...filters] }))).toBe(closes(version, code));
    }
  });

  test("[MQTT-3.8.3-5] reserved options are malformed; QoS 3 and Retain Handling 3 are protocol errors", async () => {
    const server = await Server.start();
    for (const [options, code] of [
      [0x40, 0x81],
      [0x80, 0x81],
      [0xc1, 0x81],
      [0x03, 0x82],
      [0x30, 0x82],
    ] as const) {
      const client = await server.connect("c");
      expect([options, await client.outcome(subscribeFrame(5, { filters: ["t", options] }))]).toEqual([options, code]);
    }
  });

  test("[3.1.1 MQTT-3.8.3-4] reserved bits and QoS 3 close the connection", async () => {
    const server = await Server.start();
    for (const options of [3, 4, 8, 0x10, 0x40, 0x80]) {
      const client = await server.connect("c", { protocolVersion: 4 });
      expect([options, await client.outcome(subscribeFrame(4, { filters: ["t", options] }))]).toEqual([
        options,
        "closed",
      ]);
    }
  });
});

describe("SUBACK", () => {
  both(
    "[MQTT-3.8.4-1] [MQTT-3.8.4-2] [3.1.1 MQTT-3.8.4-1] [3.1.1 MQTT-3.8.4-2] answers SUBSCRIBE, with its identifier",
    (version) => {
      const client = new TestBroker().connect("c", { protocolVersion: version }).sends(subscribe(1234, "t"));
      expect(client.take()).toMatchObject([{ type: PacketType.SUBACK, packetId: 1234 }]);
    },
  );

  both(
    "[MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-3.9.3-1] [3.1.1 MQTT-3.8.4-5] [3.1.1 MQTT-3.9.3-1] a code for each filter, in their order",
    (version) => {
      const world = new TestBroker({ authenticate: () => ({ ok: true, principal }) });
      const client = world.connect("c", { protocolVersion: version });
      client.sends(subscribe(1, ["mine/a", 2], ["other", 1], ["mine/b", 0], ["mine/#/x", 1], ["mine/c", 1]));
      const [denied, invalid] = version === 5 ? [0x87, 0x8f] : [0x80, 0x80];
      expect(client.take()).toMatchObject([{ reasonCodes: [2, denied, 0, invalid, 1] }]);
    },
  );

  test("[MQTT-3.9.3-2] its codes are its own", () => {
    const limits = { subscriptionsPerSessionMax: 3 };
    const world = new TestBroker({ limits, authenticate: () => ({ ok: true, principal }) });
    const client = world.connect("c");
    client.sends(
      subscribe(1, ["mine/a", 0], ["mine/b", 1], ["mine/c", 2], ["mine/d", 0], ["no", 0], ["$share/+/t", 0]),
    );
    const codes = client.takeAll(PacketType.SUBACK)[0]!.reasonCodes;
    expect(codes).toEqual([0, 1, 2, ReasonCode.QuotaExceeded, ReasonCode.NotAuthorized, ReasonCode.TopicFilterInvalid]);
    for (const code of codes) expect(isReasonCodeOf(PacketType.SUBACK, code)).toBe(true);
  });

  test("[3.1.1 MQTT-3.9.3-2] 0, 1, 2 and 0x80 are all that 3.1.1 has", () => {
    const limits = { subscriptionsPerSessionMax: 3 };
    const world = new TestBroker({ limits, authenticate: () => ({ ok: true, principal }) });
    const client = world.connect("c", { protocolVersion: 4 });
    client.sends(subscribe(1, ["mine/a", 0], ["mine/b", 1], ["mine/c", 2], ["mine/d", 0], ["no", 0], ["a#", 0]));
    expect(client.take()).toMatchObject([{ reasonCodes: [0, 1, 2, 0x80, 0x80, 0x80] }]);
  });

  both(
    "[MQTT-3.8.4-5] [3.1.1 MQTT-3.8.4-4] several filters do what several SUBSCRIBEs do, with one SUBACK",
    (version) => {
      const world = new TestBroker();
      world.connect("p").publishes("a", "1", { retain: true }).publishes("b", "2", { retain: true });
      const client = world.connect("c", { protocolVersion: version });
      client.sends(subscribe(1, ["a", 0], ["b", 1], ["a", 2]));
      // The filter that comes twice replaces itself, and sends its retained message twice.
      const packets = client.take();
      expect(packets[0]).toMatchObject({ type: PacketType.SUBACK, reasonCodes: [0, 1, 2] });
      expect(typesOf(packets.slice(1))).toEqual(["PUBLISH", "PUBLISH", "PUBLISH"]);
      world.connect("p").publishes("a", "", { qos: 2 });
      expect(client.take()).toMatchObject([{ qos: 2 }]);
    },
  );

  both(
    "[MQTT-3.8.4-8] [3.1.1 MQTT-3.8.4-6] pitfall 28: delivery at the lower of published and granted QoS",
    (version) => {
      const world = new TestBroker();
      const publisher = world.connect("p");
      for (const granted of [0, 1, 2] as const) {
        const subscriber = world.connect("s", { protocolVersion: version }).subscribes("t", granted);
        subscriber.take();
        for (const published of [0, 1, 2] as const) publisher.publishes("t", "", { qos: published });
        const seen = subscriber.takeAll(PacketType.PUBLISH).map(({ qos }) => qos);
        expect([granted, seen]).toEqual([granted, [0, Math.min(1, granted), Math.min(2, granted)]]);
      }
    },
  );

  both("[MQTT-3.8.4-8] [3.1.1 MQTT-3.8.4-6] pitfall 28: retained messages, too", (version) => {
    const world = new TestBroker();
    world.connect("p").publishes("t", "x", { qos: 1, retain: true });
    for (const [granted, qos] of [
      [0, 0],
      [1, 1],
      [2, 1],
    ] as const) {
      const subscriber = world.connect("s", { protocolVersion: version }).subscribes("t", granted);
      expect(subscriber.takeAll(PacketType.PUBLISH)).toMatchObject([{ qos }]);
    }
  });
});

describe("the same filter again", () => {
  both("[MQTT-3.8.4-3] [3.1.1 MQTT-3.8.4-3] replaces the subscription", (version) => {
    const world = new TestBroker();
    const client = world.connect("c", { protocolVersion: version }).subscribes("t", 2).subscribes("t", 0);
    client.take();
    world.connect("p").publishes("t", "", { qos: 2 });
    expect(client.take()).toMatchObject([{ type: PacketType.PUBLISH, qos: 0 }]);
    expect(world.broker.subscriptions.size).toBe(1);
  });

  both("[MQTT-3.8.4-4] [3.1.1 MQTT-3.8.4-3] sends retained messages again, and loses nothing", (version) => {
    const world = new TestBroker();
    const publisher = world.connect("p").publishes("t", "kept", { retain: true, qos: 1 });
    const client = world.connect("c", lasting(version, { receiveMaximum: 1 })).subscribes("t", 1);
    const [first] = client.takeAll(PacketType.PUBLISH);
    // What waits for the quota, or was not acknowledged, survives the replacement.
    publisher.publishes("t", "live", { qos: 1 });
    client.subscribes("t", 1).sends(puback(first!.packetId));
    const seen: string[] = [];
    for (
      let packets = client.takeAll(PacketType.PUBLISH);
      packets.length > 0;
      packets = client.takeAll(PacketType.PUBLISH)
    ) {
      for (const { packetId, payload } of packets) {
        seen.push(payload.toString());
        client.sends(puback(packetId));
      }
    }
    expect(seen.toSorted()).toEqual(["kept", "live"]);
  });
});

describe("No Local", () => {
  test("[MQTT-3.8.3-3] keeps what a client publishes from itself, and nothing else", () => {
    const world = new TestBroker();
    const client = world.connect("c", lasting()).subscribes("t", 1, { noLocal: true });
    client.take();
    client.publishes("t", "own", { qos: 1 });
    world.connect("other").publishes("t", "other's");
    expect(client.takeMessages()).toEqual(["t=other's"]);
    // It is the client identifier that counts, not the connection.
    client.loses();
    const back = world.connect("c", lasting()).publishes("t", "own again", { qos: 1 });
    expect(back.takeMessages()).toEqual([]);
  });

  test("[MQTT-3.8.3-3] not from its other subscriptions", () => {
    const world = new TestBroker();
    const client = world.connect("c").subscribes("t", 2, { noLocal: true }).subscribes("#", 0);
    client.take();
    client.publishes("t", "own", { qos: 2 });
    expect(client.takeAll(PacketType.PUBLISH)).toMatchObject([{ qos: 0 }]);
  });

  test("[MQTT-3.8.3-4] pitfall 32: on a shared subscription it is a protocol error", () => {
    const world = new TestBroker();
    const client = world.connect("c").subscribes("$share/g/t", 0, { noLocal: true });
    expect([disconnectCode(client), world.broker.subscriptions.size]).toEqual([ReasonCode.ProtocolError, 0]);
  });
});

describe("UNSUBSCRIBE as bytes", () => {
  both("[MQTT-3.10.3-1] [3.1.1 MQTT-3.10.3-1] an ill-formed filter is malformed", async (version) => {
    const client = await (await Server.start()).connect("c", { protocolVersion: version });
    expect(await client.outcome(unsubscribeFrame(version, prefixed(0xc0, 0xaf)))).toBe(closes(version, 0x81));
  });

  both("[MQTT-3.10.3-2] [3.1.1 MQTT-3.10.3-2] at least one filter", async (version) => {
    const client = await (await Server.start()).connect("c", { protocolVersion: version });
    expect(await client.outcome(unsubscribeFrame(version, raw()))).toBe(closes(version, 0x82));
  });
});

describe("UNSUBSCRIBE", () => {
  both(
    "[MQTT-3.10.4-1] [3.1.1 MQTT-3.10.4-1] deletes the filter that is the same, character by character",
    (version) => {
      const world = new TestBroker();
      const client = world.connect("c", { protocolVersion: version }).sends(subscribe(1, "a/b", "a/+", "a/#", "ä"));
      const publisher = world.connect("p");
      const topics = () => {
        client.take();
        for (const topic of ["a/b", "a/c", "a", "ä"]) publisher.publishes(topic);
        return new Set(client.takeMessages());
      };
      client.sends(unsubscribe(2, "A/b", "a/b/", "+/b", "#", "a\u0308"));
      expect(topics()).toEqual(new Set(["a/b=", "a/c=", "a=", "ä="]));
      client.sends(unsubscribe(3, "a/#"));
      expect(topics()).toEqual(new Set(["a/b=", "a/c=", "ä="]));
      client.sends(unsubscribe(4, "a/+"));
      expect(topics()).toEqual(new Set(["a/b=", "ä="]));
    },
  );

  both("[MQTT-3.10.4-2] [3.1.1 MQTT-3.10.4-2] no new messages from then on", (version) => {
    const world = new TestBroker();
    const client = world.connect("c", { protocolVersion: version }).subscribes("t", 2);
    client.sends(unsubscribe(9, "t")).take();
    for (const qos of [0, 1, 2] as const) world.connect("p").publishes("t", "", { qos });
    expect(client.take()).toEqual([]);
  });

  both(
    "[MQTT-3.10.4-3] [3.1.1 MQTT-3.10.4-3] deliveries that began are completed, also on the next connection",
    (version) => {
      const world = new TestBroker();
      const client = world.connect("c", lasting(version)).subscribes("t", 2);
      world.connect("p").publishes("t", "1", { qos: 1 }).publishes("t", "2", { qos: 2 });
      client.take();
      client.sends(unsubscribe(9, "t")).loses();
      const back = world.connect("c", lasting(version));
      const [one, two] = back.takeAll(PacketType.PUBLISH);
      back.sends(puback(one!.packetId), pubrec(two!.packetId));
      expect([one, two, typesOf(back.take())]).toMatchObject([
        { dup: true, qos: 1 },
        { dup: true, qos: 2 },
        ["PUBREL"],
      ]);
      back.sends(pubcomp(two!.packetId));
      expect(world.broker.sessions.get("c")!.inflight.size).toBe(0);
    },
  );

  both(
    "[MQTT-3.10.4-4] [MQTT-3.10.4-5] [3.1.1 MQTT-3.10.4-4] [3.1.1 MQTT-3.10.4-5] UNSUBACK answers, even where nothing is deleted",
    (version) => {
      const client = new TestBroker().connect("c", { protocolVersion: version }).sends(unsubscribe(4321, "nothing"));
      expect(client.take()).toMatchObject([{ type: PacketType.UNSUBACK, packetId: 4321 }]);
    },
  );

  both("[MQTT-3.10.4-6] [3.1.1 MQTT-3.10.4-6] several filters, one UNSUBACK", (version) => {
    const world = new TestBroker();
    const client = world.connect("c", { protocolVersion: version }).sends(subscribe(1, "a", "b", "c"));
    client.take();
    client.sends(unsubscribe(2, "a", "none", "c"));
    expect(typesOf(client.take())).toEqual(["UNSUBACK"]);
    for (const topic of ["a", "b", "c"]) world.connect("p").publishes(topic);
    expect(client.takeMessages()).toEqual(["b="]);
  });

  test("[MQTT-3.11.3-1] [MQTT-3.11.3-2] pitfall 43: a code per filter, in their order: 0x11 where there was none", () => {
    const client = new TestBroker().connect("c").sends(subscribe(1, "a", "$share/g/b"));
    client.take();
    client.sends(unsubscribe(2, "none", "a", "a", "#/wrong", "$share/g/b", "$share/h/b"));
    const [unsuback] = client.takeAll(PacketType.UNSUBACK);
    expect(unsuback!.reasonCodes).toEqual([0x11, 0x00, 0x11, 0x8f, 0x00, 0x11]);
  });
});

both("[MQTT-3.12.4-1] [3.1.1 MQTT-3.12.4-1] PINGREQ is answered with PINGRESP", (version) => {
  const client = new TestBroker().connect("c", { protocolVersion: version });
  client.sends({ type: PacketType.PINGREQ }, { type: PacketType.PINGREQ });
  expect(typesOf(client.take())).toEqual(["PINGRESP", "PINGRESP"]);
});
