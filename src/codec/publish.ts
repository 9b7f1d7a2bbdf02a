/** PUBLISH (MQTT 5.0 §3.3). */
import { checkInteger, checkPacketId } from "./checks.ts";
import { malformed } from "./error.ts";
import { packetIdZero } from "./packet-id.ts";
import { PacketType } from "./packets.ts";
import type { Properties, ProtocolVersion, Publish, QoS } from "./packets.ts";
import type { PropertiesCache } from "./properties-cache.ts";
import { propertiesLength, writeProperties } from "./properties.ts";
import { truncated } from "./reader.ts";
import type { TopicNames } from "./topic-names.ts";
import { topicLength, writeTopic } from "./topic-encoder.ts";
import { viewIn } from "./view.ts";
import { writeTwoByteInteger } from "./writer.ts";

const RETAIN = 0x01;
const DUP = 0x08;
const EMPTY = Buffer.alloc(0);

/**
 * Decodes `bytes[start, end)`, the packet after its fixed header. Wildcards in the Topic Name and an
 * empty one pass: what they mean depends on flags, aliases and settings that the broker knows.
 * @param memory `bytes.buffer`
 * @param view of `bytes`
 */
export function decodePublish(
  bytes: Buffer,
  memory: ArrayBufferLike,
  view: DataView,
  start: number,
  end: number,
  flags: number,
  version: ProtocolVersion,
  names: TopicNames,
  known: PropertiesCache,
): Publish {
  const qos = (flags >> 1) & 3;
  if (qos === 3) throw malformed("PUBLISH with QoS 3"); // [MQTT-3.3.1-4]
  if (qos === 0 && (flags & DUP) !== 0) throw malformed("PUBLISH with DUP at QoS 0"); // [MQTT-3.3.1-2]
  const topicStart = start + 2;
  if (topicStart > end) throw truncated();
  let position = topicStart + ((bytes[start]! << 8) | bytes[start + 1]!);
  if (position > end) throw truncated();
  const topic = names.read(bytes, view, topicStart, position);
  let packetId = 0;
  if (qos !== 0) {
    if (position + 2 > end) throw truncated();
    packetId = (bytes[position]! << 8) | bytes[position + 1]!;
    if (packetId === 0) throw packetIdZero(); // [MQTT-2.2.1-3]
    position += 2;
  }
  let properties: Properties | undefined;
  if (version === 5) {
    if (position < end && bytes[position] === 0) {
      position++;
    } else {
      properties = known.read(bytes, position, end);
      position = known.end;
    }
  }
  return {
    type: PacketType.PUBLISH,
    topic,
    payload: position === end ? EMPTY : viewIn(memory, bytes, position, end),
    qos: qos as QoS,
    retain: (flags & RETAIN) !== 0,
    dup: (flags & DUP) !== 0,
    packetId,
    properties,
  };
}

export function publishFlags(packet: Publish): number {
  return (packet.dup ? DUP : 0) | (packet.qos << 1) | (packet.retain ? RETAIN : 0);
}

export function publishLength(packet: Publish, version: ProtocolVersion): number {
  const { qos, properties } = packet;
  let length = 2 + topicLength(packet.topic) + packet.payload.length;
  if (qos === 0) {
    if (packet.dup) throw new TypeError("dup must be false at QoS 0"); // [MQTT-3.3.1-2]
  } else {
    checkInteger(qos, 1, 2, "qos");
    checkPacketId(packet.packetId);
    length += 2;
  }
  if (version === 5) length += properties === undefined ? 1 : propertiesLength(properties, PacketType.PUBLISH);
  return length;
}

export function writePublish(packet: Publish, version: ProtocolVersion, target: Buffer, start: number): number {
  const { payload } = packet;
  let offset = writeTopic(target, start, packet.topic);
  if (packet.qos !== 0) offset = writeTwoByteInteger(target, offset, packet.packetId);
  if (version === 5) offset = writeProperties(target, offset, packet.properties);
  target.set(payload, offset);
  return offset + payload.length;
}
