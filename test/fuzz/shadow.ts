import { CodecError, Decoder, type Packet, PacketType, type ProtocolVersion } from "../../src/codec/index.ts";
import type { Transport } from "./sequence.ts";
import { FrameReader } from "./websocket.ts";

const PACKET_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Reads along what a hostile connection sends, as the server does: how its packets end, which sessions and retained
 * messages it may leave behind, and in which version it is answered.
 */
export class Shadow {
  readonly clientIds = new Set<string>();
  readonly retainedTopics = new Set<string>();
  /** Largest packet that the client takes, if it said so. */
  maximumPacketSize: number | undefined;
  readonly frames: FrameReader | undefined;
  readonly #decoder = new Decoder({ maximumPacketSize: PACKET_BYTES_MAX });
  readonly #aliases = new Map<number, string>();
  readonly #boundary = new Boundary();
  #isConnecting = false;
  #isBroken = false;
  /** The HTTP request, until it is complete. */
  #request: Buffer | undefined;

  constructor(transport: Transport) {
    if (transport === "tcp") return;
    this.frames = new FrameReader(true);
    this.#request = Buffer.alloc(0);
  }

  get version(): ProtocolVersion {
    return this.#decoder.protocolVersion;
  }

  /** Bytes that the packet which has begun still needs, as far as its header tells; 0 between packets. */
  get missing(): number {
    return this.#boundary.missing;
  }

  push(bytes: Buffer): void {
    if (this.frames === undefined) {
      this.#read(bytes);
      return;
    }
    let rest = bytes;
    if (this.#request !== undefined) {
      this.#request = Buffer.concat([this.#request, bytes]);
      const end = this.#request.indexOf("\r\n\r\n");
      if (end < 0) return;
      rest = this.#request.subarray(end + 4);
      this.#request = undefined;
    }
    for (const payload of this.frames.push(rest)) this.#read(payload);
  }

  #read(bytes: Buffer): void {
    this.#boundary.push(bytes);
    if (this.#isBroken) return;
    this.#decoder.push(bytes);
    try {
      for (let packet = this.#decoder.next(); packet !== undefined; packet = this.#decoder.next()) this.#note(packet);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.#isBroken = true;
    }
  }

  #note(packet: Packet): void {
    if (packet.type === PacketType.CONNECT) {
      // A second one is refused.
      if (this.#isConnecting) return;
      this.#isConnecting = true;
      this.clientIds.add(packet.clientId);
      this.maximumPacketSize = packet.properties?.maximumPacketSize;
      if (packet.will?.retain) this.retainedTopics.add(packet.will.topic);
    } else if (packet.type === PacketType.PUBLISH) {
      const alias = packet.properties?.topicAlias;
      if (alias !== undefined && packet.topic !== "") this.#aliases.set(alias, packet.topic);
      const topic = packet.topic === "" && alias !== undefined ? this.#aliases.get(alias) : packet.topic;
      if (packet.retain && topic !== undefined) this.retainedTopics.add(topic);
    }
  }
}

/** Where a stream of packets stands: between two, or within one. */
class Boundary {
  /** Bytes that the packet which has begun still needs, if nothing else lies in its header. */
  missing = 0;
  #headerBytes = 0;
  #length = 0;

  push(bytes: Buffer): void {
    let offset = 0;
    while (offset < bytes.length) {
      if (this.#headerBytes === 0 && this.missing > 0) {
        const skipped = Math.min(this.missing, bytes.length - offset);
        this.missing -= skipped;
        offset += skipped;
        continue;
      }
      const byte = bytes[offset++]!;
      this.#headerBytes++;
      this.missing = 1;
      if (this.#headerBytes === 1) continue;
      this.#length += (byte & 0x7f) * 128 ** (this.#headerBytes - 2);
      if (byte > 0x7f && this.#headerBytes < 5) continue;
      this.missing = this.#length;
      this.#headerBytes = 0;
      this.#length = 0;
    }
  }
}
