import { asciiText, decodeString } from "./utf8.ts";

/** Names up to this many bytes are shared. Bounds the table to 128 KiB of text. */
const LONGEST_SHARED = 128;
const TABLE_SIZE = 1024;

/**
 * Topic Names seen lately on any connection, by a hash of their bytes. A hit saves making the
 * string, and whoever looks the name up in a map gets a string whose hash is known.
 */
const shared: (string | undefined)[] = Array.from({ length: TABLE_SIZE }, () => undefined);

/**
 * Reads the Topic Names of one connection. Publishers mostly repeat themselves, and comparing bytes
 * with the last name costs a fraction of making and validating a string. Keeps no received bytes.
 */
export class TopicCache {
  private last = "";
  /** The bytes of `last`, once it was repeated: they compare faster than characters. */
  private lastBytes: Uint8Array | undefined = undefined;

  /** @throws CodecError 0x81 where the bytes are no UTF-8 Encoded String [MQTT-3.3.2-1] */
  read(bytes: Buffer, start: number, end: number): string {
    const { last, lastBytes } = this;
    const length = end - start;
    // A name that is not ASCII differs from its bytes in length or in a byte: it never matches.
    if (length === last.length) {
      if (lastBytes !== undefined) {
        if (equalBytes(bytes, start, lastBytes)) return last;
      } else if (equalText(bytes, start, last)) {
        this.lastBytes = Uint8Array.prototype.slice.call(bytes, start, end);
        return last;
      }
    }
    this.lastBytes = undefined;
    return (this.last = length > LONGEST_SHARED ? decodeString(bytes, start, end) : readShared(bytes, start, end));
  }
}

function readShared(bytes: Buffer, start: number, end: number): string {
  let hash = end - start;
  for (let index = start; index < end; index++) {
    const byte = bytes[index]!;
    if (((byte - 1) >>> 0) > 0x7e) return decodeString(bytes, start, end);
    hash = (Math.imul(hash, 31) + byte) | 0;
  }
  const slot = (hash ^ (hash >>> 10) ^ (hash >>> 20)) & (TABLE_SIZE - 1);
  const candidate = shared[slot];
  if (candidate !== undefined && candidate.length === end - start && equalText(bytes, start, candidate)) return candidate;
  return (shared[slot] = asciiText(bytes, start, end));
}

function equalBytes(bytes: Uint8Array, start: number, other: Uint8Array): boolean {
  for (let index = 0; index < other.length; index++) {
    if (bytes[start + index] !== other[index]) return false;
  }
  return true;
}

function equalText(bytes: Uint8Array, start: number, text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    if (bytes[start + index] !== text.charCodeAt(index)) return false;
  }
  return true;
}
