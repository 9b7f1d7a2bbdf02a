import type { Keeper } from "./keeper.ts";
import { type Message, messageBytes, waitingMessageBytes } from "./message.ts";
import type { KeptRecords, RecordId, WaitingMessage } from "./ports.ts";

/**
 * Messages that were read from the journal, by the ids of their records, which come in growing order: a million in half the time
 * of a Map. Most wait in queues, and stay as the journal has them until they are taken from there: an object for each would
 * make up most of a start's time and memory.
 */
export class RestoredMessages {
  readonly #keeper: Keeper;
  readonly #read: KeptRecords["readWaiting"];
  readonly #ids: RecordId[] = [];
  /** Or where the journal has it. */
  readonly #messages: (Message | number | undefined)[] = [];
  readonly #bytes: number[] = [];
  /** How many in queues refer to each. */
  readonly #waiting: number[] = [];
  /** All that refers to them is known. */
  #isComplete = false;
  /** Where something was found last: what is looked for next is often right behind. */
  #last = 0;

  constructor(keeper: Keeper, read: KeptRecords["readWaiting"]) {
    this.#keeper = keeper;
    this.#read = read;
  }

  /** @param id greater than all before */
  push(id: RecordId, message: Message): void {
    this.#keeper.adopt(message, id);
    this.#add(id, message, messageBytes(message));
  }

  /** The same for one that waits in the journal. */
  pushWaiting(id: RecordId, { place, length }: WaitingMessage): void {
    this.#add(id, place, waitingMessageBytes(length));
  }

  /** @returns its number here, -1 for none */
  find(id: RecordId): number {
    const ids = this.#ids;
    if (ids[this.#last + 1] === id) return ++this.#last;
    let low = 0;
    let high = ids.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ids[middle]! < id) low = middle + 1;
      else high = middle;
    }
    if (ids[low] !== id) return -1;
    this.#last = low;
    return low;
  }

  /** For one that needs it now. */
  get(index: number): Message {
    const message = this.#messages[index]!;
    if (typeof message !== "number") return message;
    const read = this.#read(message);
    this.#keeper.adopt(read, this.#ids[index]!, this.#waiting[index]);
    this.#messages[index] = read;
    return read;
  }

  /** Bytes that it counts for in limits. */
  bytesOf(index: number): number {
    return this.#bytes[index]!;
  }

  /** A queue refers to it, and will take it. */
  refer(index: number): void {
    this.#waiting[index]!++;
    const message = this.#messages[index]!;
    if (typeof message !== "number") this.#keeper.refer(message);
  }

  /** For a queue that referred to it. */
  take(index: number): Message {
    const message = this.get(index);
    // Nobody else asks for it: from now on it lives as long as somebody has it.
    if (--this.#waiting[index]! === 0 && this.#isComplete) this.#messages[index] = undefined;
    return message;
  }

  /** To be called when everything is read: removes those that nothing refers to. */
  complete(): void {
    this.#isComplete = true;
    for (const [index, message] of this.#messages.entries()) {
      if (typeof message !== "number") {
        this.#keeper.removeUnreferenced(message!);
        // Those who have it keep it.
        if (this.#waiting[index] === 0) this.#messages[index] = undefined;
      } else if (this.#waiting[index] === 0) {
        this.#keeper.remove(this.#ids[index]!);
      }
    }
  }

  #add(id: RecordId, message: Message | number, bytes: number): void {
    this.#ids.push(id);
    this.#messages.push(message);
    this.#bytes.push(bytes);
    this.#waiting.push(0);
  }
}
