import type { ProtocolVersion, QoS } from "./packets.ts";
import type { ReceivedPublish } from "./received-publish.ts";
import { equalBytes } from "./topic-cache.ts";

/** PUBLISH at QoS 0 without RETAIN and DUP. */
const PLAIN_PUBLISH = 0x30;

const NOTHING = Buffer.alloc(0);

/**
 * PUBLISH frames that lie one behind the other and differ in nothing but payload and packet identifier: without RETAIN,
 * DUP and properties.
 */
export class Repeats {
  /** They are `bytes[start, end)`. */
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
  qos: QoS = 0;
  count = 0;
  /** At QoS 1 and 2 where each of them ends, and where in `bytes` its packet identifier is. */
  readonly ends: number[] = [];
  readonly packetIdsAt: number[] = [];

  packetId(index: number): number {
    const at = this.packetIdsAt[index]!;
    return (this.bytes[at]! << 8) | this.bytes[at + 1]!;
  }

  /** Lets go of the bytes. */
  clear(): void {
    this.bytes = NOTHING;
  }
}

/**
 * Finds the frames behind the last packet that repeat it.
 * @param bytesMax largest frame that is one of them
 * @returns false if there is none
 */
export function findRepeats(
  { bytes, start, end, repeats }: ReceivedPublish,
  version: ProtocolVersion,
  bytesMax: number,
): boolean {
  const first = bytes[start]!;
  const qos = (first - PLAIN_PUBLISH) >> 1;
  if (bytes[end] !== first || (first & 1) !== 0 || qos < 0 || qos > 2) return false;
  let head = start + 1;
  while (bytes[head++]! >= 0x80);
  const topicBytes = 2 + ((bytes[head]! << 8) | bytes[head + 1]!);
  const packetIdBytes = qos === 0 ? 0 : 2;
  const propertiesAt = topicBytes + packetIdBytes;
  // In 5.0 there is a Property Length, which is 0.
  const bytesMin = propertiesAt + (version === 5 ? 1 : 0);
  if (version === 5 && bytes[head + propertiesAt] !== 0) return false;
  let count = 0;
  let position = end;
  while (bytes[position] === first) {
    let body = position + 1;
    let remaining = 0;
    let shift = 0;
    let byte: number | undefined;
    do {
      byte = bytes[body++];
      if (byte === undefined || shift > 21) break;
      remaining |= (byte & 0x7f) << shift;
      shift += 7;
    } while (byte >= 0x80);
    // Longer than it need be: refused in 5.0, and never passed on. [MQTT-1.5.5-1]
    if (byte === undefined || byte >= 0x80 || (byte === 0 && shift > 7)) break;
    const next = body + remaining;
    if (next > bytes.length || next - position > bytesMax || remaining < bytesMin) break;
    if (!equalBytes(bytes, body, bytes, head, topicBytes)) break;
    if (version === 5 && bytes[body + propertiesAt] !== 0) break;
    if (qos !== 0) {
      const packetIdAt = body + topicBytes;
      if (bytes[packetIdAt] === 0 && bytes[packetIdAt + 1] === 0) break;
      repeats.packetIdsAt[count] = packetIdAt;
      repeats.ends[count] = next;
    }
    count++;
    position = next;
  }
  repeats.bytes = bytes;
  repeats.start = end;
  repeats.end = position;
  repeats.qos = qos as QoS;
  repeats.count = count;
  return position > end;
}
