/** Messages as tests see them, and what they look for in them. */
import { type Condition, parseCondition } from "../cli/messages/condition.ts";
import { type ReceivedMessage, payloadForTerminal, subjectOf } from "../cli/messages/received-message.ts";
import { topicMatches } from "../cli/messages/topic.ts";
import type { MessageProperties } from "../cli/mqtt/properties.ts";

export class TestMessage {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly properties: MessageProperties;
  readonly #received: ReceivedMessage;

  constructor(received: ReceivedMessage) {
    this.topic = received.topic;
    this.payload = received.payload;
    this.qos = received.qos;
    this.retain = received.retain;
    this.properties = received.properties ?? {};
    this.#received = received;
  }

  /** The payload as text. */
  get text(): string {
    return this.payload.toString("utf8");
  }

  /** The payload as JSON. @throws {SyntaxError} where it is none */
  json(): unknown {
    return JSON.parse(this.text);
  }

  meets(condition: Condition): boolean {
    return condition(subjectOf(this.#received));
  }

  /** For people, on one line. */
  toString(): string {
    return `${this.topic} ${payloadForTerminal(this.payload)}`;
  }
}

/** A function, or a condition such as `payload.celsius > 30`. */
export type Where = string | ((message: TestMessage) => boolean);

/** @throws {UserError} `usage` where the condition cannot be read */
export function matcher(filter: string | undefined, where: Where | undefined): (message: TestMessage) => boolean {
  const condition = typeof where === "string" ? parseCondition(where) : undefined;
  const topics = filter?.replace(/^\$share\/[^/]+\//, "");
  return (message) => {
    if (topics !== undefined && !topicMatches(topics, message.topic)) return false;
    if (condition !== undefined) return message.meets(condition);
    return typeof where !== "function" || where(message);
  };
}

export function payloadBytes(payload: unknown): Buffer {
  if (payload === undefined) return Buffer.alloc(0);
  if (typeof payload === "string") return Buffer.from(payload);
  return payload instanceof Uint8Array ? Buffer.from(payload) : Buffer.from(JSON.stringify(payload));
}
