/** PUBACK, PUBREC, PUBREL and PUBCOMP (MQTT 5.0 §3.4 to §3.7): a Packet Identifier, a Reason Code and properties. */
import { checkPacketId, checkReasonCode } from "./checks.ts";
import { protocolError } from "./error.ts";
import { isReasonCodeOf } from "./legal-reason-codes.ts";
import { readPacketId } from "./packet-id.ts";
import { PacketType } from "./packets.ts";
import type { ProtocolVersion, Puback, Pubcomp, Pubrec, Pubrel } from "./packets.ts";
import { decodeProperties, hasProperties, propertiesLength, writeProperties } from "./properties.ts";
import type { Reader } from "./reader.ts";
import { writeTwoByteInteger } from "./writer.ts";

/** Of one without reason code and properties: as most are, and as 3.x has no other. */
export const SHORT_ACKNOWLEDGEMENT_BYTES = 4;

export type Acknowledgement = Puback | Pubrec | Pubrel | Pubcomp;

/**
 * §3.4.2.1: without a Reason Code it is 0x00; without a Property Length there are no properties.
 * @throws CodecError 0x81; 0x82 for a Reason Code that the packet type cannot carry
 */
export function decodeAcknowledgement(
  type: Acknowledgement["type"],
  reader: Reader,
  version: ProtocolVersion,
): Acknowledgement {
  const packetId = readPacketId(reader);
  if (reader.position === reader.end) return { type, packetId, reasonCode: 0, properties: undefined };
  if (version < 5) reader.expectEnd();
  const reasonCode = reader.byte();
  // [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1]
  if (!isReasonCodeOf(type, reasonCode)) {
    throw protocolError(`Packet type ${type} cannot carry reason code 0x${reasonCode.toString(16)}`);
  }
  const properties = reader.position === reader.end ? undefined : decodeProperties(reader, type);
  reader.expectEnd();
  return { type, packetId, reasonCode, properties };
}

export function acknowledgementLength(packet: Acknowledgement, version: ProtocolVersion, name: string): number {
  checkPacketId(packet.packetId);
  if (version < 5) return 2;
  const { reasonCode, properties } = packet;
  if (properties !== undefined && hasProperties(properties)) {
    checkReasonCode(packet.type, reasonCode, name);
    return 3 + propertiesLength(properties, packet.type);
  }
  if (reasonCode === 0) return 2;
  checkReasonCode(packet.type, reasonCode, name);
  return 3;
}

/** @param length what `acknowledgementLength` said */
export function writeAcknowledgement(packet: Acknowledgement, length: number, target: Buffer, start: number): number {
  const offset = writeTwoByteInteger(target, start, packet.packetId);
  if (length === 2) return offset;
  target[offset] = packet.reasonCode;
  return length === 3 ? offset + 1 : writeProperties(target, offset + 1, packet.properties);
}

/**
 * The acknowledgement without reason code and properties that stands at `position`, the fixed header included.
 * @returns its type << 16 | its packet identifier; 0 where there is something else, or not all of it
 */
export function readShortAcknowledgement(bytes: Buffer, position: number): number {
  if (position + SHORT_ACKNOWLEDGEMENT_BYTES > bytes.length || bytes[position + 1] !== 2) return 0;
  const first = bytes[position]!;
  const type = first >> 4;
  if (type < PacketType.PUBACK || type > PacketType.PUBCOMP || (first & 0x0f) !== flagsOf(type)) return 0;
  const packetId = (bytes[position + 2]! << 8) | bytes[position + 3]!;
  return packetId === 0 ? 0 : (type << 16) | packetId;
}

/** Writes an acknowledgement without reason code and properties. @returns the offset after it */
export function writeShortAcknowledgement(
  target: Buffer,
  offset: number,
  type: Acknowledgement["type"],
  packetId: number,
): number {
  target[offset] = (type << 4) | flagsOf(type);
  target[offset + 1] = 2;
  return writeTwoByteInteger(target, offset + 2, packetId);
}

/** [MQTT-3.6.1-1] */
function flagsOf(type: number): number {
  return type === PacketType.PUBREL ? 2 : 0;
}
