import { PacketType, type QoS } from "../codec/index.ts";
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
  /** Messages are sent again in ascending order. Set by `Inflight`. */
  order: number;
}

/** What a client owes for a message: the type of the acknowledgement. */
export type DueAcknowledgement = typeof PacketType.PUBACK | typeof PacketType.PUBREC | typeof PacketType.PUBCOMP;

const PACKET_ID_MAX = 65_535;
const SLOTS_MIN = 16;

/**
 * What is under way to one client: a message, or, where it will never be sent again, no more than a number: the packet
 * identifier and what is due.
 */
type Slot = InflightMessage | number | undefined;
const DUE_BITS = 3;
const DUE_MASK = 2 ** DUE_BITS - 1;

/** Of clients to which nothing has been under way. Nothing is put there. */
const NONE: never[] = [];

/**
 * The messages under way to one client by packet identifier. Identifiers are given in turn and mostly come back in turn:
 * the table has a slot for each remainder of them, at least twice as many as messages, and an identifier whose slot is
 * taken is passed over.
 */
export class Inflight {
  #slots: Slot[] = NONE;
  #size = 0;
  #lastPacketId = 0;
  #lastOrder = 0;

  get size(): number {
    return this.#size;
  }

  /** The message of this identifier; undefined where there is none, or it is not kept. */
  get(packetId: number): InflightMessage | undefined {
    const slot = this.#slots[packetId & (this.#slots.length - 1)];
    return typeof slot === "object" && slot.packetId === packetId ? slot : undefined;
  }

  /** The acknowledgement that is due next for this identifier; 0 if none is. */
  due(packetId: number): DueAcknowledgement | 0 {
    const slot = this.#slots[packetId & (this.#slots.length - 1)];
    if (typeof slot === "number") return slot >> DUE_BITS === packetId ? ((slot & DUE_MASK) as DueAcknowledgement) : 0;
    return slot !== undefined && slot.packetId === packetId ? dueFor(slot.qos, slot.released) : 0;
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
      order: ++this.#lastOrder,
    };
    this.#put(entry);
    return entry;
  }

  /**
   * The same for a message that is not sent again, whatever happens: it is not kept.
   * @returns its packet identifier
   */
  begin(qos: QoS): number {
    const packetId = this.#unusedPacketId();
    this.#slots[packetId & (this.#slots.length - 1)] = (packetId << DUE_BITS) | dueFor(qos, false);
    this.#size++;
    return packetId;
  }

  /** Takes over a message that was read from the journal. */
  restore(message: Omit<InflightMessage, "order">): void {
    const { packetId } = message;
    if (this.due(packetId) !== 0) this.remove(packetId);
    this.#makeRoom();
    while (this.#isTaken(packetId)) this.#grow();
    this.#put({ ...message, order: ++this.#lastOrder });
    this.#lastPacketId = packetId;
  }

  /**
   * PUBREC arrived. PUBRELs are sent again in the order of the PUBRECs: the message moves to the end. [MQTT-4.6.0-4]
   * @returns the message, if it is kept
   */
  release(packetId: number): InflightMessage | undefined {
    const entry = this.get(packetId);
    if (entry === undefined) {
      this.#slots[packetId & (this.#slots.length - 1)] = (packetId << DUE_BITS) | PacketType.PUBCOMP;
      return undefined;
    }
    entry.released = true;
    entry.order = ++this.#lastOrder;
    return entry;
  }

  /**
   * One that is there is complete.
   * @returns the message, if it was kept
   */
  remove(packetId: number): InflightMessage | undefined {
    const index = packetId & (this.#slots.length - 1);
    const slot = this.#slots[index];
    this.#slots[index] = undefined;
    this.#size--;
    return typeof slot === "object" ? slot : undefined;
  }

  /** The messages that are kept, in the order in which they are sent again. */
  [Symbol.iterator](): IterableIterator<InflightMessage> {
    const messages = this.#slots.filter((slot) => typeof slot === "object");
    return messages.sort((one, other) => one.order - other.order).values();
  }

  #put(entry: InflightMessage): void {
    this.#slots[entry.packetId & (this.#slots.length - 1)] = entry;
    this.#size++;
  }

  #isTaken(packetId: number): boolean {
    return this.#slots[packetId & (this.#slots.length - 1)] !== undefined;
  }

  #unusedPacketId(): number {
    this.#makeRoom();
    let packetId = this.#lastPacketId;
    do packetId = packetId === PACKET_ID_MAX ? 1 : packetId + 1;
    while (this.#isTaken(packetId));
    this.#lastPacketId = packetId;
    return packetId;
  }

  #makeRoom(): void {
    if (2 * (this.#size + 1) > this.#slots.length && this.#slots.length <= PACKET_ID_MAX) this.#grow();
  }

  /** What has slots of its own keeps them: the remainder by twice as much tells more apart, not less. */
  #grow(): void {
    const before = this.#slots;
    const length = Math.max(SLOTS_MIN, 2 * before.length);
    this.#slots = Array.from<Slot>({ length }).fill(undefined);
    for (const slot of before) {
      if (slot === undefined) continue;
      const packetId = typeof slot === "number" ? slot >> DUE_BITS : slot.packetId;
      this.#slots[packetId & (length - 1)] = slot;
    }
  }
}

function dueFor(qos: QoS, released: boolean): DueAcknowledgement {
  if (qos === 1) return PacketType.PUBACK;
  return released ? PacketType.PUBCOMP : PacketType.PUBREC;
}
