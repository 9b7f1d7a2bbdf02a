/** AUTH (MQTT 5.0 §3.15). */
import { checkReasonCode } from "./checks.ts";
import { malformed, protocolError } from "./error.ts";
import { isReasonCodeOf } from "./legal-reason-codes.ts";
import { PacketType } from "./packets.ts";
import type { Auth, ProtocolVersion } from "./packets.ts";
import { decodeProperties, hasProperties, propertiesLength, writeProperties } from "./properties.ts";
import type { Reader } from "./reader.ts";

/**
 * §3.15.2.1: Reason Code and Property Length are left out together or not at all. That the
 * Authentication Method is there and the right one [MQTT-4.12.0-5] is for those to check who know it.
 */
export function decodeAuth(reader: Reader, version: ProtocolVersion): Auth {
  if (version < 5) throw malformed("Packet type 15 is reserved before MQTT 5.0"); // 3.1.1 §2.2.1
  if (reader.position === reader.end) return { type: PacketType.AUTH, reasonCode: 0, properties: undefined };
  const reasonCode = reader.byte();
  // [MQTT-3.15.2-1]
  if (!isReasonCodeOf(PacketType.AUTH, reasonCode)) {
    throw protocolError(`AUTH cannot carry reason code 0x${reasonCode.toString(16)}`);
  }
  const properties = decodeProperties(reader, PacketType.AUTH);
  reader.expectEnd();
  return { type: PacketType.AUTH, reasonCode, properties };
}

export function authLength(packet: Auth, version: ProtocolVersion): number {
  if (version < 5) throw new TypeError("AUTH exists in MQTT 5.0 only");
  checkReasonCode(PacketType.AUTH, packet.reasonCode, "AUTH");
  if (packet.reasonCode === 0 && !hasProperties(packet.properties)) return 0;
  return 1 + propertiesLength(packet.properties, PacketType.AUTH);
}

/** @param length what `authLength` said */
export function writeAuth(packet: Auth, length: number, target: Buffer, offset: number): number {
  if (length === 0) return offset;
  target[offset] = packet.reasonCode;
  return writeProperties(target, offset + 1, packet.properties);
}
