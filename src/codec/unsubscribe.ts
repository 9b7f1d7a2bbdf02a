/** UNSUBSCRIBE (MQTT 5.0 §3.10). */
import { checkPacketId } from "./checks.ts";
import { protocolError } from "./error.ts";
import { readPacketId } from "./packet-id.ts";
import { PacketType } from "./packets.ts";
import type { ProtocolVersion, Unsubscribe } from "./packets.ts";
import { decodeProperties, propertiesLength, writeProperties } from "./properties.ts";
import type { Reader } from "./reader.ts";
import { stringLength, writeString } from "./utf8.ts";
import { writeTwoByteInteger } from "./writer.ts";

export function decodeUnsubscribe(reader: Reader, version: ProtocolVersion): Unsubscribe {
  const packetId = readPacketId(reader);
  const properties = version === 5 ? decodeProperties(reader, PacketType.UNSUBSCRIBE) : undefined;
  if (reader.position === reader.end) throw protocolError("UNSUBSCRIBE without a topic filter"); // [MQTT-3.10.3-2]
  const topicFilters: string[] = [];
  while (reader.position < reader.end) topicFilters.push(reader.string());
  return { type: PacketType.UNSUBSCRIBE, packetId, topicFilters, properties };
}

export function unsubscribeLength(packet: Unsubscribe, version: ProtocolVersion): number {
  checkPacketId(packet.packetId);
  if (packet.topicFilters.length === 0) throw new RangeError("UNSUBSCRIBE needs a topic filter"); // [MQTT-3.10.3-2]
  let length = 2 + (version === 5 ? propertiesLength(packet.properties, PacketType.UNSUBSCRIBE) : 0);
  for (const topicFilter of packet.topicFilters) length += 2 + stringLength(topicFilter, "topicFilter");
  return length;
}

export function writeUnsubscribe(packet: Unsubscribe, version: ProtocolVersion, target: Buffer, start: number): number {
  let offset = writeTwoByteInteger(target, start, packet.packetId);
  if (version === 5) offset = writeProperties(target, offset, packet.properties);
  for (const topicFilter of packet.topicFilters) offset = writeString(target, offset, topicFilter);
  return offset;
}
