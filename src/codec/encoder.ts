import { acknowledgementLength, writeAcknowledgement } from "./acknowledgement.ts";
import { authLength, writeAuth } from "./auth.ts";
import { connackLength, writeConnack } from "./connack.ts";
import { connectLength, writeConnect } from "./connect.ts";
import { disconnectLength, writeDisconnect } from "./disconnect.ts";
import { PacketType } from "./packets.ts";
import type { Packet, ProtocolVersion } from "./packets.ts";
import { publishFlags, publishLength, writePublish } from "./publish.ts";
import { subackLength, writeSuback } from "./suback.ts";
import { subscribeLength, writeSubscribe } from "./subscribe.ts";
import { unsubackLength, writeUnsuback } from "./unsuback.ts";
import { unsubscribeLength, writeUnsubscribe } from "./unsubscribe.ts";
import {
  MAXIMUM_VARIABLE_BYTE_INTEGER,
  variableByteIntegerLength,
  writeVariableByteInteger,
} from "./variable-byte-integer.ts";

/**
 * Bytes that the packet takes, the fixed header included.
 *
 * What a version does not have is left out: properties and reason codes before 5.0. CONNECT is
 * written in its own `protocolVersion`.
 * @throws TypeError or RangeError where the packet cannot be encoded
 */
export function encodedLength(packet: Packet, version: ProtocolVersion): number {
  const remaining = remainingLength(packet, version);
  return 1 + variableByteIntegerLength(remaining) + remaining;
}

/**
 * The packet in a buffer of its exact size.
 * @throws TypeError or RangeError where the packet cannot be encoded
 */
export function encode(packet: Packet, version: ProtocolVersion): Buffer {
  const remaining = remainingLength(packet, version);
  const target = Buffer.allocUnsafe(1 + variableByteIntegerLength(remaining) + remaining);
  write(packet, version, remaining, target, 0);
  return target;
}

/**
 * Writes the packet at `offset`.
 * @returns the offset after it
 * @throws TypeError or RangeError where the packet cannot be encoded or the target has no room for
 *   it (ask `encodedLength`); then nothing is written
 */
export function encodeInto(packet: Packet, version: ProtocolVersion, target: Buffer, offset: number): number {
  const remaining = remainingLength(packet, version);
  const end = offset + 1 + variableByteIntegerLength(remaining) + remaining;
  if (!(offset >= 0 && end <= target.length)) {
    throw new RangeError(`the packet ends at offset ${end}, the target at ${target.length}`);
  }
  write(packet, version, remaining, target, offset);
  return end;
}

function remainingLength(packet: Packet, version: ProtocolVersion): number {
  const length = packet.type === PacketType.PUBLISH ? publishLength(packet, version) : otherLength(packet, version);
  if (length > MAXIMUM_VARIABLE_BYTE_INTEGER) {
    throw new RangeError(`the packet takes ${length} bytes; MQTT allows ${MAXIMUM_VARIABLE_BYTE_INTEGER}`);
  }
  return length;
}

function otherLength(packet: Packet, version: ProtocolVersion): number {
  switch (packet.type) {
    case PacketType.CONNECT:
      return connectLength(packet);
    case PacketType.CONNACK:
      return connackLength(packet, version);
    case PacketType.PUBLISH:
      return publishLength(packet, version);
    case PacketType.PUBACK:
      return acknowledgementLength(packet, version, "PUBACK");
    case PacketType.PUBREC:
      return acknowledgementLength(packet, version, "PUBREC");
    case PacketType.PUBREL:
      return acknowledgementLength(packet, version, "PUBREL");
    case PacketType.PUBCOMP:
      return acknowledgementLength(packet, version, "PUBCOMP");
    case PacketType.SUBSCRIBE:
      return subscribeLength(packet, version);
    case PacketType.SUBACK:
      return subackLength(packet, version);
    case PacketType.UNSUBSCRIBE:
      return unsubscribeLength(packet, version);
    case PacketType.UNSUBACK:
      return unsubackLength(packet, version);
    case PacketType.PINGREQ:
    case PacketType.PINGRESP:
      return 0;
    case PacketType.DISCONNECT:
      return disconnectLength(packet, version);
    case PacketType.AUTH:
      return authLength(packet, version);
    default:
      throw new TypeError(`unknown packet type ${String((packet as { type: unknown }).type)}`);
  }
}

function write(packet: Packet, version: ProtocolVersion, remaining: number, target: Buffer, offset: number): void {
  const { type } = packet;
  if (type === PacketType.PUBLISH) {
    target[offset] = (type << 4) | publishFlags(packet);
    writePublish(packet, version, target, writeVariableByteInteger(target, offset + 1, remaining));
    return;
  }
  // [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1]
  const flags = type === PacketType.PUBREL || type === PacketType.SUBSCRIBE || type === PacketType.UNSUBSCRIBE ? 2 : 0;
  target[offset] = (type << 4) | flags;
  writeOther(packet, version, remaining, target, writeVariableByteInteger(target, offset + 1, remaining));
}

function writeOther(
  packet: Exclude<Packet, { type: typeof PacketType.PUBLISH }>,
  version: ProtocolVersion,
  remaining: number,
  target: Buffer,
  offset: number,
): void {
  switch (packet.type) {
    case PacketType.CONNECT:
      writeConnect(packet, target, offset);
      return;
    case PacketType.CONNACK:
      writeConnack(packet, version, target, offset);
      return;
    case PacketType.PUBACK:
    case PacketType.PUBREC:
    case PacketType.PUBREL:
    case PacketType.PUBCOMP:
      writeAcknowledgement(packet, remaining, target, offset);
      return;
    case PacketType.SUBSCRIBE:
      writeSubscribe(packet, version, target, offset);
      return;
    case PacketType.SUBACK:
      writeSuback(packet, version, target, offset);
      return;
    case PacketType.UNSUBSCRIBE:
      writeUnsubscribe(packet, version, target, offset);
      return;
    case PacketType.UNSUBACK:
      writeUnsuback(packet, version, target, offset);
      return;
    case PacketType.DISCONNECT:
      writeDisconnect(packet, remaining, target, offset);
      return;
    case PacketType.AUTH:
      writeAuth(packet, remaining, target, offset);
      return;
    case PacketType.PINGREQ:
    case PacketType.PINGRESP:
  }
}
