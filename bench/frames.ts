/**
 * The few MQTT 3.1.1 frames that the load generator needs. It shares no code with the broker under test, and builds
 * no object per packet: what it sends is encoded before the clock starts, what it receives is counted.
 */

export function connectFrame(clientId: string): Buffer {
  const body = Buffer.concat([text("MQTT"), Buffer.from([4, 0b10, 0, 0]), text(clientId)]);
  return frame(0x10, body);
}

export function subscribeFrame(topicFilter: string, qos: number): Buffer {
  return frame(0x82, Buffer.concat([Buffer.from([0, 1]), text(topicFilter), Buffer.from([qos])]));
}

/** Publishes to be sent over and over. */
export interface PublishRing {
  readonly bytes: Buffer;
  readonly frameBytes: number;
  /** Frames in the ring; at QoS 1 they have the packet ids 1 to `count`. */
  readonly count: number;
}

export function publishRing(topicName: string, payloadBytes: number, qos: number, count: number): PublishRing {
  const payload = Buffer.alloc(payloadBytes, "x");
  const frames = Array.from({ length: count }, (_, index) => {
    const packetId = Buffer.from([(index + 1) >> 8, (index + 1) & 255]);
    return frame(0x30 | (qos << 1), Buffer.concat([text(topicName), ...(qos ? [packetId] : []), payload]));
  });
  return { bytes: Buffer.concat(frames), frameBytes: frames[0]?.length ?? 0, count };
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
}

function frame(firstByte: number, body: Buffer): Buffer {
  const header = [firstByte];
  let rest = body.length;
  do {
    header.push((rest & 127) | (rest > 127 ? 128 : 0));
    rest >>= 7;
  } while (rest > 0);
  return Buffer.concat([Buffer.from(header), body]);
}

const CHUNK_BYTES = 256 * 1024;
/** An incomplete frame waits here, in front of the chunk that completes it. */
const HEADROOM_BYTES = 64 * 1024;

/** Counts the frames that arrive on one connection, and collects the PUBACKs that they ask for. */
export class FrameCounter {
  publishes = 0;
  pubacks = 0;
  /** CONNACK and SUBACK. */
  others = 0;
  readonly #bytes = Buffer.alloc(HEADROOM_BYTES + CHUNK_BYTES);
  /** Where the network writes to. */
  readonly chunk = this.#bytes.subarray(HEADROOM_BYTES);
  #incompleteBytes = 0;
  #answers = Buffer.alloc(4 * 1024);
  #answersBytes = 0;

  /** Takes the first `length` bytes of `chunk`. */
  read(length: number): void {
    const bytes = this.#bytes;
    const end = HEADROOM_BYTES + length;
    let at = HEADROOM_BYTES - this.#incompleteBytes;
    while (at + 2 <= end) {
      let bodyBytes = bytes[at + 1]!;
      let body = at + 2;
      if (bodyBytes > 127) {
        bodyBytes &= 127;
        let shift = 7;
        let byte = 128;
        while (byte > 127 && body < end) {
          byte = bytes[body++]!;
          bodyBytes += (byte & 127) << shift;
          shift += 7;
        }
        if (byte > 127) break;
      }
      if (body + bodyBytes > end) break;
      const firstByte = bytes[at]!;
      if (firstByte >> 4 === 3) {
        this.publishes++;
        if (firstByte & 0b110) this.#acknowledge(body + 2 + ((bytes[body]! << 8) | bytes[body + 1]!));
      } else if (firstByte >> 4 === 4) this.pubacks++;
      else this.others++;
      at = body + bodyBytes;
    }
    this.#incompleteBytes = end - at;
    bytes.copyWithin(HEADROOM_BYTES - this.#incompleteBytes, at, end);
  }

  #acknowledge(packetIdAt: number): void {
    if (this.#answersBytes === this.#answers.length) {
      this.#answers = Buffer.concat([this.#answers], 2 * this.#answers.length);
    }
    const answers = this.#answers;
    const at = this.#answersBytes;
    answers[at] = 0x40;
    answers[at + 1] = 2;
    answers[at + 2] = this.#bytes[packetIdAt]!;
    answers[at + 3] = this.#bytes[packetIdAt + 1]!;
    this.#answersBytes = at + 4;
  }

  /** The PUBACKs for what was read since the last call, or undefined. */
  takeAnswers(): Buffer | undefined {
    if (this.#answersBytes === 0) return undefined;
    const answers = Buffer.from(this.#answers.subarray(0, this.#answersBytes));
    this.#answersBytes = 0;
    return answers;
  }
}
