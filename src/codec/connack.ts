/** CONNACK (MQTT 5.0 §3.2). */
import { checkInteger, checkReasonCode } from "./checks.ts";
import { malformed, protocolError } from "./error.ts";
import { isReasonCodeOf } from "./legal-reason-codes.ts";
import { PacketType } from "./packets.ts";
import type { Connack, ProtocolVersion } from "./packets.ts";
import { decodeProperties, propertiesLength, writeProperties } from "./properties.ts";
import type { Reader } from "./reader.ts";
import { ConnectReturnCode } from "./reason-codes.ts";

const SESSION_PRESENT = 0x01;

export function decodeConnack(reader: Reader, version: ProtocolVersion): Connack {
  let flags = reader.byte();
  if (version === 3) {
    flags = 0; // 3.1 §3.2: not used, of any value.
  } else if ((flags & ~SESSION_PRESENT) !== 0) {
    throw malformed("CONNACK has reserved flags set"); // [MQTT-3.2.2-1]
  }
  const reasonCode = reader.byte();
  const legal =
    version === 5
      ? isReasonCodeOf(PacketType.CONNACK, reasonCode) // [MQTT-3.2.2-8]
      : reasonCode <= ConnectReturnCode.NotAuthorized; // 3.1.1 §3.2.2.3
  if (!legal) throw protocolError(`CONNACK cannot carry code ${reasonCode}`);
  if (flags !== 0 && reasonCode !== 0) {
    throw protocolError("Session Present in a CONNACK that refuses"); // [MQTT-3.2.2-6]
  }
  const properties = version === 5 ? decodeProperties(reader, PacketType.CONNACK) : undefined;
  reader.expectEnd();
  return { type: PacketType.CONNACK, sessionPresent: flags !== 0, reasonCode, properties };
}

export function connackLength(packet: Connack, version: ProtocolVersion): number {
  if (packet.sessionPresent && packet.reasonCode !== 0) {
    throw new TypeError("sessionPresent must be false where CONNACK refuses"); // [MQTT-3.2.2-6]
  }
  if (version < 5) {
    checkInteger(packet.reasonCode, 0, ConnectReturnCode.NotAuthorized, "CONNACK's return code");
    return 2;
  }
  checkReasonCode(PacketType.CONNACK, packet.reasonCode, "CONNACK");
  return 2 + propertiesLength(packet.properties, PacketType.CONNACK);
}

export function writeConnack(packet: Connack, version: ProtocolVersion, target: Buffer, offset: number): number {
  target[offset] = packet.sessionPresent && version > 3 ? SESSION_PRESENT : 0;
  target[offset + 1] = packet.reasonCode;
  return version === 5 ? writeProperties(target, offset + 2, packet.properties) : offset + 2;
}
