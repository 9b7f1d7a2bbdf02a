/** Frames that the decoder goes past are those that it would have decoded, and nothing else. */
import { expect, test } from "vitest";
import {
  CodecError,
  Decoder,
  type Packet,
  PacketType,
  PlainFrames,
  type ProtocolVersion,
  type Publish,
  TopicNames,
  encode,
} from "../../src/codec/index.ts";
import { Random } from "../simulation/random.ts";

const TOPICS = ["a", "b", "ab", "ü"];
const BYTES_MAX = 400;

/** Publishes of a few topics that are mostly alike, with a byte here and there that makes them something else, or nothing at all. */
function randomBytes(random: Random, version: ProtocolVersion): Buffer {
  const topic = random.pick(TOPICS);
  const qos = random.pick([0, 0, 1, 2] as const);
  const frames = Array.from({ length: random.between(1, 12) }, () =>
    encode(
      {
        type: PacketType.PUBLISH,
        topic: random.chance(0.3) ? random.pick(TOPICS) : topic,
        payload: Buffer.alloc(random.pick([0, 1, 10, 130, 380, 500]), random.below(256)),
        qos: random.chance(0.1) ? random.pick([0, 1, 2]) : qos,
        retain: random.chance(0.1),
        dup: false,
        packetId: random.between(1, 65_535),
        properties: random.chance(0.1) ? { contentType: "x" } : undefined,
      },
      version,
    ),
  );
  const bytes = Buffer.concat(frames);
  for (let count = random.chance(0.5) ? random.below(3) : 0; count > 0; count--) {
    bytes[random.below(bytes.length)] = random.pick([0, 1, 0x30, 0x80, 0xff]);
  }
  return random.chance(0.3) ? bytes.subarray(0, random.below(bytes.length)) : bytes;
}

/** What a decoder finds, the frames that it goes past included. */
const topicNames = new TopicNames(16);
function decodeAll(bytes: Buffer, version: ProtocolVersion, skips: boolean): { packets: Packet[]; skipped: number } {
  const options = { protocolVersion: version, maximumPacketSize: BYTES_MAX };
  const decoder = new Decoder({ ...options, topicNames });
  const frames = new PlainFrames();
  decoder.push(bytes);
  const packets: Packet[] = [];
  let skipped = 0;
  try {
    for (;;) {
      if (skips && decoder.findPlainFrames(frames)) {
        const { topic, qos, start, end, count, ends } = frames;
        decoder.skipTo(end);
        skipped += end - start;
        const passed = decodeAll(bytes.subarray(start, end), version, false).packets as Publish[];
        expect(passed.map((packet) => [packet.topic, packet.qos])).toEqual(passed.map(() => [topic, qos]));
        expect(count).toBe(passed.length);
        if (qos > 0) {
          expect(passed.map(({ packetId }) => packetId)).toEqual(passed.map((_, index) => frames.packetId(index)));
          expect(ends[count - 1]).toBe(end);
        }
        packets.push(...passed);
        continue;
      }
      const packet = decoder.next();
      if (packet === undefined) break;
      packets.push(packet);
    }
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    packets.push({ type: PacketType.DISCONNECT, reasonCode: error.reasonCode });
  }
  return { packets, skipped };
}

test.each([3, 4, 5] as const)("version %i", (version) => {
  const random = new Random(version);
  let skipped = 0;
  for (let round = 0; round < 500; round++) {
    const bytes = randomBytes(random, version);
    const result = decodeAll(bytes, version, true);
    expect(result.packets, bytes.toString("hex")).toEqual(decodeAll(bytes, version, false).packets);
    skipped += result.skipped;
  }
  expect(skipped).toBeGreaterThan(20_000);
});
