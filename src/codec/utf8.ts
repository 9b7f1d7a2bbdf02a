/**
 * UTF-8 Encoded Strings (MQTT 5.0 §1.5.4) from and to bytes.
 *
 * Nearly all strings on the wire are short and ASCII. For those a loop in JavaScript beats the
 * calls into the runtime, which take over where a string is long or not ASCII.
 */
import { malformed } from "./error.ts";
import { viewOf } from "./view.ts";

/** Longest string, in bytes, that a two-byte length announces (§1.5.4). */
export const MAXIMUM_STRING_LENGTH = 65_535;

/** Bytes from which on the runtime's validator is faster than the loop below, measured on Node 20. */
const NATIVE_VALIDATION_FROM = 128;

// Strict, and ignoreBOM keeps U+FEFF in the text [MQTT-1.5.4-3].
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** True if the bytes are well-formed UTF-8 (RFC 3629): no overlong forms, surrogates or code points over U+10FFFF. */
export function isWellFormedUtf8(bytes: Uint8Array): boolean {
  if (bytes.length < NATIVE_VALIDATION_FROM) return isWellFormedRange(bytes, 0, bytes.length);
  try {
    strictDecoder.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** True if the text can stand in a packet as a UTF-8 Encoded String: no lone surrogates, no U+0000, at most 65,535 bytes. */
export function isEncodableString(text: string): boolean {
  return encodableLength(text) >= 0;
}

/**
 * The text of `bytes[start, end)`.
 * @throws CodecError 0x81 where the bytes are no UTF-8 Encoded String [MQTT-1.5.4-1] [MQTT-1.5.4-2]
 */
export function decodeString(bytes: Buffer, start: number, end: number): string {
  for (let index = start; index < end; index++) {
    // One comparison for "U+0000 or not ASCII": 0 wraps round to the largest number.
    if ((bytes[index]! - 1) >>> 0 > 0x7e) return decodeUnusual(bytes, start, end);
  }
  return asciiText(bytes, start, end);
}

/** The text of bytes that are known to be ASCII. */
export function asciiText(bytes: Buffer, start: number, end: number): string {
  return (bytes as RuntimeBuffer).latin1Slice(start, end);
}

function decodeUnusual(bytes: Buffer, start: number, end: number): string {
  for (let index = start; index < end; index++) {
    if (bytes[index] === 0) throw malformed("A string contains U+0000"); // [MQTT-1.5.4-2]
  }
  if (!isWellFormedUtf8(viewOf(bytes, start, end))) {
    throw malformed("A string is not well-formed UTF-8"); // [MQTT-1.5.4-1]
  }
  return (bytes as RuntimeBuffer).utf8Slice(start, end);
}

/** RFC 3629 §4, table of well-formed byte sequences. */
function isWellFormedRange(bytes: Uint8Array, start: number, end: number): boolean {
  let index = start;
  while (index < end) {
    const lead = bytes[index++]!;
    if (lead < 0x80) continue;
    if (lead < 0xc2 || lead > 0xf4) return false;
    const second = index < end ? bytes[index++]! : 0;
    // The second byte is what rules out overlong forms, surrogates and code points over U+10FFFF.
    const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    if (second < lowest || second > highest) return false;
    const more = lead < 0xe0 ? 0 : lead < 0xf0 ? 1 : 2;
    for (let count = 0; count < more; count++) {
      if (index >= end || (bytes[index++]! & 0xc0) !== 0x80) return false;
    }
  }
  return true;
}

/**
 * Bytes that the text takes in UTF-8, without the length prefix.
 * @param field names the text in the error
 * @throws TypeError or RangeError where the text cannot be encoded
 */
export function stringLength(text: string, field: string): number {
  const length = encodableLength(text);
  if (length < 0) throw unencodable(text, field);
  return length;
}

/**
 * Writes the two-byte length and the text, which `stringLength` has accepted.
 * @returns the offset after the text
 */
export function writeString(target: Buffer, offset: number, text: string): number {
  const length = text.length;
  const start = offset + 2;
  let written = length;
  if (length > ASCII_LOOP_UP_TO || !writeAscii(target, start, text)) {
    written = (target as RuntimeBuffer).utf8Write(text, start);
  }
  target[offset] = written >>> 8;
  target[offset + 1] = written;
  return start + written;
}

/** Characters up to which writing one at a time is faster than one call into the runtime. */
const ASCII_LOOP_UP_TO = 24;

/** Writes the text if it is ASCII without U+0000; false where it is not, and then nothing written counts. */
function writeAscii(target: Buffer, offset: number, text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if ((code - 1) >>> 0 > 0x7e) return false;
    target[offset + index] = code;
  }
  return true;
}

/** Length in UTF-8; -1 where the text contains U+0000 or a lone surrogate or takes over 65,535 bytes. */
function encodableLength(text: string): number {
  const units = text.length;
  let length = units;
  for (let index = 0; index < units; index++) {
    const code = text.charCodeAt(index);
    if (code === 0) return -1;
    if (code < 0x80) continue;
    if (code < 0x800) {
      length += 1;
    } else if (code < 0xd800 || code > 0xdfff) {
      length += 2;
    } else {
      const next = code < 0xdc00 && index + 1 < units ? text.charCodeAt(index + 1) : 0;
      if (next < 0xdc00 || next > 0xdfff) return -1;
      // A pair is two units and four bytes.
      length += 2;
      index++;
    }
  }
  return length > MAXIMUM_STRING_LENGTH ? -1 : length;
}

function unencodable(text: string, field: string): Error {
  if (text.includes("\0")) return new TypeError(`${field} contains U+0000, which MQTT forbids`); // [MQTT-1.5.4-2]
  const length = Buffer.byteLength(text);
  if (length > MAXIMUM_STRING_LENGTH) {
    return new RangeError(`${field} takes ${length} bytes; MQTT allows ${MAXIMUM_STRING_LENGTH}`);
  }
  return new TypeError(`${field} contains a lone surrogate, which UTF-8 cannot express`); // [MQTT-1.5.4-1]
}

/** Methods that every Node has and its documentation leaves out: `toString` and `write` without the dispatch on encodings. */
interface RuntimeBuffer extends Buffer {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
  utf8Write(text: string, offset: number): number;
}
