/** The way of a message to its subscribers. */
import { type Publish, PacketType, type QoS } from "../codec/index.ts";
import type { Broker } from "./broker.ts";
import type { Connection } from "./connection.ts";
import { type Message, secondsToExpiry } from "./message.ts";
import type { DropReason } from "./ports.ts";
import { Queue } from "./queue.ts";
import type { Session } from "./session.ts";
import type { QueuedMessage } from "./session-queue.ts";
import { routeEntry } from "./subscribers.ts";
import type { RouteEntry, Subscription } from "./subscription-tree.ts";

/**
 * Sends a message to everyone whose subscriptions match.
 * @returns true if there is at least one
 */
export function route(broker: Broker, message: Message, now: number): boolean {
  const { entries, groups } = broker.subscriptions.route(message.topic);
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    if (entry.withNoLocal === undefined) deliverEntry(broker, message, entry, now);
    else deliverUnlessLocal(broker, message, entry, entry.withNoLocal, now);
  }
  for (let i = 0; i < groups.length; i++) {
    const member = groups[i]!.pick();
    if (member !== undefined) deliverEntry(broker, message, routeEntry([member]), now);
  }
  return entries.length > 0 || groups.length > 0;
}

function deliverEntry(broker: Broker, message: Message, entry: RouteEntry, now: number): void {
  // [MQTT-3.8.4-8] at the lower of published and granted QoS; [MQTT-3.3.1-12] [MQTT-3.3.1-13] Retain As Published
  const qos = message.qos < entry.qos ? message.qos : entry.qos;
  deliver(broker, entry.session, message, qos, entry.retainAsPublished && message.retain, entry.identifiers, now);
}

/** [MQTT-3.8.3-3] No Local keeps a client's own messages from it, but not from its other subscriptions. */
function deliverUnlessLocal(
  broker: Broker,
  message: Message,
  entry: RouteEntry,
  subscriptions: Subscription[],
  now: number,
): void {
  if (message.publisherId !== entry.session.clientId) {
    deliverEntry(broker, message, entry, now);
    return;
  }
  const others = subscriptions.filter((subscription) => !subscription.noLocal);
  if (others.length > 0) deliverEntry(broker, message, routeEntry(others), now);
}

/** Sends a message to one client, or lets it wait in its session. */
function deliver(
  broker: Broker,
  session: Session,
  message: Message,
  qos: QoS,
  retain: boolean,
  identifiers: number[] | undefined,
  now: number,
): void {
  const { connection } = session;
  if (qos === 0) {
    // Messages of QoS 0 do not wait: not for a client that is away, nor for one that reads too slowly.
    if (connection === undefined) return;
    if (connection.outbox.congested) {
      observeDrop(broker, message, session, "slow-consumer", now);
      return;
    }
    if (session.hasQueuedQos0) enqueue(broker, session, message, qos, retain, identifiers, now);
    else sendPublish(broker, connection, session, message, 0, 0, retain, false, identifiers, now);
  } else if (session.isReady) {
    sendInflight(broker, session, message, qos, retain, identifiers, now);
  } else {
    enqueue(broker, session, message, qos, retain, identifiers, now);
  }
}

/** Sends a retained message to a new subscription. Unlike live ones it waits at QoS 0 as well: it may be one of many. */
export function deliverRetained(
  broker: Broker,
  session: Session,
  message: Message,
  qos: QoS,
  identifiers: number[] | undefined,
  now: number,
): void {
  const { connection } = session;
  if (connection === undefined) return;
  if (qos === 0 && !session.hasQueuedQos0 && !connection.outbox.congested) {
    sendPublish(broker, connection, session, message, 0, 0, true, false, identifiers, now);
  } else if (qos > 0 && session.isReady) {
    sendInflight(broker, session, message, qos, true, identifiers, now);
  } else {
    enqueue(broker, session, message, qos, true, identifiers, now);
  }
}

function enqueue(
  broker: Broker,
  session: Session,
  message: Message,
  qos: QoS,
  retain: boolean,
  subscriptionIdentifiers: number[] | undefined,
  now: number,
): void {
  const queued = { message, qos, retain, subscriptionIdentifiers, recordId: 0 };
  if (session.enqueue(queued, broker.limits)) session.kept?.addQueued(queued);
  else observeDrop(broker, message, session, "queue-full", now);
}

/** Sends what waits in the session, as far as quota and network allow: after acknowledgements, drains and resumption. */
export function resumeSending(broker: Broker, session: Session, now: number): void {
  const { connection } = session;
  if (connection === undefined) return;
  while (session.resend !== undefined && connection.sendQuota > 0 && !connection.outbox.congested) {
    const entry = session.resend.shift()!;
    if (session.resend.length === 0) session.resend = undefined;
    // Acknowledged meanwhile, for the earlier connection: it is not sent again. [MQTT-4.3.3-4]
    if (entry.released || session.inflight.get(entry.packetId) !== entry) continue;
    const { message, packetId, qos, retain, subscriptionIdentifiers } = entry;
    if (!fits(connection, message, qos, retain, subscriptionIdentifiers, now)) {
      session.inflight.remove(packetId);
      session.kept?.removeDelivery(entry);
      observeDrop(broker, message, session, "packet-too-large", now);
      continue;
    }
    entry.countsAgainstQuota = true;
    connection.sendQuota--;
    // [MQTT-3.3.1-1] DUP is set; [MQTT-4.3.3-7] an exchange that has begun does not expire
    sendPublish(broker, connection, session, message, packetId, qos, retain, true, subscriptionIdentifiers, now);
  }
  while (session.resend === undefined && !connection.outbox.congested) {
    const head = session.queue.peek();
    if (head === undefined || (head.qos > 0 && !session.mayBegin)) return;
    session.dequeue();
    const { message, qos, retain, subscriptionIdentifiers } = head;
    if (message.expiresAtMs <= now) {
      // [MQTT-3.3.2-5]
      session.kept?.removeDelivery(head);
      broker.traffic.expired++;
      if (broker.observer !== undefined) broker.observe({ type: "expire", message, clientId: session.clientId }, now);
    } else if (qos === 0) {
      sendPublish(broker, connection, session, message, 0, 0, retain, false, subscriptionIdentifiers, now);
    } else {
      sendInflight(broker, session, message, qos, retain, subscriptionIdentifiers, now, head);
    }
  }
}

/** [MQTT-4.4.0-1] After a reconnection what was under way is sent again, PUBRELs at once, PUBLISHes as the quota allows. */
export function resendInflight(broker: Broker, session: Session, now: number): void {
  const connection = session.connection!;
  for (const entry of session.inflight) {
    entry.countsAgainstQuota = false;
    if (entry.released) connection.acknowledge(PacketType.PUBREL, entry.packetId);
    else (session.resend ??= new Queue()).push(entry);
  }
  resumeSending(broker, session, now);
}

/** Sends a message at QoS 1 or 2 on a ready session: a new one, or one that was queued. */
function sendInflight(
  broker: Broker,
  session: Session,
  message: Message,
  qos: QoS,
  retain: boolean,
  identifiers: number[] | undefined,
  now: number,
  queued?: QueuedMessage,
): void {
  const connection = session.connection!;
  if (!fits(connection, message, qos, retain, identifiers, now)) {
    // [MQTT-3.1.2-25] it counts as delivered
    if (queued !== undefined) session.kept?.removeDelivery(queued);
    observeDrop(broker, message, session, "packet-too-large", now);
    return;
  }
  const packetId = beginDelivery(broker, session, message, qos, retain, identifiers, queued);
  connection.sendQuota--;
  sendPublish(broker, connection, session, message, packetId, qos, retain, false, identifiers, now);
}

/** Notes the message as under way. @returns its packet identifier */
function beginDelivery(
  broker: Broker,
  session: Session,
  message: Message,
  qos: QoS,
  retain: boolean,
  identifiers: number[] | undefined,
  queued: QueuedMessage | undefined,
): number {
  // An observer is told which message the client rejects.
  if (session.endsWithConnection && broker.observer === undefined) return session.inflight.begin(qos);
  const entry = session.inflight.add(message, qos, retain, identifiers);
  if (session.kept !== undefined) {
    if (queued !== undefined) entry.recordId = queued.recordId;
    session.kept.putInflight(entry);
  }
  return entry.packetId;
}

function sendPublish(
  broker: Broker,
  connection: Connection,
  session: Session,
  message: Message,
  packetId: number,
  qos: QoS,
  retain: boolean,
  dup: boolean,
  identifiers: number[] | undefined,
  now: number,
): void {
  if (qos === 0 && !fits(connection, message, qos, retain, identifiers, now)) {
    observeDrop(broker, message, session, "packet-too-large", now);
    return;
  }
  const expiry = secondsToExpiry(message, now);
  const alias = connection.outboundAliases === undefined ? 0 : aliasFor(connection, message, qos, identifiers, now);
  connection.outbox.publish(message, packetId, qos, retain, dup, identifiers, expiry, alias);
  broker.traffic.messagesSent++;
  if (broker.observer !== undefined) {
    broker.observe({ type: "deliver", message, clientId: session.clientId, qos }, now);
  }
}

/** What a topic alias may add to a packet: itself, and a longer property and remaining length. */
const ALIAS_BYTES_MAX = 5;

/** For a client that takes packets of a certain size only, no alias where there is no room to set one. */
function aliasFor(
  connection: Connection,
  message: Message,
  qos: QoS,
  identifiers: number[] | undefined,
  now: number,
): number {
  if (!fits(connection, message, qos, false, identifiers, now, ALIAS_BYTES_MAX)) return 0;
  return connection.outboundAliases!.use(message.topic);
}

/** False if the client does not take a packet as large as this one would be. [MQTT-3.1.2-24] */
function fits(
  connection: Connection,
  message: Message,
  qos: QoS,
  retain: boolean,
  identifiers: number[] | undefined,
  now: number,
  spareBytes = 0,
): boolean {
  if (connection.acceptsAnySize) return true;
  const expiry = secondsToExpiry(message, now);
  const packet = publishPacket(message, qos === 0 ? 0 : 1, qos, retain, false, identifiers, expiry);
  return connection.accepts(packet, spareBytes);
}

/** The PUBLISH packet with which a message is sent; for `topicAlias` see `Outbox.publish`. */
export function publishPacket(
  message: Message,
  packetId: number,
  qos: QoS,
  retain: boolean,
  dup: boolean,
  subscriptionIdentifiers: number[] | undefined,
  messageExpiryInterval: number | undefined,
  topicAlias = 0,
): Publish {
  const topic = topicAlias > 0 ? "" : message.topic;
  const { payload } = message;
  let { properties } = message;
  if (subscriptionIdentifiers !== undefined || messageExpiryInterval !== undefined || topicAlias !== 0) {
    properties = { ...properties };
    if (topicAlias !== 0) properties.topicAlias = Math.abs(topicAlias);
    if (subscriptionIdentifiers !== undefined) properties.subscriptionIdentifiers = subscriptionIdentifiers;
    if (messageExpiryInterval !== undefined) properties.messageExpiryInterval = messageExpiryInterval;
  }
  return { type: PacketType.PUBLISH, topic, payload, qos, retain, dup, packetId, properties };
}

export function observeDrop(
  broker: Broker,
  message: Message,
  session: Session | undefined,
  reason: DropReason,
  now: number,
): void {
  broker.traffic.countDrop(reason);
  if (broker.observer === undefined) return;
  broker.observe({ type: "drop", message, reason, ...(session && { clientId: session.clientId }) }, now);
}
