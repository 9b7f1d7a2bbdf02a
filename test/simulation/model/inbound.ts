/** What a packet of a client must lead to. */
import {
  type Packet,
  PacketType,
  type Publish,
  ReasonCode,
  SUBACK_FAILURE,
  type Subscribe,
  isWellFormedUtf8,
} from "../../../src/codec/index.ts";
import { auth, continued } from "./authentication.ts";
import { isTopic, matches, parse } from "./matching.ts";
import { accept, acknowledge, hasRoomFor } from "./publications.ts";
import { closeByServer, disconnected } from "./sessions.ts";
import {
  type Content,
  type Inflight,
  type ModelSession,
  type Peer,
  type State,
  travellingProperties,
} from "./state.ts";

export function receive(state: State, peer: Peer, packet: Packet, now: number): void {
  const { session } = peer;
  if (peer.state === "challenged") continued(state, peer, packet, now);
  if (peer.state !== "open" || session === undefined) return;
  peer.heardAtMs = now;
  if (isTooMany(state, peer, now)) {
    closeByServer(state, peer, ReasonCode.MessageRateTooHigh, now);
    return;
  }
  switch (packet.type) {
    case PacketType.PUBLISH:
      publish(state, peer, session, packet, now);
      return;
    case PacketType.PUBACK:
    case PacketType.PUBCOMP:
      acknowledged(state, peer, session, packet, now);
      return;
    case PacketType.PUBREC:
      received(state, peer, session, packet, now);
      return;
    case PacketType.PUBREL: {
      const isKnown = session.receivedQos2.delete(packet.packetId);
      peer.unacknowledged.delete(packet.packetId);
      const code = isKnown || !peer.isV5 ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound;
      peer.expected.push({ type: PacketType.PUBCOMP, packetId: packet.packetId, codes: [code] });
      return;
    }
    case PacketType.SUBSCRIBE:
      subscribe(state, peer, session, packet, now);
      return;
    case PacketType.UNSUBSCRIBE: {
      const list = packet.topicFilters.map((key) => unsubscribe(session, key));
      peer.expected.push({ type: PacketType.UNSUBACK, packetId: packet.packetId, list: peer.isV5 ? list : [] });
      return;
    }
    case PacketType.PINGREQ:
      peer.expected.push({ type: PacketType.PINGRESP });
      return;
    case PacketType.DISCONNECT:
      disconnected(state, peer, packet, now);
      return;
    case PacketType.AUTH:
      auth(state, peer, packet, now);
      return;
    default:
      closeByServer(state, peer, ReasonCode.ProtocolError, now);
  }
}

/** Seconds are counted from a packet on, one after the other. */
function isTooMany({ limits: { packetsPerSecondMax } }: State, peer: Peer, now: number): boolean {
  if (packetsPerSecondMax === 0) return false;
  if (now - (peer.second[0] ?? -Infinity) >= 1000) peer.second = [];
  peer.second.push(now);
  return peer.second.length > packetsPerSecondMax;
}

// ---- PUBLISH

function publish(state: State, peer: Peer, session: ModelSession, packet: Publish, now: number): void {
  const close = (code: number): void => closeByServer(state, peer, code, now);
  const { qos, packetId, properties } = packet;
  if (properties?.subscriptionIdentifiers !== undefined) return close(ReasonCode.ProtocolError); // [MQTT-3.3.4-6]
  const alias = properties?.topicAlias;
  if (alias !== undefined && (alias === 0 || alias > state.limits.topicAliasMaximum)) {
    return close(ReasonCode.TopicAliasInvalid); // [MQTT-3.3.2-8] [MQTT-3.3.2-9]
  }
  const topic = packet.topic || (alias === undefined ? undefined : peer.aliases.get(alias));
  if (topic === undefined) return close(ReasonCode.ProtocolError);
  if (!isTopic(topic) || topic.split("/").length > state.limits.topicLevelsMax)
    return close(ReasonCode.TopicNameInvalid);
  if (alias !== undefined) peer.aliases.set(alias, topic);

  if (qos > 0 && !begin(state, peer, session, packet, close)) return undefined;
  const content: Content = {
    id: 0,
    topic,
    payload: packet.payload,
    qos,
    retain: packet.retain,
    properties: travellingProperties(properties),
    publisherId: session.clientId,
    tokenId: peer.principal?.tokenId,
    publisher: session,
    expiresAtMs: now + (properties?.messageExpiryInterval ?? Infinity) * 1000,
  };
  const publication = { content, peer, packetId, verdict: undefined, isSubmitted: false };
  const refusal = refusalOf(state, peer, packet, topic);
  if (refusal === undefined) accept(state, session, publication, now);
  else if (peer.isV5 && qos > 0) acknowledge(session, publication, [refusal]);
  else close(refusal);
  return undefined;
}

/** @returns false where the exchange has begun before, or may not begin */
function begin(
  state: State,
  peer: Peer,
  session: ModelSession,
  { qos, packetId }: Publish,
  close: (code: number) => void,
): boolean {
  const { unacknowledged } = peer;
  const count = unacknowledged.size + (unacknowledged.has(packetId) ? 0 : 1);
  // [MQTT-3.3.4-7]
  if (peer.isV5 && count > state.limits.receiveMaximum) {
    close(ReasonCode.ReceiveMaximumExceeded);
    return false;
  }
  if (qos === 1) {
    if (!peer.isV5 || !unacknowledged.has(packetId)) return true;
    close(ReasonCode.ProtocolError);
    return false;
  }
  unacknowledged.add(packetId);
  if (!session.receivedQos2.has(packetId)) return true;
  // [MQTT-4.3.3-10]: acknowledged again, and not routed again.
  const pending = session.receivedQos2.get(packetId);
  if (pending === undefined) peer.expected.push({ type: PacketType.PUBREC, packetId, codes: [0] });
  else pending.peer = peer;
  return false;
}

function refusalOf(state: State, peer: Peer, packet: Publish, topic: string): number | undefined {
  if (topic.startsWith("$SYS/") || peer.principal?.acl?.mayPublish(topic) === false) return ReasonCode.NotAuthorized;
  if (packet.properties?.payloadFormatIndicator === 1 && !isWellFormedUtf8(packet.payload)) {
    return ReasonCode.PayloadFormatInvalid;
  }
  if (
    packet.retain &&
    packet.payload.length > 0 &&
    !hasRoomFor(state, { topic, payload: packet.payload, properties: travellingProperties(packet.properties) })
  ) {
    return ReasonCode.QuotaExceeded;
  }
  return undefined;
}

// ---- acknowledgements

/** PUBACK or PUBCOMP. [MQTT-4.3.2-3] [MQTT-4.3.3-6] */
function acknowledged(
  state: State,
  peer: Peer,
  session: ModelSession,
  { type, packetId }: { type: number; packetId: number },
  now: number,
): void {
  const entry = session.inflight.find((one) => one.packetId === packetId);
  if (entry === undefined) return;
  const isDue = type === PacketType.PUBACK ? entry.delivery.qos === 1 : entry.isReleased;
  if (isDue) complete(session, entry);
  else closeByServer(state, peer, ReasonCode.ProtocolError, now);
}

/** PUBREC. [MQTT-4.3.3-4] */
function received(
  state: State,
  peer: Peer,
  session: ModelSession,
  { packetId, reasonCode }: { packetId: number; reasonCode: number },
  now: number,
): void {
  const entry = session.inflight.find((one) => one.packetId === packetId);
  if (entry === undefined) {
    const code = peer.isV5 ? ReasonCode.PacketIdentifierNotFound : ReasonCode.Success;
    if (reasonCode < 0x80) peer.expected.push({ type: PacketType.PUBREL, packetId, codes: [code] });
    return;
  }
  if (entry.delivery.qos !== 2) {
    closeByServer(state, peer, ReasonCode.ProtocolError, now);
    return;
  }
  if (reasonCode >= 0x80) {
    complete(session, entry);
    return;
  }
  if (!entry.isReleased) {
    entry.isReleased = true;
    // PUBRELs are sent again in the order of the PUBRECs. [MQTT-4.6.0-4]
    session.inflight = [...session.inflight.filter((one) => one !== entry), entry];
    session.toResend = session.toResend.filter((one) => one !== entry); // [MQTT-4.3.3-5]
  }
  peer.expected.push({ type: PacketType.PUBREL, packetId, codes: [0] });
}

function complete(session: ModelSession, entry: Inflight): void {
  session.inflight = session.inflight.filter((one) => one !== entry);
  session.toResend = session.toResend.filter((one) => one !== entry);
}

// ---- SUBSCRIBE, UNSUBSCRIBE

function subscribe(state: State, peer: Peer, session: ModelSession, packet: Subscribe, now: number): void {
  // [MQTT-3.8.3-4]
  if (packet.subscriptions.some(({ noLocal, topicFilter }) => noLocal && topicFilter.startsWith("$share/"))) {
    closeByServer(state, peer, ReasonCode.ProtocolError, now);
    return;
  }
  const identifier = packet.properties?.subscriptionIdentifiers?.[0] ?? 0;
  const list = packet.subscriptions.map((request) => grant(state, peer, session, request, identifier, now));
  const codes = list.map((code) => (code >= 0x80 && !peer.isV5 ? SUBACK_FAILURE : code));
  peer.expected.push({ type: PacketType.SUBACK, packetId: packet.packetId, list: codes });
}

/** @returns the code for SUBACK */
function grant(
  state: State,
  peer: Peer,
  session: ModelSession,
  { topicFilter: key, qos, noLocal, retainAsPublished, retainHandling }: Subscribe["subscriptions"][number],
  identifier: number,
  now: number,
): number {
  const parsed = parse(key);
  const { topicLevelsMax, subscriptionsPerSessionMax } = state.limits;
  if (parsed === undefined || parsed.filter.split("/").length > topicLevelsMax) return ReasonCode.TopicFilterInvalid;
  if (peer.principal?.acl?.maySubscribe(parsed.filter) === false) return ReasonCode.NotAuthorized;
  const others = session.subscriptions.filter((one) => one.key !== key);
  const isNew = others.length === session.subscriptions.length;
  if (isNew && others.length >= subscriptionsPerSessionMax) return ReasonCode.QuotaExceeded;
  session.subscriptions = [...others, { ...parsed, key, qos, noLocal, retainAsPublished, identifier }]; // [MQTT-3.8.4-3]
  const wantsRetained = retainHandling === 0 || (retainHandling === 1 && isNew);
  if (!wantsRetained || parsed.shareName !== undefined) return qos;
  for (const content of state.retained.values()) {
    if (content.expiresAtMs <= now || !matches(parsed.filter, content.topic)) continue;
    // No Local does not ask who published a retained message: the standard is unclear, brokers are like this.
    session.owed.push({
      sequence: state.nextSequence(),
      content,
      qos: content.qos < qos ? content.qos : qos,
      retain: true,
      identifiers: identifier === 0 ? [] : [identifier],
      isRetained: true,
    });
  }
  return qos;
}

function unsubscribe(session: ModelSession, key: string): number {
  const others = session.subscriptions.filter((one) => one.key !== key);
  if (others.length < session.subscriptions.length) {
    session.subscriptions = others;
    return ReasonCode.Success;
  }
  return parse(key) === undefined ? ReasonCode.TopicFilterInvalid : ReasonCode.NoSubscriptionExisted;
}
