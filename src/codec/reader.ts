import { malformed } from "./error.ts";
import { decodeString } from "./utf8.ts";
import { viewOf } from "./view.ts";

/**
 * Reads the fields of one packet in order. Every method throws CodecError 0x81 where the packet
 * ends before the field does.
 */
export class Reader {
  readonly bytes: Buffer;
  /** Index in `bytes` of the next field. */
  position: number;
  /** Index in `bytes` after the packet. */
  end: number;

  constructor(bytes: Buffer, position: number, end: number) {
    this.bytes = bytes;
    this.position = position;
    this.end = end;
  }

  byte(): number {
    if (this.position >= this.end) throw truncated();
    return this.bytes[this.position++]!;
  }

  twoByteInteger(): number {
    const position = this.position;
    if (position + 2 > this.end) throw truncated();
    this.position = position + 2;
    return (this.bytes[position]! << 8) | this.bytes[position + 1]!;
  }

  fourByteInteger(): number {
    const { bytes, position } = this;
    if (position + 4 > this.end) throw truncated();
    this.position = position + 4;
    return (
      bytes[position]! * 0x100_0000 +
      ((bytes[position + 1]! << 16) | (bytes[position + 2]! << 8) | bytes[position + 3]!)
    );
  }

  variableByteInteger(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (byte === 0 && shift > 0) throw notMinimal();
        return value;
      }
    }
    throw malformed("A variable byte integer has more than four bytes"); // §1.5.5
  }

  /** A UTF-8 Encoded String (§1.5.4). */
  string(): string {
    const length = this.twoByteInteger();
    const start = this.position;
    const end = start + length;
    if (end > this.end) throw truncated();
    this.position = end;
    return decodeString(this.bytes, start, end);
  }

  /** Binary Data (§1.5.6): a view of the received bytes. */
  binary(): Buffer {
    const length = this.twoByteInteger();
    const start = this.position;
    const end = start + length;
    if (end > this.end) throw truncated();
    this.position = end;
    return viewOf(this.bytes, start, end);
  }

  /** Call after the last field. */
  expectEnd(): void {
    if (this.position !== this.end) {
      throw malformed(`${this.end - this.position} bytes follow the last field of the packet`);
    }
  }
}

export function truncated(): Error {
  return malformed("The packet ends within a field");
}

/** [MQTT-1.5.5-1] */
export function notMinimal(): Error {
  return malformed("A variable byte integer takes more bytes than its value needs");
}
