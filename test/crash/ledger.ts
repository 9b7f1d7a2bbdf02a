import type { Publish } from "../../src/codec/index.ts";
import { Violation } from "./violation.ts";

/** Times are numbers that grow with everything that the clients do or see. */
export interface Message {
  /** Each has one publisher. */
  readonly topic: string;
  /** Its place among the messages of the topic. */
  readonly position: number;
  readonly qos: 1 | 2;
  /** Bytes of its payload; 0 removes what is retained. */
  readonly length: number;
  /** For the first time. */
  readonly sentAt: number;
  /** PUBACK or PUBREC arrived. */
  acknowledgedAt: number;
  /** How often it left the publisher. */
  timesSent: number;
  /** A will that its client took back. */
  isRevoked: boolean;
}

/** All messages that were ever sent, and the clock. */
export class Ledger {
  /** Messages that were acknowledged, first copies that arrived, and further ones. */
  acknowledged = 0;
  delivered = 0;
  repeated = 0;
  readonly #topics = new Map<string, Message[]>();
  #now = 0;

  get now(): number {
    return this.#now;
  }

  tick(): number {
    return ++this.#now;
  }

  /** A message that is about to be sent. */
  create(topic: string, qos: 1 | 2, length: number): Message {
    const messages = this.messages(topic);
    const position = messages.length;
    const message: Message = {
      ...{ topic, position, qos, sentAt: this.tick(), acknowledgedAt: Infinity, timesSent: 0, isRevoked: false },
      length: length === 0 ? 0 : Math.max(length, headOf(topic, position).length),
    };
    messages.push(message);
    return message;
  }

  /** Of a topic, in the order in which they were sent. */
  messages(topic: string): Message[] {
    let messages = this.#topics.get(topic);
    if (messages === undefined) this.#topics.set(topic, (messages = []));
    return messages;
  }

  topics(): Iterable<string> {
    return this.#topics.keys();
  }

  /**
   * The message that a packet brings.
   * @throws Violation if nobody sent it so
   */
  find({ topic, payload }: Publish): Message {
    const [name, position] = payload.toString("latin1", 0, 100).split(" ", 2);
    const message = this.#topics.get(topic)?.[Number(position)];
    if (message === undefined || name !== topic || !payload.equals(payloadOf(message))) {
      throw new Violation(`a message on ${topic} arrived that nobody sent: ${payload.toString("latin1", 0, 100)}`);
    }
    return message;
  }
}

export function payloadOf({ topic, position, length }: Message): Buffer {
  const payload = Buffer.alloc(length, ".");
  payload.write(headOf(topic, position), "latin1");
  return payload;
}

function headOf(topic: string, position: number): string {
  return `${topic} ${position} `;
}

export function describeMessage(message: Message): string {
  const { topic, position, qos, length, sentAt, acknowledgedAt, timesSent } = message;
  const acknowledged = acknowledgedAt === Infinity ? "not acknowledged" : `acknowledged at ${acknowledgedAt}`;
  return `message ${position} of ${topic} (QoS ${qos}, ${length} bytes, sent at ${sentAt}, ${timesSent} times, ${acknowledged})`;
}
