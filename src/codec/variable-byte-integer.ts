/** Variable Byte Integers (MQTT 5.0 §1.5.5): seven bits a byte, least significant first, at most four bytes. */

/** Largest value that four bytes hold. */
export const MAXIMUM_VARIABLE_BYTE_INTEGER = 268_435_455;

/** Bytes that the value takes, 1 to 4. */
export function variableByteIntegerLength(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : 4;
}

/**
 * Writes a value from 0 to 268,435,455 in as few bytes as it takes [MQTT-1.5.5-1].
 * @returns the offset after it
 */
export function writeVariableByteInteger(target: Buffer, offset: number, value: number): number {
  let rest = value;
  while (rest > 0x7f) {
    target[offset++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[offset++] = rest;
  return offset;
}
