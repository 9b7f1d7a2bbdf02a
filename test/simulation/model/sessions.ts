/** Connections, sessions and wills, from CONNECT to their end. */
import type { Principal } from "../../../src/broker/index.ts";
import { type Connect, type Packet, PacketType, type Properties, ReasonCode } from "../../../src/codec/index.ts";
import { accept } from "./publications.ts";
import { ModelSession, type ModelWill, type Peer, type State, travellingProperties } from "./state.ts";

const NEVER = 0xffffffff;

/** @param said what the server says of the authentication, in CONNACK */
export function open(state: State, peer: Peer, principal: Principal, said: Properties, now: number): void {
  const { connect } = peer;
  const clientId = connect.clientId || (principal.clientId ?? state.nextClientId());
  const before = state.sessions.get(clientId);
  if (before?.peer !== undefined) closeByServer(state, before.peer, ReasonCode.SessionTakenOver, now); // [MQTT-3.1.4-3]
  const existing = state.sessions.get(clientId);
  if (existing !== undefined && connect.cleanStart) endSession(state, existing, now); // [MQTT-3.1.2-4]
  const resumed = state.sessions.get(clientId);
  const session = resumed ?? new ModelSession(clientId);
  state.sessions.set(clientId, session);

  const requested = requestedExpiry(connect);
  session.expirySeconds = Math.min(requested, state.limits.sessionExpiryMaxSeconds);
  session.expiresAtMs = Infinity;
  session.willDueMs = Infinity; // [MQTT-3.1.3-9]
  session.will = willOf(connect, clientId, principal.tokenId);
  session.peer = peer;
  peer.session = session;
  peer.state = "open";
  applyPrincipal(peer, session, principal);
  const keepAlive = keepAliveOf(state, connect);
  peer.silenceMaxMs = keepAlive > 0 ? keepAlive * 1500 : Infinity;
  peer.heardAtMs = now;

  const properties: Properties = { ...said };
  if (peer.isV5 && session.expirySeconds !== requested) properties.sessionExpiryInterval = session.expirySeconds;
  if (peer.isV5 && connect.clientId === "") properties.assignedClientIdentifier = clientId; // [MQTT-3.2.2-16]
  if (peer.isV5 && keepAlive !== connect.keepAlive) properties.serverKeepAlive = keepAlive;
  // [MQTT-3.2.2-2] [MQTT-3.2.2-3]; MQTT 3.1 has no Session Present.
  const sessionPresent = resumed !== undefined && connect.protocolVersion !== 3;
  peer.expected.push({ type: PacketType.CONNACK, codes: [0], sessionPresent, properties });
  // [MQTT-4.4.0-1]
  session.toResend = session.inflight.filter(({ isReleased }) => !isReleased);
  for (const { packetId, isReleased } of session.inflight) {
    if (isReleased) peer.expected.push({ type: PacketType.PUBREL, packetId, codes: [0] });
  }
}

/** The connection has the rights of its credentials, and they may be fewer than those before. */
export function applyPrincipal(peer: Peer, session: ModelSession, principal: Principal): void {
  peer.principal = principal;
  session.subscriptions = session.subscriptions.filter(({ filter }) => principal.acl?.maySubscribe(filter) !== false);
}

function requestedExpiry({ protocolVersion, cleanStart, properties }: Connect): number {
  if (protocolVersion === 5) return properties?.sessionExpiryInterval ?? 0;
  return cleanStart ? 0 : NEVER;
}

/** Between the limits, and the upper one counts more; 3.x clients cannot be told of another than theirs. */
function keepAliveOf({ limits }: State, { keepAlive, protocolVersion }: Connect): number {
  if (protocolVersion !== 5) return keepAlive;
  const shortest = keepAlive === 0 ? Infinity : Math.max(keepAlive, limits.keepAliveMinSeconds);
  const longest = Math.min(shortest, limits.keepAliveMaxSeconds || Infinity);
  return longest === Infinity ? 0 : longest;
}

function willOf({ will }: Connect, publisherId: string, tokenId: string | undefined): ModelWill | undefined {
  if (will === undefined) return undefined;
  const { topic, payload, qos, retain, properties } = will;
  return {
    content: { topic, payload, qos, retain, publisherId, tokenId, properties: travellingProperties(properties) },
    delayMs: (properties?.willDelayInterval ?? 0) * 1000,
    expiryMs: (properties?.messageExpiryInterval ?? Infinity) * 1000,
  };
}

// ---- the end

/** The client said goodbye. */
export function disconnected(state: State, peer: Peer, packet: Extract<Packet, { type: 14 }>, now: number): void {
  const session = peer.session!;
  const expirySeconds = packet.properties?.sessionExpiryInterval;
  if (expirySeconds !== undefined) {
    if (expirySeconds > 0 && (peer.connect.properties?.sessionExpiryInterval ?? 0) === 0) {
      closeByServer(state, peer, ReasonCode.ProtocolError, now); // §3.14.2.2.2
      return;
    }
    session.expirySeconds = Math.min(expirySeconds, state.limits.sessionExpiryMaxSeconds);
  }
  if (packet.reasonCode === 0) session.will = undefined; // [MQTT-3.14.4-3]
  end(state, peer, now);
}

/** The server ends the connection, and tells clients of MQTT 5 why. */
export function closeByServer(state: State, peer: Peer, code: number, now: number): void {
  closeAll(state, [peer], code, now);
}

/** Nobody of them gets anything more, not even the wills of the others. */
export function closeAll(state: State, peers: readonly Peer[], code: number, now: number): void {
  const open = peers.filter((peer) => peer.state !== "closed");
  for (const peer of open) {
    if (peer.state === "open" && peer.isV5) peer.expected.push({ type: PacketType.DISCONNECT, codes: [code] });
    detach(state, peer);
  }
  for (const { session } of open) if (session !== undefined) goOffline(state, session, now);
}

export function end(state: State, peer: Peer, now: number): void {
  if (peer.state === "closed") return;
  detach(state, peer);
  if (peer.session !== undefined) goOffline(state, peer.session, now);
}

function detach(state: State, peer: Peer): void {
  dismiss(state, peer);
  if (peer.session === undefined) return;
  peer.session.peer = undefined;
  peer.session.toResend = [];
}

function goOffline(state: State, session: ModelSession, now: number): void {
  if (session.expirySeconds === 0) {
    endSession(state, session, now);
    return;
  }
  if (session.will !== undefined) session.willDueMs = now + session.will.delayMs;
  if (session.willDueMs === now) publishWill(state, session, now);
  if (session.expirySeconds !== NEVER) session.expiresAtMs = now + session.expirySeconds * 1000;
}

/** A connection without a session, or no longer with one. */
export function dismiss(state: State, peer: Peer): void {
  peer.state = "closed";
  peer.isCloseDue = true;
  state.peers.delete(peer);
}

export function endSession(state: State, session: ModelSession, now: number): void {
  state.sessions.delete(session.clientId);
  state.ended.add(session.clientId);
  for (const shared of state.shared) {
    if (shared.candidates.has(session)) shared.mayBeGone = true;
  }
  publishWill(state, session, now); // [MQTT-3.1.2-8]
}

export function publishWill(state: State, session: ModelSession, now: number): void {
  session.willDueMs = Infinity;
  const { will } = session;
  if (will === undefined) return;
  session.will = undefined;
  const content = { ...will.content, id: 0, publisher: session, expiresAtMs: now + will.expiryMs };
  accept(state, session, { content, peer: undefined, packetId: 0, verdict: undefined, isSubmitted: false }, now);
}
