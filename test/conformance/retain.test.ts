/** PUBLISH: DUP, QoS and RETAIN. MQTT 5.0 §3.3.1, 3.1.1 §3.3.1. */
import { describe, expect, test } from "vitest";
import { PacketType, ReasonCode, TestBroker, both, lasting, puback } from "./support.ts";
import { Server, closes, publishFrame } from "./wire.ts";

describe("DUP", () => {
  both("[MQTT-3.3.1-1] [3.1.1 MQTT-3.3.1-1] pitfall 25: 1 on what is sent again, also the third time", (version) => {
    const world = new TestBroker();
    const first = world.connect("s", lasting(version)).subscribes("t", 2);
    world.connect("p").publishes("t", "1", { qos: 1 }).publishes("t", "2", { qos: 2 });
    expect(first.takeAll(PacketType.PUBLISH)).toMatchObject([{ dup: false }, { dup: false }]);
    first.loses();
    for (let again = 0; again < 2; again++) {
      const back = world.connect("s", lasting(version));
      expect(back.takeAll(PacketType.PUBLISH)).toMatchObject([
        { dup: true, qos: 1 },
        { dup: true, qos: 2 },
      ]);
      back.loses();
    }
  });

  both("[MQTT-3.3.1-2] [3.1.1 MQTT-3.3.1-2] 0 at QoS 0, either way", async (version) => {
    const client = await (await Server.start()).connect("c", { protocolVersion: version });
    expect(await client.outcome(publishFrame(version, { first: 0x38 }))).toBe(
      closes(version, ReasonCode.MalformedPacket),
    );
    const world = new TestBroker();
    const subscriber = world.connect("s", { protocolVersion: version }).subscribes("t", 0);
    world.connect("p").publishes("t", "", { qos: 1, dup: true });
    expect(subscriber.takeAll(PacketType.PUBLISH)).toMatchObject([{ qos: 0, dup: false }]);
  });

  both("[MQTT-3.3.1-3] [3.1.1 MQTT-3.3.1-3] a publisher's DUP is not passed on", (version) => {
    const world = new TestBroker();
    const subscriber = world.connect("s", { protocolVersion: version }).subscribes("t", 2);
    const publisher = world.connect("p", { protocolVersion: version });
    publisher.publishes("t", "", { qos: 1, dup: true }).publishes("t", "", { qos: 2, dup: true });
    expect(subscriber.takeAll(PacketType.PUBLISH)).toMatchObject([{ dup: false }, { dup: false }]);
  });
});

both("[MQTT-3.3.1-4] [3.1.1 MQTT-3.3.1-4] QoS 3 is malformed", async (version) => {
  for (const first of [0x36, 0x37, 0x3e, 0x3f]) {
    const client = await (await Server.start()).connect("c", { protocolVersion: version });
    expect(await client.outcome(publishFrame(version, { first, packetId: 1 }))).toBe(closes(version, 0x81));
  }
});

describe("retained messages", () => {
  /** What a new subscriber is sent. */
  const kept = (world: TestBroker, filter = "t") => world.connect("new").subscribes(filter, 2).takeMessages();

  both(
    "[MQTT-3.3.1-5] [3.1.1 MQTT-3.3.1-5] [3.1.1 MQTT-3.3.1-6] RETAIN 1 keeps the last message of a topic, with its QoS",
    (version) => {
      const world = new TestBroker();
      const publisher = world.connect("p", { protocolVersion: version });
      publisher.publishes("t", "1", { retain: true }).publishes("t", "2", { retain: true, qos: 2 });
      publisher.publishes("t/u", "3", { retain: true, qos: 1 });
      const subscriber = world.connect("s", { protocolVersion: version }).subscribes("#", 2);
      expect(
        subscriber.takeAll(PacketType.PUBLISH).map(({ topic, payload, qos }) => [topic, payload.toString(), qos]),
      ).toEqual([
        ["t", "2", 2],
        ["t/u", "3", 1],
      ]);
    },
  );

  test("[3.1.1 MQTT-3.3.1-7] one at QoS 0 takes the place of another", () => {
    const world = new TestBroker();
    const publisher = world.connect("p", { protocolVersion: 4 });
    publisher.publishes("t", "1", { retain: true, qos: 1 }).publishes("t", "2", { retain: true, qos: 0 });
    expect(kept(world)).not.toContain("t=1");
  });

  both("[MQTT-3.3.1-6] [3.1.1 MQTT-3.3.1-10] pitfall 38: an empty payload removes it, and is delivered", (version) => {
    const world = new TestBroker();
    const publisher = world.connect("p", { protocolVersion: version }).publishes("t", "1", { retain: true });
    const subscriber = world.connect("s", { protocolVersion: version }).subscribes("t");
    subscriber.take();
    publisher.publishes("t", "", { retain: true });
    expect(subscriber.takeMessages()).toEqual(["t="]);
    expect(kept(world)).toEqual([]);
  });

  both("[MQTT-3.3.1-7] [3.1.1 MQTT-3.3.1-11] pitfall 38: an empty payload is not kept itself", (version) => {
    const world = new TestBroker();
    world.connect("p", { protocolVersion: version }).publishes("t", "", { retain: true, qos: 1 });
    expect([kept(world), world.broker.retained.size]).toEqual([[], 0]);
  });

  both("[MQTT-3.3.1-8] [3.1.1 MQTT-3.3.1-12] RETAIN 0 neither keeps, replaces nor removes", (version) => {
    const world = new TestBroker();
    const publisher = world.connect("p", { protocolVersion: version });
    publisher.publishes("t", "kept", { retain: true }).publishes("t", "other").publishes("t", "").publishes("u", "x");
    expect(kept(world, "#")).toEqual(["t=kept"]);
  });

  test("[3.1.1 MQTT-3.3.1-8] [3.1.1 MQTT-3.3.1-9] RETAIN is 1 for a new subscription, 0 for an established one", () => {
    const world = new TestBroker();
    const publisher = world.connect("p", { protocolVersion: 4 }).publishes("t", "1", { retain: true });
    const subscriber = world.connect("s", { protocolVersion: 4 }).subscribes("t");
    publisher.publishes("t", "2", { retain: true });
    expect(subscriber.takeAll(PacketType.PUBLISH)).toMatchObject([{ retain: true }, { retain: false }]);
  });
});

describe("Retain Handling", () => {
  const world = () => {
    const made = new TestBroker();
    made.connect("p").publishes("t", "kept", { retain: true });
    return made;
  };

  test("[MQTT-3.3.1-9] 0 sends retained messages at every SUBSCRIBE", () => {
    const client = world().connect("s");
    for (let i = 0; i < 2; i++) {
      expect(client.subscribes("t", 0, { retainHandling: 0 }).takeMessages()).toEqual(["t=kept"]);
    }
  });

  test("[MQTT-3.3.1-10] pitfall 36: 1 sends them where the subscription is new", () => {
    const client = world().connect("s");
    expect(client.subscribes("t", 0, { retainHandling: 1 }).takeMessages()).toEqual(["t=kept"]);
    expect(client.subscribes("t", 1, { retainHandling: 1 }).takeMessages()).toEqual([]);
    client.sends({ type: PacketType.UNSUBSCRIBE, packetId: 9, topicFilters: ["t"] });
    expect(client.subscribes("t", 0, { retainHandling: 1 }).takeMessages()).toEqual(["t=kept"]);
  });

  test("[MQTT-3.3.1-10] pitfall 36: in a resumed session it exists already", () => {
    const made = world();
    made.connect("s", lasting()).subscribes("t", 0, { retainHandling: 1 }).loses();
    const back = made.connect("s", lasting());
    expect(back.takeMessages()).toEqual([]);
    expect(back.subscribes("t", 0, { retainHandling: 1 }).takeMessages()).toEqual([]);
  });

  test("[MQTT-3.3.1-11] 2 sends none", () => {
    const client = world().connect("s");
    expect(client.subscribes("t", 0, { retainHandling: 2 }).takeMessages()).toEqual([]);
  });

  both(
    "[MQTT-4.4.0-1] [3.1.1 MQTT-3.3.1-6] pitfall 36: resuming a session sends no retained messages by itself",
    (version) => {
      const made = world();
      const before = made.connect("s", lasting(version)).subscribes("t", 1);
      before.take();
      before.loses();
      expect(made.connect("s", lasting(version)).takeMessages()).toEqual([]);
    },
  );
});

describe("Retain As Published", () => {
  test("[MQTT-3.3.1-12] pitfall 37: without it RETAIN is 0 on what is forwarded", () => {
    const world = new TestBroker();
    const subscriber = world.connect("s").subscribes("t");
    world.connect("p").publishes("t", "1", { retain: true }).publishes("t", "2", { retain: false });
    expect(subscriber.takeAll(PacketType.PUBLISH)).toMatchObject([{ retain: false }, { retain: false }]);
  });

  test("[MQTT-3.3.1-13] pitfall 37: with it RETAIN is as it was published", () => {
    const world = new TestBroker();
    const subscriber = world.connect("s", lasting()).subscribes("t", 1, { retainAsPublished: true });
    const publisher = world.connect("p");
    publisher.publishes("t", "1", { retain: true, qos: 1 }).publishes("t", "2", { retain: false, qos: 1 });
    expect(subscriber.takeAll(PacketType.PUBLISH)).toMatchObject([{ retain: true }, { retain: false }]);
    subscriber.sends(puback(1), puback(2)).loses();
    publisher.publishes("t", "3", { retain: true, qos: 1 }).publishes("t", "4", { retain: false, qos: 1 });
    expect(world.connect("s", lasting()).takeAll(PacketType.PUBLISH)).toMatchObject([
      { retain: true },
      { retain: false },
    ]);
  });

  test("pitfall 37: retained messages that are sent at SUBSCRIBE have RETAIN 1 in any case", () => {
    const world = new TestBroker();
    world.connect("p").publishes("t", "x", { retain: true });
    for (const retainAsPublished of [false, true]) {
      const subscriber = world.connect("s").subscribes("t", 0, { retainAsPublished });
      expect(subscriber.takeAll(PacketType.PUBLISH)).toMatchObject([{ retain: true }]);
    }
  });
});
