const EMPTY = Buffer.alloc(0);

/** What waits behind the chunk where nothing ever has. Nothing is put there. */
const NONE: never[] = [];

/** Chunks below this are copied together while they wait, so that a byte never costs a Buffer. */
const SMALL_CHUNK = 1024;
const SMALLEST_TAIL = 64;
const LARGEST_TAIL = 4096;

/**
 * Received bytes that are not decoded yet. Waiting costs no copy for large chunks; small ones are
 * copied once. Memory follows what was received, whatever the peer announces.
 */
export class ChunkQueue {
  /** The chunk that is being read; empty when nothing waits. */
  chunk: Buffer = EMPTY;
  /** Index in `chunk` of the next byte. */
  position = 0;
  /** `chunk.buffer`, once it was asked for. */
  private chunkMemory: ArrayBufferLike | undefined = undefined;
  private chunkView: DataView | undefined = undefined;

  /** Chunks after `chunk`, from `head` on. */
  private waiting: Buffer[] = NONE;
  private head = 0;
  private waitingLength = 0;
  /** Where small chunks are copied together: the last waiting chunk is a view of its first bytes. */
  private tail: Buffer | undefined = undefined;
  private tailUsed = 0;

  /** Bytes that wait. */
  get length(): number {
    return this.chunk.length - this.position + this.waitingLength;
  }

  /** `chunk.buffer`, which costs a call into the runtime the first time only. */
  get memory(): ArrayBufferLike {
    return (this.chunkMemory ??= this.chunk.buffer);
  }

  /** The bytes of `chunk` to be read four at a time. */
  get view(): DataView {
    return (this.chunkView ??= new DataView(this.memory, this.chunk.byteOffset, this.chunk.length));
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    if (this.position === this.chunk.length) {
      this.startWith(chunk);
      return;
    }
    this.waitingLength += chunk.length;
    if (chunk.length < SMALL_CHUNK) {
      this.append(chunk);
    } else {
      this.add(chunk);
      this.tail = undefined;
    }
  }

  /** Byte `index` of those that wait; undefined beyond them. For the few bytes of a fixed header. */
  peek(index: number): number | undefined {
    let rest = this.position + index;
    if (rest < this.chunk.length) return this.chunk[rest];
    rest -= this.chunk.length;
    for (let next = this.head; next < this.waiting.length; next++) {
      const chunk = this.waiting[next]!;
      if (rest < chunk.length) return chunk[rest];
      rest -= chunk.length;
    }
    return undefined;
  }

  /** Takes the next `length` bytes, which wait in several chunks, as one new buffer. */
  take(length: number): Buffer {
    const joined = Buffer.allocUnsafe(length);
    let filled = 0;
    while (filled < length) {
      const part = Math.min(this.chunk.length - this.position, length - filled);
      this.chunk.copy(joined, filled, this.position, this.position + part);
      filled += part;
      this.moveTo(this.position + part);
    }
    return joined;
  }

  /** Continues at this index of `chunk`, and lets go of a chunk that is used up. */
  moveTo(position: number): void {
    if (position < this.chunk.length) {
      this.position = position;
      return;
    }
    this.startWith(this.head < this.waiting.length ? this.shift() : EMPTY);
  }

  clear(): void {
    this.startWith(EMPTY);
    this.drop();
    this.waitingLength = 0;
  }

  private startWith(chunk: Buffer): void {
    this.chunk = chunk;
    this.position = 0;
    this.chunkMemory = undefined;
    this.chunkView = undefined;
  }

  private shift(): Buffer {
    const chunk = this.waiting[this.head]!;
    this.waiting[this.head++] = EMPTY;
    this.waitingLength -= chunk.length;
    if (this.head === this.waiting.length) {
      this.drop();
    } else if (this.head >= 64 && this.head * 2 >= this.waiting.length) {
      this.waiting.splice(0, this.head);
      this.head = 0;
    }
    return chunk;
  }

  private drop(): void {
    this.waiting = NONE;
    this.head = 0;
    this.tail = undefined;
  }

  private append(chunk: Buffer): void {
    if (this.tail !== undefined && this.tail.length - this.tailUsed >= chunk.length) {
      this.waiting.pop();
    } else {
      const grown = this.tail === undefined ? SMALLEST_TAIL : Math.min(this.tail.length * 2, LARGEST_TAIL);
      this.tail = Buffer.allocUnsafeSlow(Math.max(grown, chunk.length));
      this.tailUsed = 0;
    }
    this.tailUsed += chunk.copy(this.tail, this.tailUsed);
    this.add(this.tail.subarray(0, this.tailUsed));
  }

  private add(chunk: Buffer): void {
    if (this.waiting === NONE) this.waiting = [chunk];
    else this.waiting.push(chunk);
  }
}
