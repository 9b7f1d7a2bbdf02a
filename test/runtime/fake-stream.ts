/** A connection without a network: what the server writes is decoded, what the client sends is encoded. */
import { Decoder, type Packet, type ProtocolVersion, encode } from "../../src/codec/index.ts";
import type { Stream, StreamHandler } from "../../src/runtime/runtime.ts";

export class FakeStream implements Stream {
  readonly remote = "test";
  readonly address = "test";
  readonly transport = "tcp";
  readonly isLoopback = true;
  readonly isSameSite = true;
  readonly addressed = undefined;
  readonly unsentBytes = 0;
  handler!: StreamHandler;
  isPaused = false;
  isEnded = false;
  isDestroyed = false;
  readonly #version: ProtocolVersion;
  readonly #decoder: Decoder;

  constructor(protocolVersion: ProtocolVersion = 5) {
    this.#version = protocolVersion;
    this.#decoder = new Decoder({ protocolVersion });
  }

  write(bytes: Buffer): boolean {
    this.#decoder.push(Buffer.from(bytes));
    return true;
  }

  writeAll(parts: readonly Buffer[]): boolean {
    return this.write(Buffer.concat(parts));
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  end(): void {
    this.isEnded = true;
  }

  destroy(): void {
    this.isDestroyed = true;
    this.handler.onClose();
  }

  /** In one chunk. */
  sends(...packets: Packet[]): void {
    this.handler.onData(Buffer.concat(packets.map((packet) => encode(packet, this.#version))));
  }

  /** What has left for the client. */
  take(): Packet[] {
    const packets: Packet[] = [];
    for (let packet = this.#decoder.next(); packet; packet = this.#decoder.next()) packets.push(packet);
    return packets;
  }

  takeTypes(): number[] {
    return this.take().map(({ type }) => type);
  }
}
