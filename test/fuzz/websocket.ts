/** The client's side of WebSocket, as far as it can be done wrong (RFC 6455). */
import type { Random } from "../simulation/random.ts";

export const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface FrameOptions {
  readonly opcode?: number;
  readonly fin?: boolean;
  readonly masked?: boolean;
  /** RSV1 to RSV3. */
  readonly reserved?: number;
  /** The length to announce, if not the true one. */
  readonly announced?: number;
  /** Bytes of the length field, if not the fewest: 1, 3 or 9. */
  readonly lengthBytes?: 1 | 3 | 9;
}

/** A frame as a client sends it; the options make it wrong. */
export function frame(payload: Buffer, random: Random, options: FrameOptions = {}): Buffer {
  const { opcode = Opcode.binary, fin = true, masked = true, reserved = 0, announced = payload.length } = options;
  const lengthBytes = options.lengthBytes ?? (announced < 126 ? 1 : announced < 0x1_0000 ? 3 : 9);
  const head = Buffer.alloc(1 + lengthBytes);
  head[0] = (fin ? 0x80 : 0) | ((reserved & 7) << 4) | (opcode & 15);
  if (lengthBytes === 1) head[1] = announced & 0x7f;
  else if (lengthBytes === 3) {
    head[1] = 126;
    head.writeUInt16BE(announced & 0xffff, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt.asUintN(64, BigInt(announced)), 2);
  }
  if (!masked) return Buffer.concat([head, payload]);
  head[1] |= 0x80;
  const mask = Buffer.alloc(4);
  mask.writeUInt32BE(random.next());
  const hidden = Buffer.from(payload);
  for (let i = 0; i < hidden.length; i++) hidden[i]! ^= mask[i & 3]!;
  return Buffer.concat([head, mask, hidden]);
}

/** A request that is answered with 101. */
export function upgradeRequest(path = "/mqtt", extra: readonly string[] = [], protocol = "mqtt"): Buffer {
  const lines = [
    `GET ${path} HTTP/1.1`,
    "Host: 127.0.0.1",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Protocol: ${protocol}`,
    ...extra,
  ];
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
}

/** Cuts bytes into frames in one of the ways that a client may. */
export function toFrames(bytes: Buffer, random: Random): Buffer {
  const parts: Buffer[] = [];
  let offset = 0;
  let isContinued = false;
  const isFragmented = random.chance(0.2);
  const size = random.chance(0.6) ? bytes.length : random.between(1, Math.max(1, bytes.length >> 1));
  while (offset < bytes.length) {
    // Many tiny frames are work for nothing new.
    const end = parts.length > 40 ? bytes.length : Math.min(bytes.length, offset + size);
    const fin = !isFragmented || end === bytes.length;
    const opcode = isContinued ? Opcode.continuation : Opcode.binary;
    parts.push(frame(bytes.subarray(offset, end), random, { opcode, fin }));
    if (random.chance(0.05))
      parts.push(frame(Buffer.from("?"), random, { opcode: random.pick([Opcode.ping, Opcode.pong]) }));
    isContinued = !fin;
    offset = end;
  }
  return Buffer.concat(parts);
}

/** More than any server takes in one message; what is between its limit and this one may go either way. */
const PAYLOAD_MAX = 128 * 1024 * 1024;

/** Reads frames of either side, and notices what breaks the protocol. */
export class FrameReader {
  /** Nothing after this is understood. */
  isBroken = false;
  /** The next data frame must be a continuation. */
  isFragmented = false;
  isClosing = false;
  readonly #fromClient: boolean;
  #pending = Buffer.alloc(0);
  #messageBytes = 0;

  constructor(fromClient: boolean) {
    this.#fromClient = fromClient;
  }

  /** Bytes that the frame which has begun still needs; 0 between frames. */
  get missing(): number {
    if (this.#pending.length === 0) return 0;
    const header = this.#header();
    return header === undefined ? 1 : header.start + header.length - this.#pending.length;
  }

  /** @returns the payloads of the data frames that are complete now */
  push(bytes: Buffer): Buffer[] {
    const payloads: Buffer[] = [];
    if (this.isBroken || this.isClosing) return payloads;
    this.#pending = Buffer.concat([this.#pending, bytes]);
    for (;;) {
      const header = this.#header();
      if (header === undefined || this.isBroken) return payloads;
      const end = header.start + header.length;
      if (end > this.#pending.length) return payloads;
      const payload = Buffer.from(this.#pending.subarray(header.start, end));
      const { mask } = header;
      if (mask !== undefined) for (let i = 0; i < payload.length; i++) payload[i]! ^= mask[i & 3]!;
      this.#pending = this.#pending.subarray(end);
      if (header.opcode === Opcode.close) {
        this.isClosing = true;
        return payloads;
      }
      if (header.opcode > Opcode.binary) continue;
      this.isFragmented = !header.fin;
      this.#messageBytes = header.fin ? 0 : this.#messageBytes + header.length;
      payloads.push(payload);
    }
  }

  #header(): { fin: boolean; opcode: number; start: number; length: number; mask: Buffer | undefined } | undefined {
    const bytes = this.#pending;
    if (bytes.length < 2) return undefined;
    const opcode = bytes[0]! & 15;
    const fin = bytes[0]! > 0x7f;
    const isMasked = bytes[1]! > 0x7f;
    const short = bytes[1]! & 0x7f;
    if (!this.#isLegal(bytes[0]! & 0x70, opcode, fin, isMasked, short)) {
      this.isBroken = true;
      return undefined;
    }
    const lengthEnd = short === 126 ? 4 : short === 127 ? 10 : 2;
    const start = lengthEnd + (isMasked ? 4 : 0);
    if (bytes.length < start) return undefined;
    const length = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
    if (this.#messageBytes + length > PAYLOAD_MAX) {
      this.isBroken = true;
      return undefined;
    }
    return { fin, opcode, start, length, mask: isMasked ? bytes.subarray(lengthEnd, start) : undefined };
  }

  #isLegal(reserved: number, opcode: number, fin: boolean, isMasked: boolean, short: number): boolean {
    if (reserved !== 0 || isMasked !== this.#fromClient) return false;
    if (opcode >= Opcode.close) return opcode <= Opcode.pong && fin && short < 126;
    if (opcode > Opcode.binary) return false;
    // MQTT comes in binary frames alone.
    if (opcode === Opcode.text) return false;
    return (opcode === Opcode.continuation) === this.isFragmented;
  }
}
