/** What the broker sends: it must be what the model expects. */
import { type Connack, type Packet, PacketType, type Properties, type Publish } from "../../../src/codec/index.ts";
import { fail } from "../violation.ts";
import {
  type Delivery,
  type Expected,
  type ModelSession,
  type Peer,
  type State,
  ascending,
  describe,
  isSameList,
  travellingProperties,
} from "./state.ts";

/**
 * What a PUBLISH was made of, as the broker tells its outbox. So copies of a message that look alike to their receiver,
 * one for a group and one for another, need not be guessed at; what the broker tells is checked like the packet.
 */
export interface Origin {
  /** The number of the message. */
  readonly id: number;
  readonly identifiers: readonly number[];
}

/** A packet other than PUBLISH leaves the broker. `size` is that of its bytes. */
export function sent(peer: Peer, packet: Exclude<Packet, Publish>, size: number): void {
  checkPacket(peer, packet, size);
  const expected = peer.expected.shift();
  const problem = expected === undefined ? "nothing was due" : differenceFrom(expected, packet, peer);
  if (problem !== undefined) {
    fail(
      "unexpected-packet",
      `${peer.name} gets ${JSON.stringify(packet)}; due was ${JSON.stringify(expected)}: ${problem}`,
    );
  }
}

function checkPacket(peer: Peer, { type }: Packet, size: number): void {
  if (peer.isClosed) fail("sent-after-close", `${peer.name} gets a packet of type ${type}`);
  // [MQTT-3.1.2-24]
  if (size > peer.maximumPacketSize)
    fail("packet-too-large", `${peer.name} takes ${peer.maximumPacketSize} bytes, not ${size}`);
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
  if (packet.type === PacketType.AUTH && !isSameAuthentication(expected.properties, packet.properties))
    return "authentication method or data";
  // [MQTT-3.1.2-29]
  const properties: Properties | undefined = "properties" in packet ? packet.properties : undefined;
  const explains = properties?.reasonString !== undefined || properties?.userProperties !== undefined;
  const mayExplain = packet.type === PacketType.DISCONNECT || peer.connect.properties?.requestProblemInformation !== 0;
  return explains && !mayExplain ? "problem information that was not asked for" : undefined;
}

const TOLD = ["sessionExpiryInterval", "assignedClientIdentifier", "serverKeepAlive"] as const;

function connackDifference(expected: Expected, packet: Connack): string | undefined {
  if (packet.sessionPresent !== expected.sessionPresent) return "session present";
  if (!isSameAuthentication(expected.properties, packet.properties)) return "authentication method or data";
  for (const name of TOLD) if (packet.properties?.[name] !== expected.properties?.[name]) return name;
  return undefined;
}

function isSameAuthentication(expected: Properties = {}, actual: Properties = {}): boolean {
  const isSameMethod = expected.authenticationMethod === actual.authenticationMethod;
  return isSameMethod && expected.authenticationData?.toString("hex") === actual.authenticationData?.toString("hex");
}

// ---- PUBLISH

/** A PUBLISH leaves the broker. */
export function published(state: State, peer: Peer, packet: Publish, size: number, origin: Origin, now: number): void {
  checkPacket(peer, packet, size);
  const { session } = peer;
  if (peer.state !== "open" || session === undefined) return fail("publish-without-session", peer.name);
  const { qos, dup, packetId } = packet;
  const topic = resolveTopic(peer, packet);
  const copy: Copy = { packet, topic, origin };
  if (dup) {
    const entry = session.toResend.shift();
    // [MQTT-3.3.1-1]; [MQTT-4.6.0-1] sent again in the original order
    if (entry === undefined) return fail("dup-on-first-send", `${peer.name} gets packet id ${packetId}`);
    if (entry.packetId !== packetId)
      fail("resend-order", `${peer.name} gets packet id ${packetId}, due was ${entry.packetId}`);
    // [MQTT-4.3.3-7] an exchange that has begun does not expire
    const problem = differenceOf(entry.delivery, copy, peer, undefined);
    if (problem !== undefined)
      fail("resend-differs", `${peer.name} gets ${describe(entry.delivery.content)}: ${problem}`);
    entry.sentTo = peer;
  } else {
    if (qos > 0) checkFirstSend(peer, session, packetId);
    const delivery = takeDelivery(state, peer, session, copy, now);
    if (qos > 0) session.inflight.push({ packetId, delivery, isReleased: false, sentTo: peer });
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

/** A PUBLISH, the topic that it is for, and what the broker made it of. */
interface Copy {
  readonly packet: Publish;
  readonly topic: string;
  readonly origin: Origin;
}

/** Finds what is owed to the session, and takes it away. */
function takeDelivery(state: State, peer: Peer, session: ModelSession, copy: Copy, now: number): Delivery {
  const fits = (delivery: Delivery): boolean => differenceOf(delivery, copy, peer, now) === undefined;
  const owed = session.owed.find(fits);
  if (owed !== undefined) {
    session.owed = session.owed.filter((other) => other !== owed);
    checkOrder(state, peer, session, owed);
    return owed;
  }
  // For which group it is shows at the end of the input.
  const shared = state.shared.flatMap(({ candidates }) => candidates.get(session) ?? []).find(fits);
  if (shared === undefined) return fail("not-owed", explain(session, copy, peer, now));
  state.sentShared.push({ session, delivery: shared });
  checkOrder(state, peer, session, shared);
  return shared;
}

/** [MQTT-4.6.0-6]: of one publisher, topic and QoS, in the order in which they came. */
function checkOrder(state: State, peer: Peer, session: ModelSession, delivery: Delivery): void {
  const { content, qos, sequence } = delivery;
  const isSameFlow = (other: Delivery): boolean =>
    other.content !== content &&
    other.content.publisher === content.publisher &&
    other.content.topic === content.topic &&
    other.qos === qos;
  // What was dropped on the way is still owed until the end of the input.
  const isDropped = (other: Delivery): boolean =>
    state.claims.some((claim) => claim.session === session && claim.isTrueOf(other));
  const overtaken = session.owed.find((other) => other.sequence < sequence && isSameFlow(other) && !isDropped(other));
  if (overtaken !== undefined)
    fail("order", `${peer.name} gets ${describe(content)} before ${describe(overtaken.content)}`);
  const last = session.lastSent.find(isSameFlow);
  if (last !== undefined && last.sequence > sequence) {
    fail("order", `${peer.name} gets ${describe(content)} after ${describe(last.content)}`);
  }
  session.lastSent = [...session.lastSent.filter((other) => other !== last), delivery];
}

/** @param now undefined where the message was sent before, so that it cannot expire any more [MQTT-4.3.3-7] */
function differenceOf(
  { content, qos, retain, identifiers }: Delivery,
  { packet, topic, origin }: Copy,
  peer: Peer,
  now: number | undefined,
): string | undefined {
  if (content.topic !== topic) return "topic";
  if (!content.payload.equals(packet.payload)) return "payload";
  if (content.id !== origin.id) return `number, which is ${content.id}`;
  if (qos !== packet.qos) return `QoS, which is ${qos}`;
  if (retain !== packet.retain) return `RETAIN, which is ${retain}`;
  if (now !== undefined && content.expiresAtMs <= now) return "it has expired"; // [MQTT-3.3.2-5]
  const isOwed = (given: readonly number[]): boolean => isSameList(ascending(given), identifiers);
  const { properties } = packet;
  if (!isOwed(origin.identifiers) || (peer.isV5 && !isOwed(properties?.subscriptionIdentifiers ?? [])))
    return `subscription identifiers, which are [${identifiers.join()}]`;
  if (!peer.isV5) return undefined;
  if (travellingProperties(properties) !== content.properties) return `properties, which are ${content.properties}`;
  return now === undefined ? undefined : expiryDifference(content, properties?.messageExpiryInterval, now);
}

/** [MQTT-3.3.2-6] */
function expiryDifference(
  { expiresAtMs }: { expiresAtMs: number },
  interval: number | undefined,
  now: number,
): string | undefined {
  if (expiresAtMs === Infinity) return interval === undefined ? undefined : "a message expiry that it has not";
  if (interval === undefined) return "no message expiry";
  const left = (expiresAtMs - now) / 1000;
  return Math.abs(interval - left) <= 1 ? undefined : `message expiry, which is ${left}`;
}

function explain(session: ModelSession, copy: Copy, peer: Peer, now: number): string {
  const { packet, topic, origin } = copy;
  const shown = packet.payload.toString("latin1", 0, 40);
  const similar = session.owed.find(({ content }) => content.id === origin.id);
  const why =
    similar === undefined ? "is owed nothing like it" : `is owed another: ${differenceOf(similar, copy, peer, now)}`;
  const { qos, retain, dup, packetId, properties } = packet;
  return `${peer.name} gets ${topic}=${shown} ${JSON.stringify({ qos, retain, dup, packetId, properties })} and ${why}`;
}
