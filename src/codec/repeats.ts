import type { ProtocolVersion } from "./packets.ts";

/** PUBLISH at QoS 0 without RETAIN. */
const PLAIN_PUBLISH = 0x30;

/**
 * Goes past the frames behind `bytes[start, end)` that differ from it in nothing but the payload, where that frame is a
 * PUBLISH at QoS 0 without RETAIN and properties.
 * @param bytesMax largest frame that is passed
 * @returns the index behind the last of them; `end` if there is none
 */
export function endOfRepeats(
  bytes: Buffer,
  start: number,
  end: number,
  version: ProtocolVersion,
  bytesMax: number,
): number {
  if (bytes[start] !== PLAIN_PUBLISH || bytes[end] !== PLAIN_PUBLISH) return end;
  let head = start + 1;
  while (bytes[head++]! >= 0x80);
  const topicBytes = (bytes[head]! << 8) | bytes[head + 1]!;
  // What is compared: the topic with its length, and in 5.0 the Property Length, which is 0.
  const sameBytes = 2 + topicBytes + (version === 5 ? 1 : 0);
  if (version === 5 && bytes[head + sameBytes - 1] !== 0) return end;
  let position = end;
  while (bytes[position] === PLAIN_PUBLISH) {
    let body = position + 1;
    let remaining = 0;
    let shift = 0;
    let byte: number | undefined;
    do {
      byte = bytes[body++];
      if (byte === undefined || shift > 21) return position;
      remaining |= (byte & 0x7f) << shift;
      shift += 7;
    } while (byte >= 0x80);
    // Longer than it need be: refused in 5.0, and never passed on. [MQTT-1.5.5-1]
    if (byte === 0 && shift > 7) return position;
    const next = body + remaining;
    if (next > bytes.length || next - position > bytesMax || remaining < sameBytes) return position;
    for (let i = 0; i < sameBytes; i++) if (bytes[body + i] !== bytes[head + i]) return position;
    position = next;
  }
  return position;
}
