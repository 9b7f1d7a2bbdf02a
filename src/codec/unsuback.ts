/** UNSUBACK (MQTT 5.0 §3.11). */
import { checkPacketId, checkReasonCode } from "./checks.ts";
import { protocolError } from "./error.ts";
import { isReasonCodeOf } from "./legal-reason-codes.ts";
import { readPacketId } from "./packet-id.ts";
import { PacketType } from "./packets.ts";
import type { ProtocolVersion, Unsuback } from "./packets.ts";
import { decodeProperties, propertiesLength, writeProperties } from "./properties.ts";
import type { Reader } from "./reader.ts";
import { writeBytes, writeTwoByteInteger } from "./writer.ts";

export function decodeUnsuback(reader: Reader, version: ProtocolVersion): Unsuback {
  const packetId = readPacketId(reader);
  const reasonCodes: number[] = [];
  if (version < 5) {
    reader.expectEnd(); // 3.1.1 §3.11: no payload
    return { type: PacketType.UNSUBACK, packetId, reasonCodes, properties: undefined };
  }
  const properties = decodeProperties(reader, PacketType.UNSUBACK);
  // A code for each filter (§3.11.3), and UNSUBSCRIBE has at least one.
  if (reader.position === reader.end) throw protocolError("UNSUBACK without a reason code");
  while (reader.position < reader.end) {
    const code = reader.byte();
    // [MQTT-3.11.3-2]
    if (!isReasonCodeOf(PacketType.UNSUBACK, code)) {
      throw protocolError(`UNSUBACK cannot carry code 0x${code.toString(16)}`);
    }
    reasonCodes.push(code);
  }
  return { type: PacketType.UNSUBACK, packetId, reasonCodes, properties };
}

export function unsubackLength(packet: Unsuback, version: ProtocolVersion): number {
  checkPacketId(packet.packetId);
  if (version < 5) return 2;
  const { reasonCodes } = packet;
  if (reasonCodes.length === 0) throw new RangeError("UNSUBACK needs a reason code for each topic filter"); // §3.11.3
  for (const code of reasonCodes) checkReasonCode(PacketType.UNSUBACK, code, "UNSUBACK");
  return 2 + propertiesLength(packet.properties, PacketType.UNSUBACK) + reasonCodes.length;
}

export function writeUnsuback(packet: Unsuback, version: ProtocolVersion, target: Buffer, start: number): number {
  const offset = writeTwoByteInteger(target, start, packet.packetId);
  if (version < 5) return offset;
  return writeBytes(target, writeProperties(target, offset, packet.properties), packet.reasonCodes);
}
