/** Scenarios about connections: several at once, slow ones, silent ones, ones that do not read. */
import { PacketType } from "../../../src/codec/index.ts";
import type { Random } from "../../simulation/random.ts";
import { anyPacket, bytesOf, connect, publish, qos, subscribe, subscription, version } from "../grammar/packets.ts";
import { noise, topicName } from "../grammar/names.ts";
import { Script } from "../script.ts";
import type { Ending, Plan, Transport } from "../sequence.ts";
import { reaction } from "./packets.ts";

const ENDINGS: readonly Ending[] = ["probe", "probe", "end", "reset"];
/** As src/broker/limits.ts and src/runtime/link.ts have them. */
const CONNECT_TIMEOUT_MS = 10_000;
const LINGER_MS = 2_000;
/** For timers and a busy machine. */
const SLACK_MS = 3_000;

/** Several connections with one client id, which meet in any state. */
export function takeover(random: Random, transport: Transport): Plan[] {
  const clientId = `t${random.below(3)}`;
  return Array.from({ length: random.between(2, 8) }, () => {
    const script = new Script(random, transport).startAfter(random.below(40)).react(reaction(random));
    script.connect({ clientId, cleanStart: random.chance(0.3) });
    for (let count = random.below(8); count > 0; count--) script.packet(anyPacket(random));
    return script.wait(random.below(20)).plan(random.pick(ENDINGS));
  });
}

/** Wills that are due at once, later, or never, of clients that break off. */
export function willBomb(random: Random, transport: Transport): Plan[] {
  const topic = topicName(random);
  return Array.from({ length: random.between(2, 12) }, (_, index) => {
    const script = new Script(random, transport).startAfter(random.below(20));
    const protocolVersion = version(random);
    const will = {
      topic: random.chance(0.7) ? topic : topicName(random),
      payload: noise(random, random.pick([0, 10, 60_000])),
      qos: qos(random),
      retain: random.chance(0.3),
      properties: protocolVersion === 5 ? { willDelayInterval: random.pick([0, 0, 1, 2, 0xffff_ffff]) } : undefined,
    };
    const sessionExpiryInterval = random.pick([0, 1, 2, 0xffff_ffff]);
    const properties = protocolVersion === 5 ? { sessionExpiryInterval } : undefined;
    script.connect({ protocolVersion, clientId: `will${index}`, will, properties });
    if (random.chance(0.5))
      script.packet({ type: PacketType.SUBSCRIBE, packetId: 1, subscriptions: [subscription(random, "#")] });
    return script.plan(random.pick(["end", "reset", "reset", "probe"] as const));
  });
}

/** Very many connections at once. */
export function storm(random: Random, transport: Transport): Plan[] {
  const ending = random.pick(ENDINGS);
  return Array.from({ length: random.between(40, 120) }, (_, index) => {
    const script = new Script(random, transport).startAfter(random.below(30));
    if (random.chance(0.8))
      script.connect({
        clientId: random.chance(0.9) ? `storm${index}` : "storm",
        cleanStart: true,
        properties: undefined,
      });
    if (random.chance(0.3)) script.packet(subscribe(random));
    return script.plan(random.chance(0.8) ? ending : random.pick(ENDINGS));
  });
}

/** A client that says all it has to say and half-closes, or does so in the middle of a packet. */
export function halfOpen(random: Random, transport: Transport): Plan[] {
  const script = new Script(random, transport);
  if (random.chance(0.8)) script.connect({ keepAlive: 0 });
  if (random.chance(0.7)) script.packet(subscribe(random));
  const bytes = bytesOf(anyPacket(random), script.version);
  script.bytes(random.chance(0.5) ? bytes : bytes.subarray(0, random.between(1, bytes.length)));
  return [script.end().plan("closed", LINGER_MS + SLACK_MS)];
}

/** Packets that come in pieces, with other clients in between. */
export function slowSender(random: Random, transport: Transport): Plan[] {
  const packet = connect(random, { will: undefined, properties: undefined });
  const script = new Script(random, transport);
  script.version = packet.protocolVersion;
  const bytes = Buffer.concat([
    bytesOf(packet, script.version),
    ...Array.from({ length: 4 }, () => bytesOf(publish(random, { payload: noise(random, 9) }), script.version)),
  ]);
  const pieces = Math.min(bytes.length, 60);
  const size = Math.ceil(bytes.length / pieces);
  for (let offset = 0; offset < bytes.length; offset += size) {
    script.bytes(bytes.subarray(offset, offset + size)).wait(random.below(20));
  }
  return [script.plan()];
}

/** Nothing, or half a CONNECT, and then silence: the server must end it. */
export function silentBeforeConnect(random: Random, transport: Transport): Plan[] {
  const script = new Script(random, transport);
  const bytes = bytesOf(connect(random), 5);
  if (random.chance(0.6)) script.bytes(bytes.subarray(0, random.between(1, bytes.length - 1)));
  return [script.plan("closed", CONNECT_TIMEOUT_MS + LINGER_MS + SLACK_MS)];
}

/** Silence after a keep-alive of a second was agreed. */
export function silentAfterConnect(random: Random, transport: Transport): Plan[] {
  const script = new Script(random, transport).connect({ keepAlive: 1, clientId: `silent${random.below(9)}` }).answer();
  if (random.chance(0.5)) script.bytes(bytesOf(publish(random), script.version).subarray(0, 3));
  return [script.plan("closed", 1_500 + LINGER_MS + SLACK_MS)];
}

/** A subscriber that stops reading while it is sent more than the network holds; its keep-alive ends it. */
export function neverReading(random: Random, transport: Transport): Plan[] {
  const topic = `flood/${random.below(1000)}`;
  const level = qos(random);
  const silent = new Script(random, transport).connect({
    keepAlive: 2,
    cleanStart: true,
    clientId: `deaf${random.below(9)}`,
    properties: undefined,
  });
  const request = { ...subscription(random, topic), qos: level, noLocal: false };
  silent.answer().packet({ type: PacketType.SUBSCRIBE, packetId: 1, subscriptions: [request] });
  silent
    .answer()
    .read(false)
    .wait(3_000 + LINGER_MS + 500)
    .read(true);
  const writer = new Script(random, "tcp")
    .startAfter(150)
    .connect({ protocolVersion: 4, cleanStart: true, clientId: "" });
  writer.answer();
  const bytes = bytesOf(
    { ...publish(random), topic, payload: noise(random, 262_144), qos: 0, packetId: 0, dup: false, retain: false },
    4,
  );
  for (let count = random.between(20, 90); count > 0; count--) writer.raw(bytes).wait(1);
  return [silent.plan("closed", SLACK_MS), writer.plan()];
}

/** A client that gets its own flood, and reads and answers it as it likes. */
export function flood(random: Random, transport: Transport): Plan[] {
  const script = new Script(random, transport).react(reaction(random)).connect({ keepAlive: 0 });
  const request = { ...subscription(random, "own/#"), noLocal: false };
  script.packet({ type: PacketType.SUBSCRIBE, packetId: 1, subscriptions: [request] });
  const packets: Buffer[] = [];
  for (let count = random.between(100, 1500); count > 0; count--) {
    const level = qos(random);
    const id = level === 0 ? 0 : random.between(1, 60_000);
    const topic = `own/${random.below(20)}`;
    packets.push(
      bytesOf(
        publish(random, { topic, qos: level, packetId: id, dup: false, payload: noise(random, random.below(400)) }),
        script.version,
      ),
    );
  }
  return [script.bytes(Buffer.concat(packets)).plan(random.pick(ENDINGS))];
}

/** Very many topics, long ones, that nobody subscribes: nothing of them may stay. */
export function manyTopics(random: Random, transport: Transport): Plan[] {
  const script = new Script(random, transport).connect({ cleanStart: true });
  const length = random.pick([10, 1000, 20_000]);
  const count = Math.min(3000, Math.floor(2_000_000 / length));
  const packets: Buffer[] = [];
  for (let i = 0; i < count; i++) {
    const topic = `many/${random.next()}/${"x".repeat(length)}`;
    packets.push(
      bytesOf(
        publish(random, {
          topic,
          qos: 0,
          packetId: 0,
          dup: false,
          retain: false,
          payload: noise(random, 3),
          properties: undefined,
        }),
        script.version,
      ),
    );
  }
  return [script.bytes(Buffer.concat(packets)).plan()];
}
