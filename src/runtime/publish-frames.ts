import { type ProtocolVersion, type QoS, encodeInto, encodedLength } from "../codec/index.ts";
import { type Message, publishPacket } from "../broker/index.ts";

/** A PUBLISH as bytes. */
export interface PublishFrame {
  readonly bytes: Buffer;
  /** Where the packet identifier stands; 0 at QoS 0. */
  readonly packetIdOffset: number;
}

/**
 * The encoded forms of the message that is being sent to its subscribers: it is encoded once per protocol version, QoS
 * and flags, however many subscribers there are. Only the packet identifiers differ.
 */
export class PublishFrames {
  #message: Message | undefined;
  #expiry: number | undefined;
  readonly #variants: (PublishFrame | undefined)[] = Array.from({ length: 32 });

  /** @param packetId 0 at QoS 0; the bytes may hold that of another subscriber */
  frame(
    message: Message,
    version: ProtocolVersion,
    qos: QoS,
    retain: boolean,
    dup: boolean,
    expiry: number | undefined,
  ): PublishFrame {
    if (message !== this.#message || expiry !== this.#expiry) {
      this.#message = message;
      this.#expiry = expiry;
      this.#variants.fill(undefined);
    }
    const variant = (version === 5 ? 16 : 0) | (qos << 2) | (retain ? 2 : 0) | (dup ? 1 : 0);
    return (this.#variants[variant] ??= encodeFrame(message, version, qos, retain, dup, undefined, expiry));
  }

  /** Lets go of the last message. */
  clear(): void {
    this.#message = undefined;
    this.#variants.fill(undefined);
  }
}

export function encodeFrame(
  message: Message,
  version: ProtocolVersion,
  qos: QoS,
  retain: boolean,
  dup: boolean,
  subscriptionIdentifiers: number[] | undefined,
  expiry: number | undefined,
): PublishFrame {
  const packet = publishPacket(message, qos === 0 ? 0 : 1, qos, retain, dup, subscriptionIdentifiers, expiry);
  const bytes = Buffer.allocUnsafe(encodedLength(packet, version));
  encodeInto(packet, version, bytes, 0);
  return { bytes, packetIdOffset: qos === 0 ? 0 : packetIdOffset(bytes) };
}

/** Behind the fixed header and the topic name (MQTT 5.0 §3.3.2). */
function packetIdOffset(bytes: Buffer): number {
  let offset = 1;
  while (bytes[offset++]! >= 0x80);
  return offset + 2 + bytes.readUInt16BE(offset);
}
