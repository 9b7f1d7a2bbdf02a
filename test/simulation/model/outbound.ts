/** What the broker sends and what it says it does not send: both must be what the model expects. */
import type { BrokerEvent } from "../../../src/broker/index.ts";
import {
  type Connack,
  type Packet,
  PacketType,
  type Properties,
  type Publish,
  encodedLength,
} from "../../../src/codec/index.ts";
import { fail } from "../violation.ts";
import { dropOwed, exchange, takeShared, wasDropped } from "./shared.ts";
import {
  type Content,
  type Delivery,
  type Expected,
  type ModelSession,
  type Peer,
  type State,
  contentBytes,
  describe,
  identityOf,
  travellingProperties,
} from "./state.ts";

/** A packet leaves the broker. `size` is that of its bytes. */
export function sent(state: State, peer: Peer, packet: Packet, size: number, now: number): void {
  if (peer.isClosed) fail("sent-after-close", `${peer.name} gets a packet of type ${packet.type}`);
  // [MQTT-3.1.2-24]
  if (size > peer.maximumPacketSize)
    fail("packet-too-large", `${peer.name} takes ${peer.maximumPacketSize} bytes, not ${size}`);
  if (packet.type === PacketType.PUBLISH) {
    sentPublish(state, peer, packet, now);
    return;
  }
  const expected = peer.expected.shift();
  const problem = expected === undefined ? "nothing was due" : differenceFrom(expected, packet, peer);
  if (problem !== undefined) {
    fail(
      "unexpected-packet",
      `${peer.name} gets ${JSON.stringify(packet)}; due was ${JSON.stringify(expected)}: ${problem}`,
    );
  }
}

function differenceFrom(expected: Expected, packet: Exclude<Packet, Publish>, peer: Peer): string | undefined {
  if (packet.type !== expected.type) return "type";
  if (expected.packetId !== undefined && "packetId" in packet && packet.packetId !== expected.packetId)
    return "packet id";
  if (expected.codes !== undefined && "reasonCode" in packet && !expected.codes.includes(packet.reasonCode))
    return "reason code";
  if (expected.list !== undefined && "reasonCodes" in packet && String(packet.reasonCodes) !== String(expected.list)) {
    return "reason codes";
  }
  if (packet.type === PacketType.CONNACK) return connackDifference(expected, packet);
  // [MQTT-3.1.2-29]
  const properties: Properties | undefined = "properties" in packet ? packet.properties : undefined;
  const explains = properties?.reasonString !== undefined || properties?.userProperties !== undefined;
  const mayExplain = packet.type === PacketType.DISCONNECT || peer.connect.properties?.requestProblemInformation !== 0;
  return explains && !mayExplain ? "problem information that was not asked for" : undefined;
}

const TOLD = ["sessionExpiryInterval", "assignedClientIdentifier", "serverKeepAlive"] as const;

function connackDifference(expected: Expected, packet: Connack): string | undefined {
  if (packet.sessionPresent !== expected.sessionPresent) return "session present";
  for (const name of TOLD) if (packet.properties?.[name] !== expected.properties?.[name]) return name;
  return undefined;
}

// ---- PUBLISH

function sentPublish(state: State, peer: Peer, packet: Publish, now: number): void {
  const { session } = peer;
  if (peer.state !== "open" || session === undefined) return fail("publish-without-session", peer.name);
  const { qos, dup, packetId } = packet;
  const topic = resolveTopic(peer, packet);
  if (dup) {
    const entry = session.toResend.shift();
    // [MQTT-3.3.1-1]; [MQTT-4.6.0-1] sent again in the original order
    if (entry === undefined) return fail("dup-on-first-send", `${peer.name} gets packet id ${packetId}`);
    if (entry.packetId !== packetId)
      fail("resend-order", `${peer.name} gets packet id ${packetId}, due was ${entry.packetId}`);
    const difference = (): string | undefined => differenceOf(entry.delivery, packet, topic, peer, undefined);
    if (difference() !== undefined && entry.isVague) {
      const fits = (one: Delivery): boolean => differenceOf(one, packet, topic, peer, undefined) === undefined;
      entry.delivery = exchange(state, session, entry.delivery, fits);
    }
    const problem = difference();
    // What was first sent without its identifiers may be a copy that was acknowledged meanwhile.
    if (problem !== undefined && !(entry.isVague && problem.startsWith("subscription identifiers"))) {
      fail("resend-differs", `${peer.name} gets ${describe(entry.delivery.content)}: ${problem}`);
    }
    entry.sentTo = peer;
  } else {
    if (qos > 0) checkFirstSend(peer, session, packetId);
    const delivery = takeDelivery(state, peer, session, packet, topic, now);
    if (qos > 0) session.inflight.push({ packetId, delivery, isReleased: false, sentTo: peer, isVague: !peer.isV5 });
  }
  // [MQTT-3.3.4-9]
  if (qos > 0 && peer.inflightCount > peer.receiveMaximum) {
    fail("receive-maximum", `${peer.name} has ${peer.inflightCount} in flight and allows ${peer.receiveMaximum}`);
  }
  return undefined;
}

function checkFirstSend(peer: Peer, session: ModelSession, packetId: number): void {
  if (session.toResend.length > 0) {
    const ids = session.toResend.map((entry) => entry.packetId);
    const isResend = ids.includes(packetId);
    fail(
      isResend ? "dup-missing" : "resend-first",
      `${peer.name} gets packet id ${packetId}, to be sent again are ${ids.join()}`,
    );
  }
  // [MQTT-2.2.1-4]
  if (session.inflight.some((entry) => entry.packetId === packetId))
    fail("packet-id-in-use", `${peer.name}: ${packetId}`);
}

/** [MQTT-3.3.2-12]: aliases are for the connection, and at most as many as the client allows. */
function resolveTopic(peer: Peer, { topic, properties }: Publish): string {
  const alias = properties?.topicAlias;
  if (alias === undefined) return topic;
  const maximum = peer.connect.properties?.topicAliasMaximum ?? 0;
  if (alias > maximum) fail("topic-alias", `${peer.name} gets alias ${alias} and allows ${maximum}`);
  if (topic !== "") peer.outboundAliases.set(alias, topic);
  return peer.outboundAliases.get(alias) ?? fail("topic-alias", `${peer.name} gets the unknown alias ${alias}`);
}

/** Finds what is owed to the session, and takes it away. */
function takeDelivery(
  state: State,
  peer: Peer,
  session: ModelSession,
  packet: Publish,
  topic: string,
  now: number,
): Delivery {
  const fits = (delivery: Delivery): boolean => differenceOf(delivery, packet, topic, peer, now) === undefined;
  const owed = session.owed.find(fits);
  if (owed !== undefined) {
    session.owed = session.owed.filter((other) => other !== owed);
    checkOrder(state, peer, session, owed);
    return owed;
  }
  return takeShared(state, session, fits) ?? fail("not-owed", explain(session, packet, topic, peer, now));
}

/** [MQTT-4.6.0-6]: of one publisher, topic and QoS, in the order in which they came; shared subscriptions have no order. */
function checkOrder(state: State, peer: Peer, session: ModelSession, delivery: Delivery): void {
  const { content, qos, sequence } = delivery;
  // Empty payloads and repeated messages cannot be told apart.
  const isAmbiguous = (one: Content): boolean => one.payload.length === 0 || state.repeated.has(identityOf(one));
  if (isAmbiguous(content)) return;
  const isSameFlow = (other: Delivery): boolean =>
    other.content !== content &&
    !isAmbiguous(other.content) &&
    other.content.publisher === content.publisher &&
    other.content.topic === content.topic &&
    other.qos === qos;
  const overtaken = session.owed.find((other) => other.sequence < sequence && isSameFlow(other));
  if (overtaken !== undefined && !wasDropped(state, session, overtaken))
    fail("order", `${peer.name} gets ${describe(content)} before ${describe(overtaken.content)}`);
  const last = session.lastSent.find(isSameFlow);
  if (last !== undefined && last.sequence > sequence) {
    fail("order", `${peer.name} gets ${describe(content)} after ${describe(last.content)}`);
  }
  session.lastSent = [...session.lastSent.filter((other) => other !== last), delivery];
}

/** @param now undefined where the message was sent before, so that it cannot expire any more [MQTT-4.3.3-7] */
function differenceOf(
  delivery: Delivery,
  packet: Publish,
  topic: string,
  peer: Peer,
  now: number | undefined,
): string | undefined {
  const { content, qos, retain, identifiers } = delivery;
  if (content.topic !== topic) return "topic";
  if (!content.payload.equals(packet.payload)) return "payload";
  if (qos !== packet.qos) return `QoS, which is ${qos}`;
  if (retain !== undefined && retain !== packet.retain) return `RETAIN, which is ${retain}`;
  if (now !== undefined && content.expiresAtMs <= now) return "it has expired"; // [MQTT-3.3.2-5]
  if (!peer.isV5) return undefined;
  const { properties } = packet;
  const sentIdentifiers = (properties?.subscriptionIdentifiers ?? []).toSorted((a, b) => a - b);
  if (String(sentIdentifiers) !== String(identifiers))
    return `subscription identifiers, which are [${identifiers.join()}]`;
  if (travellingProperties(properties) !== content.properties) return `properties, which are ${content.properties}`;
  return now === undefined ? undefined : expiryDifference(content, properties?.messageExpiryInterval, now);
}

/** [MQTT-3.3.2-6] */
function expiryDifference(content: Content, interval: number | undefined, now: number): string | undefined {
  if (content.expiresAtMs === Infinity) return interval === undefined ? undefined : "a message expiry that it has not";
  if (interval === undefined) return "no message expiry";
  const left = (content.expiresAtMs - now) / 1000;
  return Math.abs(interval - left) <= 1 ? undefined : `message expiry, which is ${left}`;
}

function explain(session: ModelSession, packet: Publish, topic: string, peer: Peer, now: number): string {
  const own = [...session.owed];
  const shown = packet.payload.toString("latin1", 0, 40);
  const similar = own.find(({ content }) => content.topic === topic && content.payload.equals(packet.payload));
  const why =
    similar === undefined
      ? "is owed nothing like it"
      : `is owed another: ${differenceOf(similar, packet, topic, peer, now)}`;
  const { qos, retain, dup, packetId, properties } = packet;
  return `${peer.name} gets ${topic}=${shown} ${JSON.stringify({ qos, retain, dup, packetId, properties })} and ${why}`;
}

// ---- what the broker says it does not send

export function claimed(state: State, event: BrokerEvent, now: number): void {
  if (event.type !== "drop" && event.type !== "expire") return;
  const session = event.clientId === undefined ? undefined : state.sessions.get(event.clientId);
  // A session that ends in the same input, perhaps to begin anew, is beyond checking.
  if (session === undefined || state.ended.has(session.clientId)) return;
  const { topic, payload } = event.message;
  const reason = event.type === "drop" ? event.reason : "expired";
  if (reason === "rejected-by-client") return;
  const isSame = ({ content }: Delivery): boolean => content.topic === topic && content.payload.equals(payload);
  const isTrue = (delivery: Delivery): boolean =>
    isSame(delivery) && isJustified(state, session, delivery, reason, now);
  // What is sent again comes before what waits.
  const [resend] = reason === "packet-too-large" ? session.toResend : [];
  if (resend !== undefined && isTrue(resend.delivery)) {
    session.toResend = session.toResend.filter((other) => other !== resend);
    session.inflight = session.inflight.filter((other) => other !== resend);
    return;
  }
  if (takeClaimed(state, session, isTrue, reason)) return;
  const shown = payload.toString("latin1", 0, 40);
  fail("unjustified-drop", `${JSON.stringify(session.clientId)} does not get ${topic}=${shown}: ${reason}`);
}

/** The broker does not say which of several copies it means: the likeliest is taken. */
function takeClaimed(
  state: State,
  session: ModelSession,
  isTrue: (delivery: Delivery) => boolean,
  reason: string,
): boolean {
  const shared = state.shared.flatMap(({ candidates }) => candidates.get(session) ?? []);
  const copies = [...session.owed, ...shared].filter(isTrue).toSorted((a, b) => a.sequence - b.sequence);
  // What does not get into the queue is the newest; what is not sent from there the oldest, unless it need not wait there.
  const newest = copies.at(-1);
  const likeliest =
    reason === "queue-full"
      ? newest?.isRetained === true
        ? newest
        : (copies.findLast(({ qos }) => qos > 0) ?? newest)
      : (copies.find(({ qos, isRetained }) => qos === 0 && !isRetained) ?? copies[0]);
  if (likeliest !== undefined && session.owed.includes(likeliest)) {
    dropOwed(state, session, likeliest);
    return true;
  }
  return (
    takeShared(
      state,
      session,
      (delivery) => (likeliest === undefined ? isTrue(delivery) : delivery === likeliest),
      true,
    ) !== undefined
  );
}

function isJustified(state: State, session: ModelSession, delivery: Delivery, reason: string, now: number): boolean {
  const { peer } = session;
  switch (reason) {
    case "expired":
      return delivery.content.expiresAtMs <= now;
    case "slow-consumer":
      return delivery.qos === 0 && peer?.isCongested() === true;
    case "packet-too-large":
      return peer !== undefined && sizeOf(delivery, peer, now) > peer.maximumPacketSize;
    case "queue-full":
      return isQueueFull(state, session, delivery);
    default:
      return false;
  }
}

function sizeOf({ content, qos, retain, identifiers }: Delivery, peer: Peer, now: number): number {
  const { correlationData, ...others } = JSON.parse(content.properties) as Record<string, unknown>;
  const properties = { ...others } as Properties;
  if (typeof correlationData === "string") properties.correlationData = Buffer.from(correlationData, "hex");
  if (identifiers.length > 0) properties.subscriptionIdentifiers = [...identifiers];
  if (content.expiresAtMs !== Infinity) {
    properties.messageExpiryInterval = Math.max(0, Math.ceil((content.expiresAtMs - now) / 1000));
  }
  const { topic, payload } = content;
  const packet = { topic, payload, qos, retain: retain ?? false, dup: false, packetId: qos === 0 ? 0 : 1, properties };
  return encodedLength({ type: PacketType.PUBLISH, ...packet }, peer.connect.protocolVersion);
}

/** What may wait in the session: what it is owed, and shared messages that may have come to it. */
function isQueueFull(state: State, session: ModelSession, delivery: Delivery): boolean {
  // Which of a group's messages came to this session is not certain: what another one may have got counts, too.
  const shared = [...state.shared, ...state.sharedTaken].flatMap(({ candidates }) => candidates.get(session) ?? []);
  const isBefore = (other: Delivery): boolean => delivery.isRetained || other.sequence < delivery.sequence;
  const waiting = [...session.owed, ...shared].filter((other) => other !== delivery && isBefore(other));
  const bytes = waiting.reduce((sum, { content }) => sum + contentBytes(content), contentBytes(delivery.content));
  return waiting.length >= state.limits.queuedMessagesMax || bytes > state.limits.queuedBytesMax;
}
