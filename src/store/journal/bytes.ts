/** The primitives of the journal's encoding: numbers of variable length, strings with their length, doubles. */

/** From here on, integers need more than one 32-bit operation. */
const INT32 = 2 ** 31;
/** A power of two. */
const RECENT_STRINGS = 65_536;
/** Bytes of a string that decide where it is looked for. */
const HASHED_BYTES = 32;

/** Writes into a buffer that grows. */
export class ByteWriter {
  bytes: Buffer;
  /** Where the next byte goes. */
  end = 0;

  constructor(capacity: number) {
    this.bytes = Buffer.allocUnsafeSlow(capacity);
  }

  /** Makes room for so many bytes more. */
  reserve(length: number): void {
    const needed = this.end + length;
    if (needed <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(larger, 0, 0, this.end);
    this.bytes = larger;
  }

  byte(value: number): void {
    if (this.end === this.bytes.length) this.reserve(1);
    this.bytes[this.end++] = value;
  }

  /** An integer from 0 to 2^53 - 1: seven bits in a byte, the lowest first. */
  integer(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is no integer from 0 to 2^53 - 1`);
    if (this.end + 8 > this.bytes.length) this.reserve(8);
    while (value >= INT32) {
      this.bytes[this.end++] = (value % 128) | 128;
      value = Math.floor(value / 128);
    }
    while (value >= 128) {
      this.bytes[this.end++] = (value & 127) | 128;
      value >>>= 7;
    }
    this.bytes[this.end++] = value;
  }

  /** Also Infinity. */
  double(value: number): void {
    this.reserve(8);
    this.end = this.bytes.writeDoubleLE(value, this.end);
  }

  string(value: string): void {
    const length = Buffer.byteLength(value, "utf8");
    this.integer(length);
    this.reserve(length);
    this.end += this.bytes.write(value, this.end, length, "utf8");
  }

  binary(value: Uint8Array): void {
    this.integer(value.length);
    this.raw(value);
  }

  /** Bytes without their length. */
  raw(value: Uint8Array): void {
    this.reserve(value.length);
    this.bytes.set(value, this.end);
    this.end += value.length;
  }
}

/**
 * Strings that were read lately, so that equal ones, such as the topics of queues and who published there, are one string in
 * memory. Those of ASCII alone.
 */
export class RecentStrings {
  /** Made when it is needed: that takes 5 ms, and a new journal has no strings. */
  #strings: (string | undefined)[] | undefined;

  /** @returns what `bytes[start, start + length)` says in UTF-8 */
  read(bytes: Buffer, start: number, length: number): string {
    const strings = (this.#strings ??= Array.from<string | undefined>({ length: RECENT_STRINGS }));
    const slot = hashOf(bytes, start, length) & (RECENT_STRINGS - 1);
    const recent = strings[slot];
    if (recent?.length === length && isEqual(recent, bytes, start)) return recent;
    return (strings[slot] = bytes.toString("utf8", start, start + length));
  }
}

/** Of the last bytes: those in which topics differ. */
function hashOf(bytes: Buffer, start: number, length: number): number {
  let hash = length;
  for (let at = start + Math.max(0, length - HASHED_BYTES); at < start + length; at++) {
    hash = Math.imul(hash ^ bytes[at]!, 0x0100_0193);
  }
  return hash ^ (hash >>> 15);
}

function isEqual(text: string, bytes: Buffer, start: number): boolean {
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) !== bytes[start + index]) return false;
  }
  return true;
}

/** Small binary values share pieces of memory of this length: few, and not much is kept by what is left of one. */
const SLAB_BYTES = 32 * 1024;
const IN_SLAB_BYTES_MAX = 4 * 1024;

let slab = Buffer.alloc(0);
let slabEnd = 0;

function newBinary(length: number): Buffer {
  if (length > IN_SLAB_BYTES_MAX) return Buffer.allocUnsafeSlow(length);
  if (slabEnd + length > slab.length) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    slabEnd = 0;
  }
  return slab.subarray(slabEnd, (slabEnd += length));
}

/** Reads what a `ByteWriter` wrote. Throws RangeError where the bytes end too early. */
export class ByteReader {
  readonly bytes: Buffer;
  /** Where the next byte is. */
  at: number;
  /** Where they end. */
  end: number;
  readonly #strings: RecentStrings | undefined;

  /** @param strings where many are read, and kept */
  constructor(bytes: Buffer, start = 0, end = bytes.length, strings?: RecentStrings) {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
    this.#strings = strings;
  }

  byte(): number {
    if (this.at >= this.end) throw new RangeError("the bytes end too early");
    return this.bytes[this.at++]!;
  }

  integer(): number {
    let byte = this.byte();
    if (byte < 128) return byte;
    let value = byte & 127;
    let factor = 128;
    do {
      byte = this.byte();
      value += (byte & 127) * factor;
      factor *= 128;
    } while (byte >= 128);
    return value;
  }

  double(): number {
    return this.bytes.readDoubleLE(this.#take(8));
  }

  string(): string {
    const length = this.integer();
    const start = this.#take(length);
    if (length === 0) return "";
    return this.#strings?.read(this.bytes, start, length) ?? this.bytes.toString("utf8", start, start + length);
  }

  /** A copy, so that what is read does not keep the segment alive. */
  binary(): Buffer {
    const length = this.integer();
    const start = this.#take(length);
    const copy = newBinary(length);
    this.bytes.copy(copy, 0, start, start + length);
    return copy;
  }

  skip(length: number): void {
    this.#take(length);
  }

  /** @returns false where the bytes are not all ASCII; it may have skipped none then */
  skipAscii(length: number): boolean {
    const start = this.#take(length);
    for (let at = start; at < this.at; at++) if (this.bytes[at]! >= 128) return false;
    return true;
  }

  #take(length: number): number {
    const start = this.at;
    if (length > this.end - start) throw new RangeError("the bytes end too early");
    this.at = start + length;
    return start;
  }
}
