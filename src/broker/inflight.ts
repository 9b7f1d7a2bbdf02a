import type { QoS } from "../codec/index.ts";
import type { Message } from "./message.ts";
import type { RecordId } from "./ports.ts";

/** A QoS 1 or 2 message that was sent to a client, or is about to be sent again, and is not yet complete. */
export interface InflightMessage {
  readonly packetId: number;
  readonly message: Message;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly subscriptionIdentifiers: number[] | undefined;
  /** PUBREC arrived: what is sent from now on is PUBREL. */
  released: boolean;
  /** It was sent as PUBLISH on the present connection, and so counts against its send quota. */
  countsAgainstQuota: boolean;
  /** In the journal; 0 where the session is not kept. */
  recordId: RecordId;
}

const PACKET_ID_MAX = 65_535;

/** The messages under way to one client by packet identifier, in the order in which they are sent again. */
export class Inflight {
  readonly #messages = new Map<number, InflightMessage>();
  #lastPacketId = 0;

  get size(): number {
    return this.#messages.size;
  }

  get(packetId: number): InflightMessage | undefined {
    return this.#messages.get(packetId);
  }

  /** Gives the message an unused packet identifier. [MQTT-2.2.1-4] The caller keeps `size` below 65,535. */
  add(message: Message, qos: QoS, retain: boolean, subscriptionIdentifiers: number[] | undefined): InflightMessage {
    const packetId = this.#unusedPacketId();
    const entry: InflightMessage = {
      packetId,
      message,
      qos,
      retain,
      subscriptionIdentifiers,
      released: false,
      countsAgainstQuota: true,
      recordId: 0,
    };
    this.#messages.set(packetId, entry);
    return entry;
  }

  /** Takes over a message that was read from the journal. */
  restore(entry: InflightMessage): void {
    this.#messages.set(entry.packetId, entry);
    this.#lastPacketId = entry.packetId;
  }

  /** PUBREC arrived. PUBRELs are sent again in the order of the PUBRECs: the entry moves to the end. [MQTT-4.6.0-4] */
  release(entry: InflightMessage): void {
    entry.released = true;
    this.#messages.delete(entry.packetId);
    this.#messages.set(entry.packetId, entry);
  }

  remove(packetId: number): void {
    this.#messages.delete(packetId);
  }

  [Symbol.iterator](): IterableIterator<InflightMessage> {
    return this.#messages.values();
  }

  #unusedPacketId(): number {
    do {
      this.#lastPacketId = this.#lastPacketId === PACKET_ID_MAX ? 1 : this.#lastPacketId + 1;
    } while (this.#messages.has(this.#lastPacketId));
    return this.#lastPacketId;
  }
}
