/**
 * Nanoseconds per packet, ours against mqtt-packet.
 *
 *   npm run bench -- codec
 *
 * Each figure is the median of several rounds; the two contestants take turns, so that a slow
 * moment of the machine meets both. Run it on a pinned, idle core for figures to quote.
 */
import { createRequire } from "node:module";
import type * as MqttPacket from "mqtt-packet";
import { Decoder, encode, encodedLength, encodeInto, PacketType } from "../src/codec/index.ts";
import type { Packet, Properties, ProtocolVersion, Publish, QoS } from "../src/codec/index.ts";

// Not bundled: it requires Node's modules in a way that an ES module bundle refuses.
const mqttPacket = createRequire(`${process.cwd()}/`)("mqtt-packet") as typeof MqttPacket;

const ROUNDS = 15;
const PACKETS_PER_ROUND = 40_000;
const PACKETS_PER_CHUNK = 500;

interface Case {
  name: string;
  version: ProtocolVersion;
  packet(index: number): Packet;
}

function publish(topic: string, size: number, qos: QoS, properties?: Properties): Publish {
  const payload = Buffer.alloc(size, "x");
  return {
    type: PacketType.PUBLISH,
    topic,
    payload,
    qos,
    retain: false,
    dup: false,
    packetId: qos === 0 ? 0 : 7,
    properties,
  };
}

const properties = {
  messageExpiryInterval: 60,
  contentType: "text/plain",
  userProperties: [["trace", "8f1c"]] as [string, string][],
};
const cases: Case[] = [
  { name: "PUBLISH 64 B, QoS 0, one topic", version: 4, packet: () => publish("plant/line-7/temperature", 64, 0) },
  { name: "PUBLISH 64 B, QoS 1, one topic, 5.0", version: 5, packet: () => publish("plant/line-7/temperature", 64, 1) },
  {
    name: "PUBLISH 64 B, QoS 0, 500 topics",
    version: 4,
    packet: (i) => publish(`plant/line-${i % 500}/temperature`, 64, 0),
  },
  {
    name: "PUBLISH 64 B, 3 properties",
    version: 5,
    packet: () => publish("plant/line-7/temperature", 64, 0, properties),
  },
  { name: "PUBLISH 4 KiB", version: 4, packet: () => publish("plant/line-7/temperature", 4096, 0) },
  { name: "PUBACK", version: 4, packet: () => ({ type: PacketType.PUBACK, packetId: 513, reasonCode: 0 }) },
  {
    name: "SUBSCRIBE, 2 filters, 5.0",
    version: 5,
    packet: () => ({
      type: PacketType.SUBSCRIBE,
      packetId: 9,
      subscriptions: ["plant/+/temperature", "alarms/#"].map((topicFilter) => ({
        topicFilter,
        qos: 1,
        noLocal: false,
        retainAsPublished: false,
        retainHandling: 0,
      })),
    }),
  },
];

let sink = 0;

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}

/** Medians of the contestants, in ns per packet. */
function race(contestants: (() => void)[]): number[] {
  const times = contestants.map((): number[] => []);
  for (let round = -3; round < ROUNDS; round++) {
    contestants.forEach((run, index) => {
      const start = process.hrtime.bigint();
      for (let done = 0; done < PACKETS_PER_ROUND; done += PACKETS_PER_CHUNK) run();
      if (round >= 0) times[index]!.push(Number(process.hrtime.bigint() - start) / PACKETS_PER_ROUND);
    });
  }
  return times.map(median);
}

function decoding({ version, packet }: Case): number[] {
  const chunk = Buffer.concat(Array.from({ length: PACKETS_PER_CHUNK }, (_, index) => encode(packet(index), version)));
  const decoder = new Decoder({ protocolVersion: version });
  const parser = mqttPacket.parser({ protocolVersion: version });
  parser.on("packet", () => sink++);
  parser.on("error", (error: Error) => {
    throw error;
  });
  return race([
    () => {
      decoder.push(chunk);
      while (decoder.next() !== undefined) sink++;
    },
    () => void parser.parse(chunk),
  ]);
}

function encoding({ version, packet }: Case): number[] {
  const packets = Array.from({ length: PACKETS_PER_CHUNK }, (_, index) => packet(index));
  const theirs = packets.map((ours) => toMqttPacket(ours, version));
  const options = { protocolVersion: version };
  const target = Buffer.alloc(8 * 1024 * 1024);
  return race([
    () => {
      let offset = 0;
      for (const one of packets) {
        if (offset + encodedLength(one, version) > target.length) offset = 0;
        offset = encodeInto(one, version, target, offset);
      }
      sink += offset;
    },
    () => {
      for (const one of theirs) sink += mqttPacket.generate(one, options).length;
    },
  ]);
}

function toMqttPacket(packet: Packet, version: ProtocolVersion): MqttPacket.Packet {
  let result: MqttPacket.Packet | undefined;
  const parser = mqttPacket.parser({ protocolVersion: version });
  parser.on("packet", (parsed) => (result = parsed));
  parser.parse(encode(packet, version));
  return result!;
}

console.log("ns per packet".padEnd(40), "ours".padStart(8), "mqtt-packet".padStart(12), "ratio".padStart(7));
for (const [verb, measure] of [
  ["decode", decoding],
  ["encode", encoding],
] as const) {
  for (const one of cases) {
    const [ours, theirs] = measure(one) as [number, number];
    const row = [`${verb} ${one.name}`.padEnd(40), ours.toFixed(0).padStart(8), theirs.toFixed(0).padStart(12)];
    console.log(...row, `${(theirs / ours).toFixed(1)}x`.padStart(7));
  }
}
if (sink === 0) throw new Error("nothing was measured");
