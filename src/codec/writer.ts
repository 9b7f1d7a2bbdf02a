/** Fields that several packets have, written in place. Each function returns the offset after what it wrote. */

export function writeTwoByteInteger(target: Buffer, offset: number, value: number): number {
  target[offset] = value >>> 8;
  target[offset + 1] = value;
  return offset + 2;
}

export function writeFourByteInteger(target: Buffer, offset: number, value: number): number {
  target[offset] = value >>> 24;
  target[offset + 1] = value >>> 16;
  target[offset + 2] = value >>> 8;
  target[offset + 3] = value;
  return offset + 4;
}

/** Binary Data (MQTT 5.0 §1.5.6), which the caller knows to take at most 65,535 bytes. */
export function writeBinary(target: Buffer, offset: number, value: Uint8Array): number {
  const start = writeTwoByteInteger(target, offset, value.length);
  target.set(value, start);
  return start + value.length;
}

export function writeBytes(target: Buffer, offset: number, values: readonly number[]): number {
  for (const value of values) target[offset++] = value;
  return offset;
}
