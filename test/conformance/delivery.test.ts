/** Overlapping subscriptions, Receive Maximum and flow control: MQTT 5.0 §3.3.4 and §4.9, 3.1.1 §3.3.4 and §3.3.5. */
import { describe, expect, test } from "vitest";
import { ANYONE } from "../setup/anyone.ts";
import {
  PacketType,
  ReasonCode,
  TestBroker,
  both,
  disconnectCode,
  disconnected,
  lasting,
  puback,
  pubcomp,
  pubrec,
  pubrel,
  subscribe,
  typesOf,
  unsubscribe,
} from "./support.ts";

both("[MQTT-3.3.4-1] [3.1.1 MQTT-3.3.4-1] the answer to a PUBLISH is none, PUBACK or PUBREC, by its QoS", (version) => {
  const client = new TestBroker().connect("c", { protocolVersion: version });
  for (const qos of [0, 1, 2] as const) client.publishes("t", "", { qos, packetId: qos });
  expect(client.take()).toMatchObject([
    { type: PacketType.PUBACK, packetId: 1 },
    { type: PacketType.PUBREC, packetId: 2 },
  ]);
});

test("[3.1.1 MQTT-3.3.5-2] what is not allowed is acknowledged like any other, or the connection closed", () => {
  const acl = { mayPublish: (topic: string) => topic !== "forbidden", maySubscribe: () => true };
  const principal = { ...ANYONE, acl };
  const world = new TestBroker({ authenticate: () => ({ ok: true, principal }) });
  const watcher = world.connect("w").subscribes("#");
  watcher.take();
  for (const qos of [0, 1, 2] as const) {
    const client = world.connect("c", { protocolVersion: 4 }).publishes("forbidden", "", { qos });
    const answer = qos === 1 ? "PUBACK" : "PUBREC";
    expect(client.isClosed || typesOf(client.take()).includes(answer)).toBe(true);
  }
  expect(watcher.take()).toEqual([]);
});

describe("overlapping subscriptions", () => {
  both("[MQTT-3.3.4-2] [3.1.1 MQTT-3.3.5-1] pitfall 29: the message comes at the highest granted QoS", (version) => {
    const granted = [
      [0, 1, 2],
      [1, 2, 0],
      [2, 0, 1],
    ] as const;
    for (const [exact, plus, hash] of granted) {
      const world = new TestBroker();
      const subscriber = world.connect("s", { protocolVersion: version });
      subscriber.subscribes("a/b", exact).subscribes("a/+", plus).subscribes("#", hash).take();
      const publisher = world.connect("p");
      for (const qos of [0, 1, 2] as const) {
        publisher.publishes("a/b", "", { qos });
        const received = subscriber.takeAll(PacketType.PUBLISH);
        expect(Math.max(...received.map((packet) => packet.qos))).toBe(qos);
      }
    }
  });

  test("[MQTT-3.3.4-3] [MQTT-3.3.4-4] pitfall 30: one copy has the identifiers of all that match, of that client alone", () => {
    const world = new TestBroker();
    const subscriber = world.connect("s", lasting());
    const identified = (identifier: number) => ({ subscriptionIdentifiers: [identifier] });
    subscriber.subscribes("a/b", 0, {}, identified(1)).subscribes("a/#", 2, {}, identified(268_435_455));
    subscriber.subscribes("+/b", 1).subscribes("x", 1, {}, identified(7)).take();
    world.connect("other").subscribes("a/b", 1, {}, identified(99));
    const publisher = world.connect("p").publishes("a/b", "", { qos: 1 });
    const [packet, ...more] = subscriber.takeAll(PacketType.PUBLISH);
    expect([packet!.properties!.subscriptionIdentifiers!.toSorted((a, b) => a - b), more]).toEqual([
      [1, 268_435_455],
      [],
    ]);
    publisher.publishes("z/b");
    expect(subscriber.takeAll(PacketType.PUBLISH)[0]!.properties).toBeUndefined();
  });

  test("[MQTT-3.3.4-3] pitfall 30: also for queued, resent and retained messages", () => {
    const world = new TestBroker();
    const before = world.connect("s", lasting()).subscribes("t", 1, {}, { subscriptionIdentifiers: [3] });
    world.connect("p").publishes("t", "in flight", { qos: 1 });
    before.loses();
    world.connect("p").publishes("t", "queued", { qos: 1, retain: true });
    const back = world.connect("s", lasting());
    back.subscribes("t", 1, {}, { subscriptionIdentifiers: [4] });
    const seen = back.takeAll(PacketType.PUBLISH).map((packet) => packet.properties?.subscriptionIdentifiers);
    expect(seen).toEqual([[3], [3], [4]]);
  });

  test("[MQTT-3.3.4-5] pitfall 30: copies for a shared and an ordinary subscription have one each", () => {
    const world = new TestBroker();
    const subscriber = world.connect("s").subscribes("t", 1, {}, { subscriptionIdentifiers: [1] });
    subscriber.subscribes("$share/g/t", 1, {}, { subscriptionIdentifiers: [2] }).take();
    world.connect("p").publishes("t", "", { qos: 1 });
    const seen = subscriber.takeAll(PacketType.PUBLISH).map((packet) => packet.properties!.subscriptionIdentifiers!);
    expect(seen.flat().toSorted((a, b) => a - b)).toEqual([1, 2]);
  });

  test("[MQTT-3.3.4-3] a replaced subscription has its new identifier, or none", () => {
    const world = new TestBroker();
    const subscriber = world.connect("s").subscribes("t", 0, {}, { subscriptionIdentifiers: [1] });
    subscriber.subscribes("t", 0, {}, { subscriptionIdentifiers: [2] }).take();
    const publisher = world.connect("p").publishes("t");
    expect(subscriber.takeAll(PacketType.PUBLISH)[0]!.properties).toEqual({ subscriptionIdentifiers: [2] });
    subscriber.subscribes("t").take();
    publisher.publishes("t");
    expect(subscriber.takeAll(PacketType.PUBLISH)[0]!.properties).toBeUndefined();
  });
});

describe("the server's Receive Maximum", () => {
  const limits = { receiveMaximum: 2 };

  test("[MQTT-3.3.4-7] pitfall 17: a client that goes over it is told 0x93", () => {
    const client = new TestBroker({ limits }).connect("c");
    expect(client.connack!.properties).toMatchObject(limits);
    client.publishes("t", "", { qos: 2 }).publishes("t", "", { qos: 2 });
    expect(client.isClosed).toBe(false);
    client.publishes("t", "", { qos: 2 });
    expect([disconnectCode(client), client.isClosed]).toEqual([ReasonCode.ReceiveMaximumExceeded, true]);
  });

  test("[MQTT-3.3.4-7] pitfall 17: at QoS 1 as well, while a hook holds the messages", () => {
    const world = new TestBroker({ limits });
    world.holdPublishes();
    const client = world.connect("c");
    for (let i = 0; i < 3; i++) client.publishes("t", "", { qos: 1 });
    expect(disconnectCode(client)).toBe(ReasonCode.ReceiveMaximumExceeded);
  });

  test("what was completed, refused or sent again does not count", () => {
    const client = new TestBroker({ limits }).connect("c");
    for (let packetId = 1; packetId <= 10; packetId++) {
      client.publishes("t", "", { qos: 2, packetId }).publishes("t", "", { qos: 2, packetId, dup: true });
      client.publishes("$SYS/t", "", { qos: 2, packetId: 100 }).publishes("t", "", { qos: 1, packetId: 200 });
      client.sends(pubrel(packetId));
    }
    expect(client.isClosed).toBe(false);
  });
});

describe("the client's Receive Maximum", () => {
  const world = new TestBroker();
  /** A subscriber that takes so many at a time, and messages for it. */
  function subscriberOf(receiveMaximum: number, messages: number) {
    const subscriber = world.connect("s", { properties: { receiveMaximum } }).subscribes("t", 2);
    subscriber.take();
    const publisher = world.connect("p");
    for (let i = 0; i < messages; i++) publisher.publishes("t", `${i}`, { qos: i % 2 === 0 ? 1 : 2 });
    return subscriber;
  }

  test("[MQTT-3.3.4-9] [MQTT-4.9.0-1] [MQTT-4.9.0-2] pitfall 16: it bounds what is under way; each acknowledgement lets one more go", () => {
    const subscriber = subscriberOf(3, 10);
    const underWay = subscriber.takeAll(PacketType.PUBLISH);
    const seen: string[] = [];
    for (let next = underWay.shift(); next !== undefined; next = underWay.shift()) {
      expect(underWay.length + 1).toBe(Math.min(3, 10 - seen.length));
      const { qos, packetId, payload } = next;
      seen.push(payload.toString());
      subscriber.sends(...(qos === 1 ? [puback(packetId)] : [pubrec(packetId), pubcomp(packetId)]));
      underWay.push(...subscriber.takeAll(PacketType.PUBLISH));
    }
    expect(seen).toEqual(Array.from({ length: 10 }, (_, i) => `${i}`));
  });

  test("[MQTT-3.3.4-9] pitfall 16: PUBREC frees nothing unless it is 0x80 or above; PUBCOMP does", () => {
    const subscriber = world.connect("s", { properties: { receiveMaximum: 1 } }).subscribes("t", 2);
    subscriber.take();
    const publisher = world.connect("p");
    for (const payload of ["1", "2", "3"]) publisher.publishes("t", payload, { qos: 2 });
    const [first] = subscriber.takeAll(PacketType.PUBLISH);
    expect(typesOf(subscriber.sends(pubrec(first!.packetId)).take())).toEqual(["PUBREL"]);
    const [second] = subscriber.sends(pubcomp(first!.packetId)).takeAll(PacketType.PUBLISH);
    expect(second!.payload.toString()).toBe("2");
    expect(subscriber.sends(pubrec(second!.packetId, 0x80)).takeMessages()).toEqual(["t=3"]);
  });

  test("[MQTT-4.9.0-2] QoS 0 goes on at zero quota, and acknowledgements that nobody waits for add nothing", () => {
    const subscriber = subscriberOf(1, 3);
    world.connect("q").publishes("t", "qos 0");
    expect(subscriber.takeMessages().toSorted()).toEqual(["t=0", "t=qos 0"]);
    for (const packetId of [77, 78, 79]) subscriber.sends(puback(packetId), pubcomp(packetId));
    expect(subscriber.takeAll(PacketType.PUBLISH)).toEqual([]);
  });

  test("[MQTT-3.3.4-10] [MQTT-4.9.0-3] pitfall 18: acknowledgements, SUBACK, UNSUBACK and PINGRESP flow at zero quota", () => {
    const subscriber = subscriberOf(1, 3);
    subscriber.take();
    subscriber.publishes("u", "", { qos: 1, packetId: 1 }).publishes("u", "", { qos: 2, packetId: 2 });
    subscriber.sends(pubrel(2), subscribe(3, "v"), unsubscribe(4, "v"), { type: PacketType.PINGREQ });
    expect(typesOf(subscriber.take())).toEqual(["PUBACK", "PUBREC", "PUBCOMP", "SUBACK", "UNSUBACK", "PINGRESP"]);
    expect(subscriber.disconnects().isClosed).toBe(true);
  });

  test("[MQTT-3.3.4-9] it holds for what is sent again, and is counted anew on each connection", () => {
    const options = (receiveMaximum: number) => lasting(5, { receiveMaximum });
    const before = world.connect("again", options(10)).subscribes("u", 2);
    const publisher = world.connect("p");
    for (let i = 0; i < 6; i++) publisher.publishes("u", `${i}`, { qos: 1 });
    expect(before.takeAll(PacketType.PUBLISH)).toHaveLength(6);
    before.loses();
    const back = world.connect("again", options(2));
    const [first, second, ...more] = back.takeAll(PacketType.PUBLISH);
    expect([first!.payload.toString(), second!.payload.toString(), more]).toEqual(["0", "1", []]);
    back.sends(puback(first!.packetId));
    expect(back.takeMessages()).toEqual(["u=2"]);
  });

  test("[MQTT-3.3.4-9] [MQTT-4.9.0-1] the end of an exchange from an earlier connection sets nothing more free", () => {
    const options = lasting(5, { receiveMaximum: 1 });
    const before = world.connect("early", options).subscribes("v", 2);
    const publisher = world.connect("p");
    for (const payload of ["1", "2", "3"]) publisher.publishes("v", payload, { qos: 2 });
    const [first] = before.takeAll(PacketType.PUBLISH);
    before.sends(pubrec(first!.packetId)).loses();
    const back = world.connect("early", options);
    expect(typesOf(back.take())).toEqual(["PUBREL", "PUBLISH"]);
    expect(back.sends(pubcomp(first!.packetId)).take()).toEqual([]);
  });
});

test("§3.4.2.1 pitfall 42: 0x10 is a success; a subscription is live before its SUBACK leaves", () => {
  const world = new TestBroker();
  const publisher = world.connect("p", { properties: { receiveMaximum: 1 } });
  publisher.publishes("t", "", { qos: 1, packetId: 1 }).publishes("t", "", { qos: 2, packetId: 2 });
  publisher.sends(pubrel(2));
  expect(publisher.take()).toMatchObject([
    { type: PacketType.PUBACK, reasonCode: ReasonCode.NoMatchingSubscribers },
    { type: PacketType.PUBREC, reasonCode: ReasonCode.NoMatchingSubscribers },
    { type: PacketType.PUBCOMP, reasonCode: ReasonCode.Success },
  ]);
  const subscriber = world.client(5).connect({ clientId: "s" });
  const { send } = subscriber;
  // While SUBACK is being handed out, a message arrives.
  subscriber.send = (packet) => {
    send.call(subscriber, packet);
    if (packet.type === PacketType.SUBACK) publisher.publishes("t", "live", { qos: 1, packetId: 3 });
  };
  subscriber.subscribes("t", 1);
  expect(publisher.take()).toMatchObject([{ packetId: 3, reasonCode: ReasonCode.Success }]);
  expect(subscriber.takeMessages()).toEqual(["t=live"]);
});

test("after the connection was closed nothing more is handled or sent", () => {
  const world = new TestBroker();
  const client = world.connect("c").subscribes("t", 1);
  client.take();
  client.publishes("", "").sends(subscribe(9, "u"), { type: PacketType.PINGREQ });
  world.connect("p").publishes("t", "", { qos: 1 });
  expect(client.take()).toMatchObject([disconnected(ReasonCode.ProtocolError)]);
});
