/** SUBACK (MQTT 5.0 §3.9). */
import { checkPacketId, checkReasonCode } from "./checks.ts";
import { protocolError } from "./error.ts";
import { isReasonCodeOf } from "./legal-reason-codes.ts";
import { readPacketId } from "./packet-id.ts";
import { PacketType } from "./packets.ts";
import type { ProtocolVersion, Suback } from "./packets.ts";
import { decodeProperties, propertiesLength, writeProperties } from "./properties.ts";
import type { Reader } from "./reader.ts";
import { SUBACK_FAILURE } from "./reason-codes.ts";
import { writeBytes, writeTwoByteInteger } from "./writer.ts";

export function decodeSuback(reader: Reader, version: ProtocolVersion): Suback {
  const packetId = readPacketId(reader);
  const properties = version === 5 ? decodeProperties(reader, PacketType.SUBACK) : undefined;
  // A code for each filter [MQTT-3.8.4-6], and SUBSCRIBE has at least one.
  if (reader.position === reader.end) throw protocolError("SUBACK without a reason code");
  const reasonCodes: number[] = [];
  while (reader.position < reader.end) {
    const code = reader.byte();
    if (!isLegal(code, version)) throw protocolError(`SUBACK cannot carry code 0x${code.toString(16)}`);
    reasonCodes.push(code);
  }
  return { type: PacketType.SUBACK, packetId, reasonCodes, properties };
}

/** [MQTT-3.9.3-2]; 3.1.1 [MQTT-3.9.3-2]. Servers send 0x80 to clients of 3.1, too. */
function isLegal(code: number, version: ProtocolVersion): boolean {
  return version === 5 ? isReasonCodeOf(PacketType.SUBACK, code) : code <= 2 || code === SUBACK_FAILURE;
}

export function subackLength(packet: Suback, version: ProtocolVersion): number {
  const { reasonCodes } = packet;
  checkPacketId(packet.packetId);
  if (reasonCodes.length === 0) throw new RangeError("SUBACK needs a reason code for each topic filter"); // [MQTT-3.8.4-6]
  for (const code of reasonCodes) {
    if (version === 5) checkReasonCode(PacketType.SUBACK, code, "SUBACK");
    else if (!isLegal(code, version)) throw new RangeError(`SUBACK cannot carry return code ${code} before MQTT 5.0`);
  }
  return 2 + (version === 5 ? propertiesLength(packet.properties, PacketType.SUBACK) : 0) + reasonCodes.length;
}

export function writeSuback(packet: Suback, version: ProtocolVersion, target: Buffer, start: number): number {
  let offset = writeTwoByteInteger(target, start, packet.packetId);
  if (version === 5) offset = writeProperties(target, offset, packet.properties);
  return writeBytes(target, offset, packet.reasonCodes);
}
