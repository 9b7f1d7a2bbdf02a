/** What leaves a connection, whatever way its bytes take: many clients, messages and chunks, chosen by a seed. */
import { describe, expect, test } from "vitest";
import { defaultLimits } from "../../src/broker/index.ts";
import {
  Decoder,
  type Packet,
  PacketType,
  type Publish,
  type QoS,
  encode,
  encodedLength,
} from "../../src/codec/index.ts";
import { Histogram } from "../../src/hooks/histogram.ts";
import { type HostedBroker, Runtime, type Stream } from "../../src/runtime/index.ts";
import { Random } from "../simulation/random.ts";
import { openToAnyone } from "../setup/anyone.ts";
import { raise } from "../setup/raise.ts";

const TOPICS = ["a", "b/c", "b/d", "ü/long/topic/name/with/several/levels"];
const LEVELS = [0, 1, 2] as const;
/** The expiry interval does not pass while the test runs. */
const PROPERTIES = [
  undefined,
  undefined,
  { contentType: "text" },
  { messageExpiryInterval: 1000 },
  { contentType: "text", messageExpiryInterval: 1000, userProperties: [["a", "b"]] as [string, string][] },
];
/** Around the sizes from which on frames are not copied, and not put together. */
const PAYLOAD_BYTES = [0, 1, 20, 100, 1000, 5000, 16_300, 20_000];

/** A client on a network that sometimes keeps what is written, as real ones do. */
class Client {
  readonly version: 4 | 5;
  readonly subscriptions = new Map<string, QoS>();
  readonly expected: string[] = [];
  readonly received: string[] = [];
  readonly packetIds = new Set<number>();
  /** Packet identifiers of what it published, until the exchange is over. */
  readonly unacknowledged = new Set<number>();
  /** Bytes that came, and bytes that the packets need. */
  readonly bytes = { received: 0, needed: 0 };
  readonly answers: Packet[] = [];
  readonly stream: Stream;
  readonly #decoder: Decoder;
  readonly #random: Random;
  readonly #kept: { bytes: Buffer; before: Buffer }[] = [];
  #nextPacketId = 1;

  constructor(runtime: Runtime, random: Random) {
    this.#random = random;
    this.version = random.pick([4, 5]);
    this.#decoder = new Decoder({ protocolVersion: this.version });
    const write = (bytes: Buffer) => this.#write(bytes);
    this.stream = {
      remote: "test",
      address: "test",
      transport: "tcp",
      isLoopback: true,
      isSameSite: true,
      addressed: undefined,
      unsentBytes: 0,
      handler: undefined!,
      write,
      writeAll: (parts) => parts.map(write).every(Boolean),
      pause() {},
      resume() {},
      end() {},
      destroy() {
        throw new Error("the server gave up the connection");
      },
    };
    runtime.accept(this.stream);
  }

  send(...packets: Packet[]): void {
    this.sendBytes(Buffer.concat(packets.map((packet) => encode(packet, this.version))));
  }

  sendBytes(bytes: Buffer): void {
    let start = 0;
    while (start < bytes.length) {
      const end = this.#random.chance(0.2) ? start + 1 + this.#random.below(bytes.length - start) : bytes.length;
      // A chunk of its own, as the network brings it.
      this.stream.handler.onData(Buffer.from(bytes.subarray(start, end)));
      start = end;
    }
  }

  subscribe(topicFilter: string, qos: QoS): void {
    this.subscriptions.set(topicFilter, qos);
    const options = { noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    this.send({ type: PacketType.SUBSCRIBE, packetId: 1, subscriptions: [{ topicFilter, qos, ...options }] });
  }

  nextPacketId(): number {
    this.#nextPacketId = (this.#nextPacketId % 60_000) + 1;
    return this.#nextPacketId;
  }

  /** Answers what was received since the last time. */
  answer(): void {
    while (this.answers.length > 0) this.send(...this.answers.splice(0));
  }

  /** The network has sent what it kept: unchanged. */
  drain(): void {
    for (const { bytes, before } of this.#kept.splice(0)) expect(bytes.equals(before)).toBe(true);
    this.stream.handler.onDrain();
  }

  #write(bytes: Buffer): boolean {
    this.#decoder.push(Buffer.from(bytes));
    this.bytes.received += bytes.length;
    for (let packet = this.#decoder.next(); packet !== undefined; packet = this.#decoder.next()) this.#take(packet);
    if (this.#random.chance(0.7)) return true;
    this.#kept.push({ bytes, before: Buffer.from(bytes) });
    return false;
  }

  #take(packet: Packet): void {
    this.bytes.needed += encodedLength(packet, this.version);
    switch (packet.type) {
      case PacketType.PUBLISH: {
        const { qos, packetId } = packet;
        this.received.push(describeMessage(packet, qos));
        if (qos === 0) return;
        expect(this.packetIds).not.toContain(packetId);
        this.packetIds.add(packetId);
        const type = qos === 1 ? PacketType.PUBACK : PacketType.PUBREC;
        this.answers.push({ type, packetId, reasonCode: 0 });
        if (qos === 1) this.packetIds.delete(packetId);
        break;
      }
      case PacketType.PUBREC:
        this.answers.push({ type: PacketType.PUBREL, packetId: packet.packetId, reasonCode: 0 });
        break;
      case PacketType.PUBACK:
      case PacketType.PUBCOMP:
        expect(this.unacknowledged.delete(packet.packetId)).toBe(true);
        break;
      case PacketType.PUBREL:
        this.packetIds.delete(packet.packetId);
        this.answers.push({ type: PacketType.PUBCOMP, packetId: packet.packetId, reasonCode: 0 });
        break;
      default:
    }
  }
}

function describeMessage({ topic, payload, retain, dup, properties }: Publish, qos: QoS): string {
  const content = `${payload.length} × ${payload[0] ?? ""}${payload.at(-1) ?? ""}`;
  const { contentType, messageExpiryInterval, userProperties } = properties ?? {};
  const more = JSON.stringify([contentType, messageExpiryInterval, userProperties]);
  return `${topic} at ${qos}${retain ? " retained" : ""}${dup ? " again" : ""}: ${content} ${more}`;
}

async function start(random: Random): Promise<{ clients: Client[]; hosted: HostedBroker }> {
  const runtime: Runtime = new Runtime({
    limits: defaultLimits,
    locate: () => runtime.broker("b")!,
    onError: raise,
  });
  const hosted = runtime.addBroker("b", openToAnyone);
  const clients = Array.from({ length: random.between(2, 6) }, () => new Client(runtime, random));
  for (const [index, client] of clients.entries()) {
    const protocolVersion = client.version;
    client.send({ type: PacketType.CONNECT, protocolVersion, cleanStart: true, keepAlive: 0, clientId: `c${index}` });
  }
  // The credentials are checked meanwhile.
  await new Promise(setImmediate);
  for (const client of clients) {
    for (const topic of TOPICS) if (random.chance(0.6)) client.subscribe(topic, random.pick(LEVELS));
  }
  return { clients, hosted };
}

function randomPublish(random: Random, publisher: Client): Publish {
  const qos = random.pick(LEVELS);
  return {
    type: PacketType.PUBLISH,
    topic: random.chance(0.7) ? TOPICS[0]! : random.pick(TOPICS),
    payload: Buffer.alloc(random.pick(PAYLOAD_BYTES), random.below(256)),
    qos,
    retain: random.chance(0.1),
    dup: qos > 0 && random.chance(0.1),
    packetId: qos === 0 ? 0 : publisher.nextPacketId(),
    properties: publisher.version === 5 ? random.pick(PROPERTIES) : undefined,
  };
}

/** What is forwarded in one piece, mostly: now and then one in the middle differs a little. */
function repeatedPublishes(random: Random, publisher: Client): Publish[] {
  const topic = random.pick(TOPICS);
  const mostly = random.pick(LEVELS);
  return Array.from({ length: random.between(2, 30) }, () => {
    const qos = random.chance(0.05) ? random.pick(LEVELS) : mostly;
    return {
      type: PacketType.PUBLISH,
      topic: random.chance(0.05) ? random.pick(TOPICS) : topic,
      payload: Buffer.alloc(random.pick(PAYLOAD_BYTES), random.below(256)),
      qos,
      retain: random.chance(0.05),
      dup: false,
      packetId: qos === 0 ? 0 : publisher.nextPacketId(),
      properties: undefined,
    };
  });
}

/** The frame with a Remaining Length of four bytes, which a 3.x client may write. */
function padded(frame: Buffer): Buffer {
  let at = 1;
  while (frame[at]! >= 0x80) at++;
  const body = frame.subarray(at + 1);
  const length = [0, 7, 14].map((shift) => ((body.length >> shift) & 0x7f) | 0x80);
  return Buffer.concat([frame.subarray(0, 1), Buffer.from([...length, (body.length >> 21) & 0x7f]), body]);
}

/** A publisher's chunk: several messages, some of them written in unusual ways. */
function publishSome(random: Random, publisher: Client, clients: Client[]): void {
  const packets = random.chance(0.4)
    ? repeatedPublishes(random, publisher)
    : Array.from({ length: random.between(1, 12) }, () => randomPublish(random, publisher));
  for (const packet of packets) {
    if (packet.qos > 0) publisher.unacknowledged.add(packet.packetId);
    for (const client of clients) {
      const granted = client.subscriptions.get(packet.topic);
      if (granted === undefined) continue;
      const qos = Math.min(granted, packet.qos) as QoS;
      const properties = client.version === 5 ? packet.properties : undefined;
      client.expected.push(describeMessage({ ...packet, retain: false, dup: false, properties }, qos));
    }
  }
  const frames = packets.map((packet) => {
    const frame = encode(packet, publisher.version);
    return publisher.version === 4 && random.chance(0.1) ? padded(frame) : frame;
  });
  publisher.sendBytes(Buffer.concat(frames));
}

describe("every subscriber gets every message in order, as it was published", () => {
  test.each(Array.from({ length: 40 }, (_, index) => index + 1))("seed %i", async (seed) => {
    const random = new Random(seed);
    const { clients, hosted } = await start(random);
    if (random.chance(0.2)) hosted.broker.observer = () => {};
    for (let step = 0; step < 30; step++) {
      publishSome(random, random.pick(clients), clients);
      if (random.chance(0.5)) for (const client of clients) client.drain();
      for (let round = 0; round < 3; round++) for (const client of clients) client.answer();
    }
    for (const client of clients) {
      client.drain();
      expect(client.received).toEqual(client.expected);
      expect([client.packetIds.size, client.unacknowledged.size]).toEqual([0, 0]);
      expect(client.bytes.received).toBe(client.bytes.needed);
    }
  });
});

test("what a hook put in place of a payload is sent, not what was received", async () => {
  const random = new Random(1);
  const { clients, hosted } = await start(random);
  hosted.setHooks({
    load: { waiting: 0, batches: 0, requests: 0, durations: new Histogram(), circuit: undefined },
    wants: () => true,
    submit(pending) {
      const verdict = { kind: "replace", payload: Buffer.from("new"), properties: undefined } as const;
      hosted.completeHook(pending, verdict, { elapsedMs: 0, batchSize: 1 });
    },
    close: async () => {},
  });
  const [publisher] = clients;
  publisher!.subscribe("mine", 0);
  const packet: Publish = { ...randomPublish(random, publisher!), topic: "mine", qos: 0, packetId: 0, dup: false };
  publisher!.send({ ...packet, payload: Buffer.from("old"), properties: undefined });
  const payload = Buffer.from("new");
  expect(publisher!.received).toEqual([
    describeMessage({ ...packet, payload, retain: false, properties: undefined }, 0),
  ]);
});
