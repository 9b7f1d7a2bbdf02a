/** DISCONNECT (MQTT 5.0 §3.14). */
import { checkReasonCode } from "./checks.ts";
import { protocolError } from "./error.ts";
import { isReasonCodeOf } from "./legal-reason-codes.ts";
import { PacketType } from "./packets.ts";
import type { Disconnect, ProtocolVersion } from "./packets.ts";
import { decodeProperties, hasProperties, propertiesLength, writeProperties } from "./properties.ts";
import type { Reader } from "./reader.ts";

/** §3.14.2.1: without a Reason Code it is 0x00; without a Property Length there are no properties. */
export function decodeDisconnect(reader: Reader, version: ProtocolVersion): Disconnect {
  if (version < 5) reader.expectEnd();
  const reasonCode = reader.position === reader.end ? 0 : reader.byte();
  // [MQTT-3.14.2-1]
  if (!isReasonCodeOf(PacketType.DISCONNECT, reasonCode)) {
    throw protocolError(`DISCONNECT cannot carry reason code 0x${reasonCode.toString(16)}`);
  }
  const properties = reader.position === reader.end ? undefined : decodeProperties(reader, PacketType.DISCONNECT);
  reader.expectEnd();
  return { type: PacketType.DISCONNECT, reasonCode, properties };
}

export function disconnectLength(packet: Disconnect, version: ProtocolVersion): number {
  if (version < 5) return 0;
  checkReasonCode(PacketType.DISCONNECT, packet.reasonCode, "DISCONNECT");
  if (hasProperties(packet.properties)) return 1 + propertiesLength(packet.properties, PacketType.DISCONNECT);
  return packet.reasonCode === 0 ? 0 : 1;
}

/** @param length what `disconnectLength` said */
export function writeDisconnect(packet: Disconnect, length: number, target: Buffer, offset: number): number {
  if (length === 0) return offset;
  target[offset] = packet.reasonCode;
  return length === 1 ? offset + 1 : writeProperties(target, offset + 1, packet.properties);
}
