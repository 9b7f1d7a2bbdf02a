import { PacketType, ReasonCode, encodedLength, isTopicName, reasonCodeName } from "../codec/index.ts";
import type { Broker } from "./broker.ts";
import { observeDrop } from "./delivery.ts";
import { type Message, forwardedProperties } from "./message.ts";
import type { InternalPublish, PublishOutcome } from "./ports.ts";
import { RESERVED, type Refusal, acceptMessage, checkPublish, isReserved } from "./publishing.ts";
import { Session } from "./session.ts";
import { isWithinLimits } from "./topics.ts";

/** Messages that came about through each other, before the next one is taken for a loop. */
export const HOPS_MAX = 8;

/**
 * A publisher within the server, which is no client: the management API, a Worker. Among messages that have as many hops,
 * and skip the hooks or not, each keeps its order. The others do not wait for it: a hook may wait for what it publishes.
 */
export class InternalPublisher {
  /** What stands where others have a client id. */
  readonly id: string;
  readonly #broker: Broker;
  /** By hops; those that skip the hooks have one of their own. */
  readonly #lanes = new Map<number, Session>();
  readonly #waiting = new Map<number, (outcome: PublishOutcome) => void>();
  #lastNumber = 0;

  constructor(broker: Broker, id: string) {
    this.#broker = broker;
    this.id = id;
  }

  /** @param done called once: at once, or when the hooks have decided */
  publish(publish: InternalPublish, now: number, done: (outcome: PublishOutcome) => void): void {
    const session = this.#laneOf(publish);
    const refusal = this.#check(publish, session);
    if (refusal !== undefined) {
      done(refusal);
      return;
    }
    const message = this.#messageOf(publish, now);
    if (message.hops !== undefined && message.hops > HOPS_MAX) {
      if (this.#broker.observer !== undefined) this.#broker.observe({ type: "publish", message }, now);
      observeDrop(this.#broker, message, undefined, "loop", now);
      const reason = `a loop: the message came about through ${HOPS_MAX} others that ${this.id} published`;
      done({ reasonCode: ReasonCode.QuotaExceeded, reason });
      return;
    }
    const number = ++this.#lastNumber;
    this.#waiting.set(number, done);
    acceptMessage(this.#broker, session, undefined, number, message, now);
  }

  #laneOf({ skipsHooks = false, hops = 0 }: InternalPublish): Session {
    // More hops than may be are refused: there are as many lanes at most.
    const key = skipsHooks ? -1 : Math.min(hops, HOPS_MAX);
    let session = this.#lanes.get(key);
    if (session === undefined) {
      session = this.#createSession();
      session.skipsHooks = skipsHooks;
      this.#lanes.set(key, session);
    }
    return session;
  }

  /** Not one of the broker's: it has a queue for messages that wait for hooks, and nothing else of a session. */
  #createSession(): Session {
    const session = new Session(this.id, 0);
    session.onSettled = (number, reasonCode, reason) => {
      const done = this.#waiting.get(number);
      this.#waiting.delete(number);
      done?.({ reasonCode, reason: reason ?? reasonCodeName(reasonCode) });
    };
    return session;
  }

  #check(publish: InternalPublish, session: Session): Refusal | undefined {
    const { topic, properties } = publish;
    const { limits } = this.#broker;
    if (!isTopicName(topic) || !isWithinLimits(topic, limits)) {
      const reason = "the topic name is empty, has a wildcard, or is too long or too deep";
      return { reasonCode: ReasonCode.TopicNameInvalid, reason };
    }
    if (isReserved(topic)) return RESERVED;
    if (properties?.responseTopic !== undefined && !isTopicName(properties.responseTopic)) {
      // [MQTT-3.3.2-14]
      return { reasonCode: ReasonCode.ProtocolError, reason: "the response topic is empty, or has a wildcard" };
    }
    let bytes: number;
    try {
      bytes = encodedLength({ ...publish, type: PacketType.PUBLISH, dup: false, packetId: publish.qos && 1 }, 5);
    } catch (error) {
      return { reasonCode: ReasonCode.MalformedPacket, reason: (error as Error).message };
    }
    if (bytes > limits.packetBytesMax) {
      return { reasonCode: ReasonCode.PacketTooLarge, reason: `the message takes ${bytes} bytes` };
    }
    if (session.publishing.isFull(limits)) {
      return { reasonCode: ReasonCode.QuotaExceeded, reason: "as many messages wait for the hook as may" };
    }
    return checkPublish(this.#broker, session, publish, topic);
  }

  #messageOf({ topic, payload, qos, retain, properties, hops = 0 }: InternalPublish, now: number): Message {
    const expiryInterval = properties?.messageExpiryInterval;
    return {
      id: this.#broker.nextMessageId(),
      topic,
      payload,
      qos,
      retain,
      properties: forwardedProperties(properties),
      publisherId: this.id,
      tokenId: undefined,
      receivedAtMs: now,
      expiresAtMs: expiryInterval === undefined ? Infinity : now + expiryInterval * 1000,
      ...(hops > 0 && { hops }),
    };
  }
}
