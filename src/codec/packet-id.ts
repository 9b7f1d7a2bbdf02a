import { protocolError } from "./error.ts";
import type { Reader } from "./reader.ts";

/**
 * @throws CodecError 0x82 for 0: the packet parses, and its sender may not assign that identifier
 *   [MQTT-2.2.1-3] [MQTT-2.2.1-4]
 */
export function readPacketId(reader: Reader): number {
  const packetId = reader.twoByteInteger();
  if (packetId === 0) throw packetIdZero();
  return packetId;
}

export function packetIdZero(): Error {
  return protocolError("Packet Identifier 0");
}
