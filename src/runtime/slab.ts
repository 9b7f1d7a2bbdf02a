/**
 * Buffers in which what one turn of the event loop writes to a connection is put together. Most turns write little, so
 * a connection starts with a small one; both kinds are used again once the network has taken their bytes.
 */
const SMALL_BYTES = 2 * 1024;
const LARGE_BYTES = 64 * 1024;

/** Frames larger than this are written by themselves rather than copied. */
export const COPIED_FRAME_BYTES_MAX = LARGE_BYTES / 4;

/** Unused buffers that are kept, of each kind. */
const KEPT_MAX = 256;

export class SlabPool {
  readonly #small: Buffer[] = [];
  readonly #large: Buffer[] = [];

  /** A buffer with room for at least `bytes`, which is at most COPIED_FRAME_BYTES_MAX. */
  acquire(bytes: number): Buffer {
    if (bytes <= SMALL_BYTES) return this.#small.pop() ?? Buffer.allocUnsafeSlow(SMALL_BYTES);
    return this.#large.pop() ?? Buffer.allocUnsafeSlow(LARGE_BYTES);
  }

  /** True if there is no larger kind of buffer than this one. */
  isLargest(slab: Buffer): boolean {
    return slab.length === LARGE_BYTES;
  }

  acquireLargest(): Buffer {
    return this.acquire(LARGE_BYTES);
  }

  /** The bytes in it have left: it may be used again. */
  release(slab: Buffer): void {
    const kept = slab.length === LARGE_BYTES ? this.#large : this.#small;
    if (kept.length < KEPT_MAX) kept.push(slab);
  }
}
