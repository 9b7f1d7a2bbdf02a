/**
 * Nanoseconds of CPU time per message, with all its acknowledgements, in the runtime alone: ten publishers with a
 * subscriber each, over streams that go nowhere.
 *
 *   npm run bench -- runtime                 every case
 *   npm run bench -- runtime changing        those whose names have this in them
 *   PUBSUB_BENCH_ROUNDS=20 npm run bench -- runtime
 *
 * Steadier than the scenarios with a network. To hold two versions against each other, run both in turn, several times.
 */
import { defaultLimits } from "../src/broker/index.ts";
import { PacketType, type QoS } from "../src/codec/index.ts";
import { type HostedBroker, Runtime } from "../src/runtime/index.ts";
import type { Stream, StreamHandler } from "../src/runtime/runtime.ts";
import { type PublishRing, connectFrame, publishRing, subscribeFrame } from "./load/frames.ts";
import { median } from "./statistics.ts";

const PAIRS = 10;
const PAYLOAD_BYTES = 64;
const CHUNK_MESSAGES = 50;
const MESSAGES_PER_ROUND = 200_000;
const ROUNDS = Number(process.env["PUBSUB_BENCH_ROUNDS"] ?? 9);
const PACKET_IDS = 65_535;

interface Case {
  readonly name: string;
  readonly qos: QoS;
  /** Of each publisher. */
  readonly topics: number;
  /** MQTT 5 with properties, aliases and subscription identifiers. */
  readonly mqtt5?: boolean;
  readonly isWatched?: boolean;
}

const NEW_TOPICS = 20_000;
const cases: readonly Case[] = [
  { name: "QoS 0, one topic", qos: 0, topics: 1 },
  { name: "QoS 1, one topic", qos: 1, topics: 1 },
  { name: "QoS 2, one topic", qos: 2, topics: 1 },
  { name: "QoS 0, 100 changing topics", qos: 0, topics: 100 },
  { name: "QoS 1, 100 changing topics", qos: 1, topics: 100 },
  { name: "QoS 2, 100 changing topics", qos: 2, topics: 100 },
  { name: "QoS 0, 1,000 changing topics", qos: 0, topics: 1000 },
  { name: "QoS 0, 100 changing topics, watched", qos: 0, topics: 100, isWatched: true },
  { name: "QoS 1, 100 changing topics, watched", qos: 1, topics: 100, isWatched: true },
  { name: "QoS 0, topics that do not come back", qos: 0, topics: NEW_TOPICS },
  { name: "QoS 0, MQTT 5 with properties", qos: 0, topics: 1, mqtt5: true },
];

/** Takes what it is given, and counts the bytes. */
class Nowhere implements Stream {
  readonly remote = "nowhere";
  readonly address = "nowhere";
  readonly transport = "tcp";
  readonly isLoopback = true;
  readonly isSameSite = true;
  readonly addressed = undefined;
  readonly unsentBytes = 0;
  handler!: StreamHandler;
  bytes = 0;

  write(bytes: Buffer): boolean {
    this.bytes += bytes.length;
    return true;
  }

  writeAll(parts: readonly Buffer[]): boolean {
    for (const bytes of parts) this.bytes += bytes.length;
    return true;
  }

  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}
}

/** An acknowledgement for each packet identifier in turn, twice over: any part of it is one behind the other. */
function acknowledgements(type: number): Buffer {
  const bytes = Buffer.alloc(2 * PACKET_IDS * 4);
  for (let index = 0; index < 2 * PACKET_IDS; index++) {
    bytes.writeUInt32BE(
      ((type << 4) | (type === PacketType.PUBREL ? 2 : 0)) * 0x1000000 + 0x20000 + (index % PACKET_IDS) + 1,
      index * 4,
    );
  }
  return bytes;
}
const [pubacks, pubrecs, pubrels, pubcomps] = [
  PacketType.PUBACK,
  PacketType.PUBREC,
  PacketType.PUBREL,
  PacketType.PUBCOMP,
].map(acknowledgements) as [Buffer, Buffer, Buffer, Buffer];

/** A publisher and its subscriber, who gets packet identifiers in turn and acknowledges all of them at once. */
class Pair {
  readonly publisher = new Nowhere();
  readonly subscriber = new Nowhere();
  readonly #qos: QoS;
  readonly #ring: PublishRing;
  #next = 0;
  #delivered = 0;

  constructor(index: number, { qos, topics, mqtt5 = false }: Case) {
    const version = mqtt5 ? 5 : 4;
    this.#qos = qos;
    const device = (number: number) => `device-${String(number * PAIRS + index).padStart(6, "0")}`;
    const topicNames = Array.from(
      { length: topics },
      (_, number) => `site/${String(number % 97).padStart(5, "0")}/${device(number)}/temperature`,
    );
    const count = Math.max(topics, 20 * CHUNK_MESSAGES);
    this.#ring = publishRing({ topicNames, payloadBytes: PAYLOAD_BYTES, qos, version, withProperties: mqtt5, count });
  }

  /** Sends the frames of a chunk, and everything that makes them complete. */
  exchange(): void {
    const { bytes, frameBytes, count } = this.#ring;
    const { publisher, subscriber } = this;
    const next = this.#next;
    this.#next = (next + CHUNK_MESSAGES) % count;
    const first = next % PACKET_IDS;
    publisher.handler.onData(bytes.subarray(next * frameBytes, (next + CHUNK_MESSAGES) * frameBytes));
    const given = this.#delivered % PACKET_IDS;
    this.#delivered += CHUNK_MESSAGES;
    const part = (all: Buffer, from: number) => all.subarray(from * 4, (from + CHUNK_MESSAGES) * 4);
    if (this.#qos === 1) subscriber.handler.onData(part(pubacks, given));
    if (this.#qos === 2) {
      publisher.handler.onData(part(pubrels, first));
      subscriber.handler.onData(part(pubrecs, given));
      subscriber.handler.onData(part(pubcomps, given));
    }
  }

  get prelude(): Buffer | undefined {
    return this.#ring.prelude;
  }
}

class Bench {
  readonly #runtime: Runtime;
  readonly #hosted: HostedBroker;
  readonly #pairs: readonly Pair[];
  readonly #case: Case;

  constructor(one: Case) {
    this.#case = one;
    const onError = (error: unknown) => {
      throw error;
    };
    this.#runtime = new Runtime({ limits: defaultLimits, locate: () => this.#hosted, onError });
    const principal = { clientId: undefined, tokenId: undefined, expiresAtMs: Infinity, acl: undefined };
    this.#hosted = this.#runtime.addBroker("bench", {
      checkCredentials: () => ({ ok: true, principal }),
      random: { clientId: () => "assigned" },
    });
    if (one.isWatched) this.#hosted.broker.observer = () => {};
    this.#pairs = Array.from({ length: PAIRS }, (_, index) => new Pair(index, one));
    this.#pairs.forEach((pair, index) => this.#open(pair, index));
  }

  #open({ publisher, subscriber, prelude }: Pair, index: number): void {
    const { topics, qos, mqtt5 = false } = this.#case;
    const version = mqtt5 ? 5 : 4;
    this.#runtime.accept(subscriber);
    subscriber.handler.onData(connectFrame(`sub-${index}`, version));
    this.#runtime.accept(publisher);
    publisher.handler.onData(connectFrame(`pub-${index}`, version));
    for (let number = 0; number < topics; number += 500) {
      const filters = Array.from(
        { length: Math.min(500, topics - number) },
        (_, at) => `site/+/device-${String((number + at) * PAIRS + index).padStart(6, "0")}/#`,
      );
      subscriber.handler.onData(subscribeFrame(filters, qos, version, mqtt5 ? 5 : 0));
    }
    if (prelude !== undefined) publisher.handler.onData(prelude);
  }

  /** @returns nanoseconds per message */
  round(): number {
    const { traffic } = this.#hosted.broker;
    const sent = traffic.messagesSent;
    const before = process.cpuUsage();
    for (let done = 0; done < MESSAGES_PER_ROUND; done += PAIRS * CHUNK_MESSAGES) {
      for (const pair of this.#pairs) pair.exchange();
    }
    const { user, system } = process.cpuUsage(before);
    if (traffic.messagesSent - sent !== MESSAGES_PER_ROUND) throw new Error(`${this.#case.name}: messages were lost`);
    return ((user + system) * 1000) / MESSAGES_PER_ROUND;
  }
}

const wanted = process.argv[2] ?? "";
const chosen = cases.filter(({ name }) => name === wanted);
for (const one of chosen.length > 0 ? chosen : cases.filter(({ name }) => name.includes(wanted))) {
  const bench = new Bench(one);
  bench.round();
  const times = Array.from({ length: ROUNDS }, () => bench.round());
  console.log(
    one.name.padEnd(40),
    median(times).toFixed(0).padStart(6),
    Math.min(...times)
      .toFixed(0)
      .padStart(6),
  );
}
process.exit();
