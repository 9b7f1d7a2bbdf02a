/** The way of a message from its publisher through the hooks to its acknowledgement. */
import { type Publish, PacketType, ReasonCode, isWellFormedUtf8 } from "../codec/index.ts";
import type { Broker } from "./broker.ts";
import type { Connection } from "./connection.ts";
import { deadLetter } from "./dead-letter.ts";
import { observeDrop, route } from "./delivery.ts";
import type { Message } from "./message.ts";
import type { QueuedPublish } from "./publish-queue.ts";
import type { Session } from "./session.ts";

/** Why a message is not taken over. */
export interface Refusal {
  readonly reasonCode: ReasonCode;
  readonly reason: string;
}

export const RESERVED: Refusal = {
  reasonCode: ReasonCode.NotAuthorized,
  reason: "topics below $SYS are the broker's",
};

export function isReserved(topic: string): boolean {
  return topic.startsWith("$SYS/");
}

/** Whether the broker can take over a message, whoever publishes it. */
export function checkPublish(
  broker: Broker,
  session: Session,
  { payload, qos, retain, properties }: Pick<Publish, "payload" | "qos" | "retain" | "properties">,
  topic: string,
): Refusal | undefined {
  if (properties?.payloadFormatIndicator === 1 && !isWellFormedUtf8(payload)) {
    // §3.3.2.3.2
    return { reasonCode: ReasonCode.PayloadFormatInvalid, reason: "the payload is said to be UTF-8 and is not" };
  }
  if (retain && !broker.retained.hasRoomFor({ topic, payload, properties }, broker.limits)) {
    return { reasonCode: ReasonCode.QuotaExceeded, reason: "the broker keeps no more retained messages" };
  }
  const { keeper } = broker;
  if (keeper?.isFull && keeper.wouldKeep(session, { payload, qos, retain }, broker.subscriptions.route(topic))) {
    return { reasonCode: ReasonCode.QuotaExceeded, reason: "the broker has no room to keep the message" };
  }
  return undefined;
}

/**
 * Takes over a message from a client, or its will: routes it at once, or hands it to the hooks first.
 * @param connection where to acknowledge; undefined for a will, and for a publisher within the server
 * @param packetId 0 at QoS 0; of a publisher within the server its number for the message
 */
export function acceptMessage(
  broker: Broker,
  session: Session,
  connection: Connection | undefined,
  packetId: number,
  message: Message,
  now: number,
): void {
  broker.traffic.messagesReceived++;
  if (broker.observer !== undefined) broker.observe({ type: "publish", message }, now);
  const hooks = !session.skipsHooks && broker.hooks?.wants(message.topic) ? broker.hooks : undefined;
  if (hooks === undefined && session.publishing.length === 0) {
    if (connection !== undefined && message.qos === 2) session.receivedQos2.set(packetId, undefined);
    complete(broker, session, connection, packetId, message, now);
    return;
  }
  // Wills come when reading has stopped already: as much again is for them.
  if (connection === undefined && session.publishing.isFull(broker.limits, 2)) {
    observeDrop(broker, message, undefined, "queue-full", now);
    return;
  }
  const publish: QueuedPublish = { message, session, connection, packetId, verdict: undefined, report: undefined };
  session.publishing.push(publish);
  if (connection !== undefined) {
    if (message.qos === 1) connection.unacknowledged.add(packetId);
    if (message.qos === 2) session.receivedQos2.set(packetId, publish);
    if (session.publishing.isFull(broker.limits)) connection.pauseReading();
  }
  // Behind messages of its publisher that still wait for a hook, one that goes to none waits too: order is kept.
  if (hooks === undefined) publish.verdict = { kind: "accept" };
  else hooks.submit(publish);
}

/** Acts on the verdict of the hooks. */
export function finishPublish(broker: Broker, publish: QueuedPublish, now: number): void {
  const { message, session, connection, packetId, report } = publish;
  const verdict = publish.verdict!;
  if (message.qos === 2 && connection !== undefined) session.receivedQos2.set(packetId, undefined);
  if (broker.observer !== undefined && report !== undefined) {
    broker.observe({ type: "hook", message, verdict, report }, now);
  }
  switch (verdict.kind) {
    case "accept":
      complete(broker, session, connection, packetId, message, now);
      break;
    case "replace": {
      const { payload, properties } = verdict;
      complete(broker, session, connection, packetId, { ...message, payload, properties }, now);
      break;
    }
    case "drop":
      publishDeadLetter(broker, publish, verdict, now);
      acknowledge(session, connection, message, packetId, ReasonCode.Success);
      break;
    case "reject":
      if (!canBeTold(publish)) publishDeadLetter(broker, publish, verdict, now);
      acknowledge(session, connection, message, packetId, verdict.reasonCode, verdict.reason);
      break;
  }
  const current = session.connection;
  if (current?.paused && session.publishing.isHalfEmpty(broker.limits)) current.resumeReading();
}

/** False for a publisher that does not get to know of a failure, and so will not send the message again. */
function canBeTold({ message, session, connection }: QueuedPublish): boolean {
  if (connection === undefined) return session.onSettled !== undefined;
  return message.qos > 0 && connection.isV5;
}

/** Publishes what is lost where its broker collects such messages. It goes to no hook, so it cannot be lost again. */
function publishDeadLetter(
  broker: Broker,
  { message }: QueuedPublish,
  { reason, deadLetterTopic }: { readonly reason: string; readonly deadLetterTopic?: string },
  now: number,
): void {
  if (deadLetterTopic === undefined) return;
  const letter = deadLetter(message, broker.nextMessageId(), deadLetterTopic, reason);
  if (broker.observer !== undefined) broker.observe({ type: "publish", message: letter }, now);
  publishNow(broker, letter, now);
}

/** Publishes and acknowledges a message. */
function complete(
  broker: Broker,
  session: Session,
  connection: Connection | undefined,
  packetId: number,
  message: Message,
  now: number,
): void {
  acknowledge(session, connection, message, packetId, publishNow(broker, message, now));
}

/**
 * Retains and routes a message: from here on it is the broker's.
 * @returns the reason code for its publisher
 */
function publishNow(broker: Broker, message: Message, now: number): ReasonCode {
  if (message.expiresAtMs <= now) {
    broker.traffic.expired++;
    if (broker.observer !== undefined) broker.observe({ type: "expire", message }, now);
    return ReasonCode.Success;
  }
  if (message.retain) {
    // Arrivals were checked; wills were not, and those that waited for a hook may have become more, or larger.
    if (broker.retained.hasRoomFor(message, broker.limits)) broker.retained.put(message);
    else observeDrop(broker, message, undefined, "retained-quota", now);
  }
  return route(broker, message, now) ? ReasonCode.Success : ReasonCode.NoMatchingSubscribers;
}

/**
 * Sends PUBACK or PUBREC. [MQTT-4.3.2-4] [MQTT-4.3.3-8] A failure ends the exchange; MQTT 3.x clients, which cannot be
 * told, get a plain acknowledgement (3.1.1 [MQTT-3.3.5-2]).
 */
export function acknowledge(
  session: Session,
  connection: Connection | undefined,
  message: { readonly qos: number },
  packetId: number,
  reasonCode: number,
  reason?: string,
): void {
  if (connection === undefined) {
    session.onSettled?.(packetId, reasonCode, reason);
    return;
  }
  if (message.qos === 0) return;
  const failed = reasonCode >= 0x80 && connection.isV5;
  if (message.qos === 1) connection.unacknowledged.delete(packetId);
  if (message.qos === 2) {
    if (failed) {
      session.receivedQos2.delete(packetId);
      connection.unacknowledged.delete(packetId);
    } else {
      session.kept?.addReceived(packetId);
    }
  }
  if (connection.state !== "open") return;
  const type = message.qos === 1 ? PacketType.PUBACK : PacketType.PUBREC;
  const code = connection.isV5 ? reasonCode : 0;
  if (reason === undefined) connection.acknowledge(type, packetId, code);
  else connection.sendWithReason({ type, packetId, reasonCode: code }, reason);
}
