/** Scenarios of one connection: what its packets say, and how they are broken. */
import { type Packet, PacketType } from "../../../src/codec/index.ts";
import type { Random } from "../../simulation/random.ts";
import { badText, rawPacket, soupConnect, soupPacket, twoBytes, utf8 } from "../grammar/soup.ts";
import {
  acknowledgement,
  anyPacket,
  bytesOf,
  connect,
  disconnect,
  packetId,
  publish,
  subscribe,
} from "../grammar/packets.ts";
import { noise, topicName } from "../grammar/names.ts";
import { mutate } from "../mutations.ts";
import { Script } from "../script.ts";
import type { Plan, Reaction, Transport } from "../sequence.ts";

const REACTIONS: readonly Reaction[] = [
  "none",
  "proper",
  "proper",
  "wrong-id",
  "twice",
  "crossed",
  "failure",
  "garbage",
];

export const reaction = (random: Random): Reaction => random.pick(REACTIONS);

/** Much of what a client may say, in any order. */
export function conversation(random: Random, transport: Transport): Plan[] {
  const script = new Script(random, transport).react(reaction(random)).connect();
  for (let count = random.between(1, 30); count > 0; count--) script.packet(anyPacket(random));
  if (random.chance(0.2)) script.packet(disconnect(random));
  return [script.plan(random.pick(["probe", "probe", "end", "reset"] as const))];
}

/** The same with a few packets broken. */
export function mutated(random: Random, transport: Transport): Plan[] {
  const script = new Script(random, transport).react(reaction(random)).connect();
  for (let count = random.between(1, 12); count > 0; count--) script.packet(anyPacket(random));
  for (let count = random.between(1, 3); count > 0; count--) {
    script.bytes(mutate(bytesOf(anyPacket(random), script.version), random, script.packets));
    if (random.chance(0.5)) script.packet(anyPacket(random));
  }
  return [script.plan()];
}

export function mutatedConnect(random: Random, transport: Transport): Plan[] {
  const packet = connect(random);
  const script = new Script(random, transport).react(reaction(random));
  script.version = packet.protocolVersion;
  script.bytes(mutate(bytesOf(packet, script.version), random, [bytesOf(publish(random), script.version)]));
  if (random.chance(0.5)) script.packet(anyPacket(random));
  return [script.plan()];
}

export function soup(random: Random, transport: Transport): Plan[] {
  const script = new Script(random, transport).connect({ protocolVersion: 5 });
  for (let count = random.between(1, 4); count > 0; count--) script.bytes(soupPacket(random));
  return [script.plan()];
}

export function connectSoup(random: Random, transport: Transport): Plan[] {
  return [new Script(random, transport).bytes(soupConnect(random)).plan()];
}

/** Bytes that mean nothing, and packets that come before CONNECT. */
export function noConnect(random: Random, transport: Transport): Plan[] {
  const script = new Script(random, transport);
  if (random.chance(0.5)) script.bytes(noise(random, random.between(1, 200)));
  else script.bytes(bytesOf(anyPacket(random), random.pick([4, 5] as const)));
  return [script.plan()];
}

/** Strings that are none, topics that are none, packet identifiers that are none. */
export function badFields(random: Random, transport: Transport): Plan[] {
  const script = new Script(random, transport).connect({ protocolVersion: random.pick([4, 5] as const) });
  const none = script.version === 5 ? Buffer.from([0]) : Buffer.alloc(0);
  const text = (): Buffer => utf8(random.chance(0.5) ? badText(random) : random.pick(["", "#", "a+b", "a", "\ufeff"]));
  const id = twoBytes(random.pick([0, 1, 0xffff]));
  const body: Record<number, Buffer[]> = {
    3: [text(), id, none, noise(random, 5)],
    8: [id, none, text(), Buffer.from([random.below(256)]), text(), Buffer.from([random.below(4)])],
    10: [id, none, text(), text()],
    6: [id],
  };
  const type = random.pick([3, 8, 10, 6]);
  script.bytes(
    rawPacket(type, type === 3 ? random.pick([2, 4, 6]) : random.pick([2, 2, 2, 0]), Buffer.concat(body[type]!)),
  );
  return [script.plan()];
}

/** PUBLISH, PUBREL and their answers in every order, with identifiers that are in use, over, or unknown. */
export function qos2(random: Random, transport: Transport): Plan[] {
  const script = new Script(random, transport).react(reaction(random)).connect({ clientId: `q${random.below(4)}` });
  if (random.chance(0.5)) script.packet(subscribe(random));
  for (let count = random.between(5, 60); count > 0; count--) {
    const id = random.chance(0.9) ? random.between(1, 4) : packetId(random);
    const packet = random.weighted({ publish: 5, release: 4, other: 2 });
    if (packet === "publish") {
      script.packet(
        publish(random, {
          qos: random.chance(0.9) ? 2 : 1,
          packetId: id,
          dup: random.chance(0.4),
          payload: noise(random, 8),
        }),
      );
    } else if (packet === "release") script.packet(acknowledgement(random, 6, id));
    else script.packet(acknowledgement(random, random.pick([4, 5, 7] as const), id));
  }
  if (random.chance(0.3)) script.reset();
  return [script.plan()];
}

/** More under way than Receive Maximum allows. */
export function receiveMaximum(random: Random, transport: Transport): Plan[] {
  const script = new Script(random, transport).react("none").connect({ cleanStart: random.chance(0.5) });
  const level = random.pick([1, 2, 2] as const);
  const packets: Buffer[] = [];
  for (let id = 1; id <= random.pick([1023, 1024, 1025, 3000]); id++) {
    packets.push(
      bytesOf(
        publish(random, { qos: level, packetId: id, payload: noise(random, 4), topic: "r/m", retain: false }),
        script.version,
      ),
    );
  }
  return [script.bytes(Buffer.concat(packets)).plan()];
}

/** Aliases that were never set, that are set again and again, or that are too many. */
export function aliases(random: Random, transport: Transport): Plan[] {
  const script = new Script(random, transport).connect({ protocolVersion: 5 });
  if (random.chance(0.5)) script.packet(subscribe(random));
  for (let count = random.between(2, 40); count > 0; count--) {
    const topicAlias = random.chance(0.95) ? random.between(1, 5) : random.pick([127, 128, 129, 0xffff]);
    const topic = random.chance(0.6) ? topicName(random) : "";
    script.packet(publish(random, { topic, properties: { topicAlias }, payload: noise(random, 10) }));
  }
  return [script.plan()];
}

/** Thousands of filters, then the same or others taken back. */
export function subscribeBomb(random: Random, transport: Transport): Plan[] {
  const script = new Script(random, transport).react(reaction(random)).connect();
  for (let count = random.between(1, 3); count > 0; count--) {
    script.packet(subscribe(random, random.pick([500, 1024, 1025, 3000])));
  }
  const deep = Array.from({ length: random.pick([50, 127, 128, 129]) }, () => random.pick(["+", "a"])).join("/");
  const wide: Packet = {
    type: PacketType.SUBSCRIBE,
    packetId: 9,
    subscriptions: Array.from({ length: 200 }, (_, index) => {
      const topicFilter = `${deep}/${index}`;
      return { topicFilter, qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 };
    }),
  };
  script.packet(wide);
  script.packet(publish(random, { topic: deep.replaceAll("+", "b"), properties: undefined }));
  if (random.chance(0.5)) {
    const topicFilters = wide.subscriptions.map(({ topicFilter }) => topicFilter);
    script.packet({ type: PacketType.UNSUBSCRIBE, packetId: 10, topicFilters });
  }
  return [script.plan(random.pick(["probe", "end", "reset"] as const))];
}

/** More bytes announced than come, or than may come. */
export function announced(random: Random, transport: Transport): Plan[] {
  const script = new Script(random, transport);
  if (random.chance(0.7)) script.connect();
  const length = random.pick([100, 65_536, 1_000_000, 67_108_859, 67_108_860, 268_435_455]);
  const type = random.pick([1, 3, 3, 8, 14, 15]);
  script.bytes(rawPacket(type, type === 8 ? 2 : 0, noise(random, random.pick([0, 1, 10, 5000])), length));
  for (let count = random.below(20); count > 0; count--) script.bytes(noise(random, random.pick([1, 1000, 50_000])));
  return [script.plan()];
}
