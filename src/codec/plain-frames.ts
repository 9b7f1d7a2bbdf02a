import { equalBytes } from "./equal-bytes.ts";
import type { ProtocolVersion, QoS } from "./packets.ts";
import type { TopicNames } from "./topic-names.ts";

/** PUBLISH at QoS 0 without RETAIN and DUP. */
const PLAIN_PUBLISH = 0x30;

const NOTHING = Buffer.alloc(0);

/**
 * PUBLISH frames that lie one behind the other and have nothing but payload and packet identifier of their own: of one
 * topic and QoS, without RETAIN, DUP and properties.
 */
export class PlainFrames {
  topic = "";
  qos: QoS = 0;
  /** They are `bytes[start, end)`. */
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
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
    this.topic = "";
    this.bytes = NOTHING;
  }

  /**
   * Looks at the frames in `bytes` from `start` on.
   * @param view of `bytes`
   * @param bytesMax largest frame that is one of them
   * @param names only what has come before is one of them
   * @returns false if there is none
   */
  find(
    bytes: Buffer,
    view: DataView,
    start: number,
    version: ProtocolVersion,
    bytesMax: number,
    names: TopicNames,
  ): boolean {
    const first = bytes[start]!;
    const qos = (first - PLAIN_PUBLISH) >> 1;
    if ((first & 1) !== 0 || qos < 0 || qos > 2) return false;
    /** Where the first one has its topic name, the two bytes of length included. */
    let topicAt = 0;
    let topicBytes = 2;
    let count = 0;
    let position = start;
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
      if (next > bytes.length || next - position > bytesMax) break;
      if (count === 0) {
        topicAt = body;
        topicBytes = 2 + ((bytes[body]! << 8) | bytes[body + 1]!);
      }
      const packetIdAt = body + topicBytes;
      const propertiesAt = qos === 0 ? packetIdAt : packetIdAt + 2;
      // In 5.0 there is a Property Length, which is 0.
      if (propertiesAt + (version === 5 ? 1 : 0) > next || (version === 5 && bytes[propertiesAt] !== 0)) break;
      if (count === 0) {
        const topic = names.find(view, body + 2, packetIdAt);
        if (topic === undefined) return false;
        this.topic = topic;
      } else if (!equalBytes(bytes, body, bytes, topicAt, topicBytes)) break;
      if (qos !== 0) {
        if (bytes[packetIdAt] === 0 && bytes[packetIdAt + 1] === 0) break;
        this.packetIdsAt[count] = packetIdAt;
        this.ends[count] = next;
      }
      count++;
      position = next;
    }
    this.bytes = bytes;
    this.start = start;
    this.end = position;
    this.qos = qos as QoS;
    this.count = count;
    return count > 0;
  }
}
