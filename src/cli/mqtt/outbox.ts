/** Packets on their way out: those of one turn leave in one write. */
import type { Duplex } from "node:stream";
import { type Packet, type ProtocolVersion, encode, encodeInto, encodedLength } from "../../codec/index.ts";

const BUFFER_BYTES = 64 * 1024;

export class Outbox {
  readonly #stream: Duplex;
  readonly #version: ProtocolVersion;
  #buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  /** What is before `#start` belongs to the stream, what is between it and `#end` waits. */
  #start = 0;
  #end = 0;
  #isScheduled = false;

  constructor(stream: Duplex, version: ProtocolVersion) {
    this.#stream = stream;
    this.#version = version;
  }

  /** True where the network does not keep up, and the stream's `drain` is to be awaited. */
  get isFull(): boolean {
    return this.#stream.writableNeedDrain;
  }

  /** @throws {TypeError | RangeError} where the packet cannot be encoded */
  send(packet: Packet): void {
    const length = encodedLength(packet, this.#version);
    if (this.#end + length > BUFFER_BYTES) {
      this.flush();
      if (length > BUFFER_BYTES) {
        this.#stream.write(encode(packet, this.#version));
        return;
      }
      this.#buffer = Buffer.allocUnsafe(BUFFER_BYTES);
      this.#start = 0;
      this.#end = 0;
    }
    this.#end = encodeInto(packet, this.#version, this.#buffer, this.#end);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }

  flush(): void {
    if (this.#start === this.#end) return;
    const bytes = this.#buffer.subarray(this.#start, this.#end);
    this.#start = this.#end;
    if (!this.#stream.destroyed && !this.#stream.writableEnded) this.#stream.write(bytes);
  }
}
