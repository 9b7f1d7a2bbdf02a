/** Shared subscriptions: MQTT 5.0 §4.8.2. */
import { expect, test } from "vitest";
import { PacketType, ReasonCode, TestBroker, lasting, puback, pubrec } from "./support.ts";

/** A broker with members of the group `g` for the topic `t`, whose sessions last. */
function group(...granted: (0 | 1 | 2)[]) {
  const world = new TestBroker();
  const members = granted.map((qos, i) => world.connect(`m${i}`, lasting()).subscribes("$share/g/t", qos));
  for (const member of members) member.take();
  return { world, members, publisher: world.connect("p") };
}

test("[MQTT-4.8.2-1] [MQTT-4.8.2-2] pitfall 35: a share name of at least one character without wildcards, and a filter", () => {
  const client = new TestBroker().connect("c");
  const codeOf = (filter: string) => client.subscribes(filter, 1).takeAll(PacketType.SUBACK)[0]!.reasonCodes[0];
  for (const filter of ["$share/g/t", "$share/g/#", "$share/g/+/t", "$share/g//", "$share/ü n/t"]) {
    expect([filter, codeOf(filter)]).toEqual([filter, 1]);
  }
  for (const filter of [
    "$share/",
    "$share/g",
    "$share/g/",
    "$share//t",
    "$share/+/t",
    "$share/#/t",
    "$share/a+/t",
    "$share/g/a#",
  ]) {
    expect([filter, codeOf(filter)]).toEqual([filter, ReasonCode.TopicFilterInvalid]);
  }
});

test("each message goes to one member", () => {
  const { members, publisher } = group(1, 1, 1);
  for (let i = 0; i < 30; i++) publisher.publishes("t", `${i}`, { qos: 1 });
  const seen = members.map((member) => member.takeMessages());
  expect(seen.flat()).toHaveLength(30);
  expect(new Set(seen.flat()).size).toBe(30);
  for (const each of seen) expect(each.length).toBeGreaterThan(0);
});

test("pitfall 35: overlapping groups, filters and ordinary subscriptions each receive", () => {
  const { world, members, publisher } = group(1);
  const others = ["$share/h/t", "$share/g/+", "t"].map((filter, i) => world.connect(`o${i}`).subscribes(filter, 1));
  for (const other of others) other.take();
  publisher.publishes("t", "x", { qos: 1 });
  for (const client of [...members, ...others]) expect(client.takeMessages()).toEqual(["t=x"]);
});

test("[MQTT-4.8.2-3] the QoS is what was granted to the member that receives", () => {
  const { members, publisher } = group(0, 1, 2);
  for (let i = 0; i < 9; i++) publisher.publishes("t", "", { qos: 2 });
  for (const [qos, member] of members.entries()) {
    const received = member.takeAll(PacketType.PUBLISH);
    expect(received.length).toBeGreaterThan(0);
    for (const packet of received) expect(packet.qos).toBe(qos);
  }
});

test("[MQTT-4.8.2-4] pitfall 34: a QoS 2 delivery that began is completed on reconnection, by the same member", () => {
  for (const released of [false, true]) {
    const { world, members, publisher } = group(2, 2);
    publisher.publishes("t", "x", { qos: 2 });
    const [began] = members.filter((member) => member.received.length > 0);
    const [packet] = began!.takeAll(PacketType.PUBLISH);
    if (released) began!.sends(pubrec(packet!.packetId));
    began!.loses();
    const [other] = members.filter((member) => member !== began);
    expect(other!.takeAll(PacketType.PUBLISH)).toEqual([]);
    const back = world.connect(members.indexOf(began!) === 0 ? "m0" : "m1", lasting());
    const type = released ? PacketType.PUBREL : PacketType.PUBLISH;
    expect(back.take()).toMatchObject([{ type, packetId: packet!.packetId }]);
  }
});

test("[MQTT-4.8.2-5] pitfall 34: where the member's session ends instead, nobody gets the message", () => {
  const { world, members, publisher } = group(2, 2);
  publisher.publishes("t", "x", { qos: 2 });
  const [began] = members.filter((member) => member.received.length > 0);
  const [other] = members.filter((member) => member !== began);
  began!.loses();
  world.advance(3_600_000);
  expect([world.broker.sessions.size, other!.takeAll(PacketType.PUBLISH)]).toEqual([2, []]);
});

test("[MQTT-4.8.2-6] pitfall 34: what a member refuses goes to nobody else", () => {
  for (const [qos, refuse] of [
    [1, puback],
    [2, pubrec],
  ] as const) {
    const { world, members, publisher } = group(qos, qos);
    publisher.publishes("t", "x", { qos });
    const [receiver] = members.filter((member) => member.received.length > 0);
    const [packet] = receiver!.takeAll(PacketType.PUBLISH);
    receiver!.sends(refuse(packet!.packetId, ReasonCode.UnspecifiedError)).loses();
    for (const member of members) expect(member.takeAll(PacketType.PUBLISH)).toEqual([]);
    expect(world.connect("m0", lasting()).take()).toEqual([]);
  }
});

test("pitfall 33: no retained messages are sent, whatever Retain Handling says (§4.8.2)", () => {
  const world = new TestBroker();
  world.connect("p").publishes("t", "kept", { retain: true, qos: 1 });
  for (const retainHandling of [0, 1, 2] as const) {
    const client = world.connect("c").subscribes("$share/g/t", 1, { retainHandling });
    expect(client.takeAll(PacketType.PUBLISH)).toEqual([]);
  }
});

test("pitfall 30: a shared subscription's identifier is sent", () => {
  const world = new TestBroker();
  const client = world.connect("c").subscribes("$share/g/t", 1, {}, { subscriptionIdentifiers: [8] });
  world.connect("p").publishes("t", "", { qos: 1 });
  expect(client.takeAll(PacketType.PUBLISH)).toMatchObject([{ properties: { subscriptionIdentifiers: [8] } }]);
});

test("Retain As Published holds for shared subscriptions", () => {
  const world = new TestBroker();
  const client = world.connect("c").subscribes("$share/g/t", 1, { retainAsPublished: true });
  world.connect("p").publishes("t", "x", { qos: 1, retain: true });
  expect(client.takeAll(PacketType.PUBLISH)).toMatchObject([{ retain: true }]);
});
