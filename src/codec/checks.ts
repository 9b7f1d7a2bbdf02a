/**
 * Checks of what the caller hands to the encoder. A failure is a mistake in this program, not of a
 * peer: TypeError or RangeError, never CodecError.
 */
import { isReasonCodeOf } from "./legal-reason-codes.ts";
import type { PacketType, ProtocolVersion } from "./packets.ts";
import { MAXIMUM_STRING_LENGTH } from "./utf8.ts";

/** @throws RangeError unless 1 to 65,535 (MQTT 5.0 §2.2.1) */
export function checkPacketId(packetId: number): void {
  if (!(packetId >= 1 && packetId <= 0xffff && Number.isInteger(packetId))) {
    throw new RangeError(`packetId must be an integer from 1 to 65535, not ${packetId}`);
  }
}

/** @throws RangeError unless an integer from minimum to maximum */
export function checkInteger(value: number, minimum: number, maximum: number, field: string): void {
  if (!(value >= minimum && value <= maximum && Number.isInteger(value))) {
    throw new RangeError(`${field} must be an integer from ${minimum} to ${maximum}, not ${value}`);
  }
}

/** @throws RangeError unless the packet type may carry the code in MQTT 5.0 */
export function checkReasonCode(type: PacketType, code: number, packetName: string): void {
  if (!isReasonCodeOf(type, code)) {
    throw new RangeError(`${packetName} cannot carry reason code 0x${code.toString(16)}`);
  }
}

/** @throws RangeError over 65,535 bytes (§1.5.6) */
export function checkBinary(value: Uint8Array, field: string): void {
  if (value.length > MAXIMUM_STRING_LENGTH) {
    throw new RangeError(`${field} takes ${value.length} bytes; MQTT allows ${MAXIMUM_STRING_LENGTH}`);
  }
}

/** @throws RangeError unless 3, 4 or 5 */
export function checkVersion(version: ProtocolVersion): void {
  if (version !== 3 && version !== 4 && version !== 5) {
    throw new RangeError(`protocol version must be 3, 4 or 5, not ${String(version)}`);
  }
}
