import { decodeString } from "./utf8.ts";

/** Room for a name, in words of four bytes; the first has its length. */
const WORDS = 32;
/** Longer names are decoded each time. */
const NAME_BYTES_MAX = (WORDS - 1) * 4;

/**
 * Topic Names by their bytes. Names mostly come back, and finding one takes a third of the time of making and validating
 * a string. It yields the same string each time, whose hash is known when somebody looks it up in a map.
 *
 * A name has two places in the table. Where others are in both it takes the place of one when it comes again: names that do
 * not come back drive nobody out. Keeps no received bytes.
 */
export class TopicNames {
  readonly #texts: string[] = [];
  readonly #words: Int32Array;
  /** Of the names; 0 where there is none. Looked at first: they lie closer together. */
  readonly #hashes: Int32Array;
  /** Hashes of names that got no place, by the first of their places. */
  readonly #refused: Int32Array;
  readonly #mask: number;

  /** @param size names that it has room for: a power of two, up to 2 ** 15 */
  constructor(size: number) {
    // Filling it would cost each start 2 ms.
    this.#texts.length = size;
    this.#words = new Int32Array(size * WORDS);
    this.#hashes = new Int32Array(size);
    this.#refused = new Int32Array(size);
    this.#mask = size - 1;
  }

  /**
   * The name that stands in `bytes[start, end)`, behind its two bytes of length and a fixed header.
   * @param view of `bytes`
   * @throws CodecError 0x81 where the bytes are no UTF-8 Encoded String [MQTT-3.3.2-1]
   */
  read(bytes: Buffer, view: DataView, start: number, end: number): string {
    const length = end - start;
    if (length === 0) return "";
    if (length > NAME_BYTES_MAX) return decodeString(bytes, start, end);
    const hash = hashOf(view, start, end);
    const found = this.#look(view, start, end, hash);
    if (found !== undefined) return found;
    const text = decodeString(bytes, start, end);
    const place = this.#placeFor(hash);
    if (place < 0) return text;
    this.#texts[place] = text;
    this.#hashes[place] = hash;
    let at = place * WORDS;
    this.#words[at++] = length;
    for (; start < end - 4; start += 4) this.#words[at++] = view.getInt32(start, true);
    this.#words[at] = lastWord(view, end, length);
    return text;
  }

  /** The same for a name that was read before; undefined where it was not, or has lost its place since. */
  find(view: DataView, start: number, end: number): string | undefined {
    const length = end - start;
    if (length === 0 || length > NAME_BYTES_MAX) return undefined;
    return this.#look(view, start, end, hashOf(view, start, end));
  }

  #look(view: DataView, start: number, end: number, hash: number): string | undefined {
    const first = hash & this.#mask;
    if (this.#hashes[first] === hash && this.#isAt(first, view, start, end)) return this.#texts[first];
    const second = (hash >>> 17) & this.#mask;
    return this.#hashes[second] === hash && this.#isAt(second, view, start, end) ? this.#texts[second] : undefined;
  }

  /** @returns -1 for a name that has to come again before another gives way to it */
  #placeFor(hash: number): number {
    const first = hash & this.#mask;
    if (this.#hashes[first] === 0) return first;
    const second = (hash >>> 17) & this.#mask;
    if (this.#hashes[second] === 0) return second;
    if (this.#refused[first] === hash) return first;
    this.#refused[first] = hash;
    return -1;
  }

  #isAt(place: number, view: DataView, start: number, end: number): boolean {
    const words = this.#words;
    const length = end - start;
    let at = place * WORDS;
    if (words[at++] !== length) return false;
    for (; start < end - 4; start += 4) if (words[at++] !== view.getInt32(start, true)) return false;
    return words[at] === lastWord(view, end, length);
  }
}

/** The four bytes before `end`, which may overlap those before; of a shorter name its bytes alone. */
function lastWord(view: DataView, end: number, length: number): number {
  const word = view.getInt32(end - 4, true);
  return length < 4 ? word >>> (32 - 8 * length) : word;
}

/** @returns anything but 0 */
function hashOf(view: DataView, start: number, end: number): number {
  const length = end - start;
  let hash = length;
  for (; start < end - 4; start += 4) hash = Math.imul(hash ^ view.getInt32(start, true), 0x9e3779b1) ^ (hash >>> 15);
  hash = Math.imul(hash ^ lastWord(view, end, length), 0x9e3779b1);
  // Products have their randomness in the upper bits.
  return Math.imul(hash ^ (hash >>> 15), 0x85ebca6b) ^ (hash >>> 16) || 1;
}
