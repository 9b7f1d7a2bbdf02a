/** Packets on their way out: those of one turn leave in one write. */
import type { Duplex } from "node:stream";
import { type Packet, type ProtocolVersion, encodeInto, encodedLength } from "../../codec/index.ts";
import { WriteBatch } from "../output/write-batch.ts";
import { doesNotFit } from "./errors.ts";

export class Outbox {
  readonly #stream: Duplex;
  readonly #version: ProtocolVersion;
  readonly #batch: WriteBatch;

  constructor(stream: Duplex, version: ProtocolVersion) {
    this.#stream = stream;
    this.#version = version;
    this.#batch = new WriteBatch((bytes) => {
      if (!stream.destroyed && !stream.writableEnded) stream.write(bytes);
    });
  }

  /** True where the network does not keep up, and the stream's `drain` is to be awaited. */
  get isFull(): boolean {
    return this.#stream.writableNeedDrain;
  }

  /**
   * @throws {UserError} `usage` where something in the packet is longer than MQTT allows
   * @throws {TypeError} where the packet cannot be encoded for another reason
   */
  send(packet: Packet): void {
    const version = this.#version;
    this.#batch.add(this.#lengthOf(packet), (buffer, offset) => encodeInto(packet, version, buffer, offset));
  }

  #lengthOf(packet: Packet): number {
    try {
      return encodedLength(packet, this.#version);
    } catch (error) {
      throw error instanceof RangeError ? doesNotFit(error) : error;
    }
  }

  flush(): void {
    this.#batch.flush();
  }
}
