import type { Message } from "../broker/index.ts";

/** Where a PUBLISH that was just written stands as bytes. */
interface WrittenFrame {
  message: Message | undefined;
  /** QoS, RETAIN and DUP in one number. */
  variant: number;
  expiry: number | undefined;
  bytes: Buffer;
  start: number;
  end: number;
  /** From `start`; behind it stands the packet identifier. */
  packetIdOffset: number;
}

const NOTHING = Buffer.alloc(0);
const empty = (): WrittenFrame => ({
  message: undefined,
  variant: 0,
  expiry: undefined,
  bytes: NOTHING,
  start: 0,
  end: 0,
  packetIdOffset: 0,
});

/**
 * The last PUBLISH that was written, with properties (MQTT 5) and without (3.x). While one message goes to its
 * subscribers most frames differ in nothing but the packet identifier: it is encoded for the first and copied for the
 * others, from where it was written for the first. That buffer must not change meanwhile, so whoever hands it back to the
 * pool clears this.
 */
export class PublishFrames {
  readonly #v5 = empty();
  readonly #v3 = empty();

  /** The frame with these contents, if it was the last one written. */
  find(
    message: Message,
    isV5: boolean,
    variant: number,
    expiry: number | undefined,
  ): Readonly<WrittenFrame> | undefined {
    const frame = isV5 ? this.#v5 : this.#v3;
    return frame.message === message && frame.variant === variant && frame.expiry === expiry ? frame : undefined;
  }

  /** Remembers `bytes[start, end)`. */
  remember(
    message: Message,
    isV5: boolean,
    variant: number,
    expiry: number | undefined,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    const frame = isV5 ? this.#v5 : this.#v3;
    frame.message = message;
    frame.variant = variant;
    frame.expiry = expiry;
    frame.bytes = bytes;
    frame.start = start;
    frame.end = end;
    frame.packetIdOffset = packetIdOffset(bytes, start) - start;
  }

  clear(): void {
    this.#v5.message = undefined;
    this.#v3.message = undefined;
  }
}

/** Behind the fixed header and the topic name (MQTT 5.0 §3.3.2). */
export function packetIdOffset(bytes: Buffer, start: number): number {
  let offset = start + 1;
  while (bytes[offset++]! >= 0x80);
  return offset + 2 + ((bytes[offset]! << 8) | bytes[offset + 1]!);
}
