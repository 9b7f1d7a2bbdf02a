/** True if `other`, or a part of it, stands in `bytes` at `start`. */
export function equalBytes(
  bytes: Uint8Array,
  start: number,
  other: Uint8Array,
  otherStart = 0,
  length = other.length,
): boolean {
  let index = 0;
  // Four at a time takes two thirds of the time.
  for (; index + 4 <= length; index += 4) {
    const at = start + index;
    const otherAt = otherStart + index;
    if (
      bytes[at] !== other[otherAt] ||
      bytes[at + 1] !== other[otherAt + 1] ||
      bytes[at + 2] !== other[otherAt + 2] ||
      bytes[at + 3] !== other[otherAt + 3]
    ) {
      return false;
    }
  }
  for (; index < length; index++) {
    if (bytes[start + index] !== other[otherStart + index]) return false;
  }
  return true;
}
