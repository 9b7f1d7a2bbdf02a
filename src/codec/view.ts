/**
 * A Buffer over bytes that were received. `Buffer.subarray` takes nearly three times as long, which
 * is what decoding a small PUBLISH would mostly consist of.
 */
class View extends Uint8Array<ArrayBufferLike> {}
Object.setPrototypeOf(View.prototype, Buffer.prototype);
// Comparisons and inspection go by the constructor: it is to be taken for the Buffer that it is.
Object.defineProperty(View.prototype, "constructor", { value: Buffer });

/** `bytes[start, end)` without a copy. The caller has checked the range. */
export function viewOf(bytes: Buffer, start: number, end: number): Buffer {
  return viewIn(bytes.buffer, bytes, start, end);
}

/** The same where the caller keeps `bytes.buffer`, whose getter takes as long as making the view. */
export function viewIn(memory: ArrayBufferLike, bytes: Buffer, start: number, end: number): Buffer {
  return new View(memory, bytes.byteOffset + start, end - start) as unknown as Buffer;
}
