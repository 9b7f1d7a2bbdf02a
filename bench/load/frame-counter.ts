/**
 * Counts what arrives on one connection, and collects the answers that it asks for. Builds no object per packet; where
 * all frames are alike it does not even look at them, and divides bytes by the length of a frame.
 */

const CHUNK_BYTES = 256 * 1024;
/** An incomplete frame is put here, in front of the chunk that completes it. */
const HEADROOM_BYTES = 64 * 1024;
/** One for all connections, so that it stays in the processor's cache: what a read brings is used up at once. */
const bytes = Buffer.alloc(HEADROOM_BYTES + CHUNK_BYTES);
/** Where the network writes to, whatever the connection. */
export const chunk = bytes.subarray(HEADROOM_BYTES);

const NOTHING = Buffer.alloc(0);
/** So many alike QoS 0 frames in a row, and the rest is taken to be like them. */
const ALIKE_FRAMES = 100;

const PUBLISH = 3;
const PUBACK = 4;
const PUBREC = 5;
const PUBREL = 6;
const PUBCOMP = 7;

export class FrameCounter {
  publishes = 0;
  /** PUBACK and PUBCOMP: publishes that are through. */
  acknowledgements = 0;
  /** CONNACK, SUBACK and the like. */
  others = 0;
  /** Called with the end of each PUBLISH in `bytes`, where its payload ends. */
  onPublish: ((bytes: Buffer, end: number) => void) | undefined;
  /** While one of the others is due, every frame is looked at. */
  isAwaitingOther = false;

  #rest: Buffer = NOTHING;
  #answers = NOTHING;
  #answersBytes = 0;
  /** Length of the last frame if it was a PUBLISH at QoS 0, and how many like it came in a row. */
  #frameBytes = 0;
  #alike = 0;
  /** Set while frames are counted unseen: bytes of the one that is incomplete. */
  #incompleteBytes = -1;

  /** Takes the first `length` bytes of `chunk`. */
  read(length: number): void {
    if (this.#incompleteBytes >= 0) this.#count(length);
    else this.#parse(length);
  }

  /** The answers to what was read since the last call, or undefined. */
  takeAnswers(): Buffer | undefined {
    if (this.#answersBytes === 0) return undefined;
    const answers = Buffer.from(this.#answers.subarray(0, this.#answersBytes));
    this.#answersBytes = 0;
    return answers;
  }

  #count(length: number): void {
    const frameBytes = this.#frameBytes;
    const next = (frameBytes - this.#incompleteBytes) % frameBytes;
    if (next < length && chunk[next]! >> 4 !== PUBLISH) throw new Error("the broker sent frames of another length");
    const total = this.#incompleteBytes + length;
    this.publishes += Math.floor(total / frameBytes);
    this.#incompleteBytes = total % frameBytes;
  }

  #parse(length: number): void {
    const end = HEADROOM_BYTES + length;
    let at = HEADROOM_BYTES - this.#rest.length;
    if (this.#rest.length > 0) this.#rest.copy(bytes, at);
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
      const next = body + bodyBytes;
      if (next > end) break;
      this.#take(at, body, next);
      at = next;
    }
    if (this.#alike >= ALIKE_FRAMES && this.onPublish === undefined && !this.isAwaitingOther) {
      this.#incompleteBytes = end - at;
      this.#rest = NOTHING;
    } else {
      this.#rest = at === end ? NOTHING : Buffer.from(bytes.subarray(at, end));
    }
  }

  #take(at: number, body: number, next: number): void {
    const first = bytes[at]!;
    switch (first >> 4) {
      case PUBLISH: {
        this.publishes++;
        this.onPublish?.(bytes, next);
        const qos = (first >> 1) & 3;
        if (qos === 0) {
          this.#alike = next - at === this.#frameBytes ? this.#alike + 1 : 0;
          this.#frameBytes = next - at;
          return;
        }
        this.#answer(qos === 1 ? 0x40 : 0x50, body + 2 + ((bytes[body]! << 8) | bytes[body + 1]!));
        break;
      }
      case PUBREC:
        this.#answer(0x62, body);
        break;
      case PUBREL:
        this.#answer(0x70, body);
        break;
      case PUBACK:
      case PUBCOMP:
        this.acknowledgements++;
        break;
      default:
        this.others++;
    }
    this.#alike = 0;
  }

  #answer(firstByte: number, packetIdAt: number): void {
    if (this.#answersBytes === this.#answers.length) {
      this.#answers = Buffer.concat([this.#answers], Math.max(256, 2 * this.#answers.length));
    }
    const answers = this.#answers;
    const at = this.#answersBytes;
    answers[at] = firstByte;
    answers[at + 1] = 2;
    answers[at + 2] = bytes[packetIdAt]!;
    answers[at + 3] = bytes[packetIdAt + 1]!;
    this.#answersBytes = at + 4;
  }
}
