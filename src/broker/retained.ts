import { Deadline, type Deadlines } from "./deadlines.ts";
import type { Limits } from "./limits.ts";
import type { Keeper } from "./keeper.ts";
import { type Message, compactMessage, messageBytes } from "./message.ts";
import type { RecordId } from "./ports.ts";
import { RetainedMessage, RetainedTree } from "./retained-tree.ts";

/** The last retained message of each topic (MQTT 5.0 §3.3.1.3), within limits, as long as it does not expire. */
export class RetainedMessages {
  readonly #tree = new RetainedTree();
  readonly #deadlines: Deadlines;
  readonly #keeper: Keeper | undefined;
  #size = 0;
  #bytes = 0;
  readonly #expire = (topic: string) => this.delete(topic);

  constructor(deadlines: Deadlines, keeper?: Keeper) {
    this.#deadlines = deadlines;
    this.#keeper = keeper;
  }

  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** True if the limits allow the message. One with an empty payload always fits: it only removes. */
  hasRoomFor(message: Pick<Message, "topic" | "payload" | "properties">, limits: Limits): boolean {
    if (message.payload.length === 0) return true;
    const old = this.get(message.topic);
    if (old === undefined && this.#size >= limits.retainedMessagesMax) return false;
    const freed = old === undefined ? 0 : messageBytes(old);
    return this.#bytes + messageBytes(message) - freed <= limits.retainedBytesMax;
  }

  /**
   * Keeps the message in place of the one with the same topic; an empty payload only removes that. [MQTT-3.3.1-5]
   * [MQTT-3.3.1-6] [MQTT-3.3.1-7]
   */
  put(message: Message): void {
    if (message.payload.length === 0) return this.delete(message.topic);
    compactMessage(message);
    const keeper = this.#keeper;
    this.#insert(message, keeper === undefined ? 0 : keeper.add({ type: "retained", message: keeper.refer(message) }));
  }

  /** Takes over a message that was read from the journal. */
  restore(message: Message, recordId: RecordId): void {
    this.#keeper!.refer(message);
    this.#insert(message, recordId);
  }

  get(topicName: string): Message | undefined {
    return this.#tree.get(topicName)?.message;
  }

  delete(topicName: string): void {
    const retained = this.#tree.get(topicName);
    if (retained === undefined) return;
    this.#tree.delete(retained);
    this.#gone(retained);
  }

  /** Calls `visit` for each message whose topic the filter, without `$share`, matches. */
  forEachMatch(topicFilter: string, visit: (message: Message) => void): void {
    this.#tree.forEachMatch(topicFilter, visit);
  }

  #insert(message: Message, recordId: RecordId): void {
    const { topic, expiresAtMs } = message;
    const retained = new RetainedMessage(message, recordId);
    if (expiresAtMs !== Infinity) {
      retained.expiry = new Deadline(topic, this.#expire);
      this.#deadlines.set(retained.expiry, expiresAtMs);
    }
    const replaced = this.#tree.put(retained);
    if (replaced !== undefined) this.#gone(replaced);
    this.#size++;
    this.#bytes += messageBytes(message);
  }

  #gone({ message, recordId, expiry }: RetainedMessage): void {
    if (expiry !== undefined) this.#deadlines.clear(expiry);
    this.#keeper?.remove(recordId);
    this.#keeper?.release(message);
    this.#size--;
    this.#bytes -= messageBytes(message);
  }
}
