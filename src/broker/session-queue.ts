import type { QoS } from "../codec/index.ts";
import type { Message } from "./message.ts";
import type { RecordId } from "./ports.ts";
import { Queue } from "./queue.ts";
import type { RestoredMessages } from "./restored-messages.ts";

/** A message that waits in a session until it can be sent. */
export interface QueuedMessage {
  readonly message: Message;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly subscriptionIdentifiers: number[] | undefined;
  /** In the journal; 0 where it is not kept. */
  recordId: RecordId;
}

/** The queue of a session. It may begin with messages that are still as the journal has them. */
export class SessionQueue extends Queue<QueuedMessage> {
  #restored: RestoredQueue | undefined;

  override get length(): number {
    return this.#restored === undefined ? super.length : this.#restored.length + super.length;
  }

  /**
   * One of the messages that were read from the journal, with neither object nor subscription identifiers of its own yet.
   * @returns false behind one that was pushed
   */
  pushRestored(messages: RestoredMessages, index: number, qos: QoS, retain: boolean, recordId: RecordId): boolean {
    if (super.length > 0) return false;
    this.#restored ??= new RestoredQueue(messages);
    this.#restored.push(index, qos, retain, recordId);
    return true;
  }

  override peek(): QueuedMessage | undefined {
    return this.#restored === undefined ? super.peek() : this.#restored.peek();
  }

  override shift(): QueuedMessage | undefined {
    if (this.#restored === undefined) return super.shift();
    const first = this.#restored.shift();
    if (this.#restored.length === 0) this.#restored = undefined;
    return first;
  }

  override *[Symbol.iterator](): IterableIterator<QueuedMessage> {
    if (this.#restored !== undefined) {
      yield* this.#restored;
    }
    yield* super[Symbol.iterator]();
  }
}

const RETAIN = 4;
const FLAGS = 8;

/** Two numbers for each message, and no object until it is its turn. */
class RestoredQueue {
  readonly #messages: RestoredMessages;
  /** The id of its record; then its number, QoS and RETAIN. */
  readonly #numbers: number[] = [];
  #head = 0;
  /** Read, and still in the queue. */
  #read: QueuedMessage[] = [];

  constructor(messages: RestoredMessages) {
    this.#messages = messages;
  }

  get length(): number {
    return (this.#numbers.length - this.#head) / 2 + this.#read.length;
  }

  push(index: number, qos: QoS, retain: boolean, recordId: RecordId): void {
    this.#numbers.push(recordId, index * FLAGS + (retain ? RETAIN : 0) + qos);
  }

  peek(): QueuedMessage | undefined {
    if (this.#read.length === 0) this.#readNext();
    return this.#read[0];
  }

  shift(): QueuedMessage | undefined {
    const first = this.peek();
    this.#read.shift();
    return first;
  }

  *[Symbol.iterator](): IterableIterator<QueuedMessage> {
    while (this.#head < this.#numbers.length) this.#readNext();
    yield* this.#read;
  }

  #readNext(): void {
    if (this.#head === this.#numbers.length) return;
    const recordId = this.#numbers[this.#head++]!;
    const number = this.#numbers[this.#head++]!;
    const message = this.#messages.take(Math.floor(number / FLAGS));
    const rest = { qos: (number % RETAIN) as QoS, retain: (number & RETAIN) !== 0, subscriptionIdentifiers: undefined };
    this.#read.push({ message, ...rest, recordId });
  }
}
