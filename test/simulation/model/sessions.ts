/** Connections, sessions and wills, from CONNECT to their end. */
import type { AuthenticationResult, Principal } from "../../../src/broker/index.ts";
import { type Connect, type Packet, PacketType, type Properties, ReasonCode } from "../../../src/codec/index.ts";
import { isTopic } from "./matching.ts";
import { accept } from "./publications.ts";
import { ModelSession, type ModelWill, type Peer, type State, travellingProperties } from "./state.ts";

const NEVER = 0xffffffff;

export function authenticated(state: State, peer: Peer, result: AuthenticationResult, now: number): void {
  if (peer.state !== "authenticating") return;
  const refusal = result.ok ? checkConnect(peer.connect, result.principal) : result.reasonCode;
  if (refusal !== undefined) {
    const code = peer.isV5 ? refusal : returnCode(refusal);
    peer.expected.push({ type: PacketType.CONNACK, codes: [code], sessionPresent: false });
    dismiss(state, peer);
    return;
  }
  open(state, peer, (result as { principal: Principal }).principal, now);
}

function checkConnect(
  { clientId, protocolVersion, cleanStart, will }: Connect,
  principal: Principal,
): number | undefined {
  const isTooShortOrLong = clientId === "" || clientId.length > 23;
  if (protocolVersion === 3 && isTooShortOrLong) return ReasonCode.ClientIdentifierNotValid;
  if (protocolVersion === 4 && clientId === "" && !cleanStart) return ReasonCode.ClientIdentifierNotValid;
  if (clientId !== "" && principal.clientId !== undefined && clientId !== principal.clientId) {
    return ReasonCode.ClientIdentifierNotValid;
  }
  if (will === undefined) return undefined;
  if (!isTopic(will.topic)) return ReasonCode.TopicNameInvalid;
  if (will.topic.startsWith("$SYS/") || principal.acl?.mayPublish(will.topic) === false)
    return ReasonCode.NotAuthorized;
  return undefined;
}

/** 3.1.1 §3.2.2.3 */
function returnCode(reasonCode: number): number {
  if (reasonCode === ReasonCode.ClientIdentifierNotValid) return 2;
  if (reasonCode === ReasonCode.ServerUnavailable) return 3;
  return reasonCode === ReasonCode.BadUserNameOrPassword ? 4 : 5;
}

function open(state: State, peer: Peer, principal: Principal, now: number): void {
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
  session.will = willOf(connect, clientId);
  session.peer = peer;
  peer.session = session;
  peer.principal = principal;
  peer.state = "open";
  // Credentials may allow less than those before.
  session.subscriptions = session.subscriptions.filter(({ filter }) => principal.acl?.maySubscribe(filter) !== false);
  const keepAlive = keepAliveOf(state, connect);
  if (keepAlive > 0) peer.silenceMaxMs = keepAlive * 1500;
  peer.heardAtMs = now;

  const properties: Properties = {};
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

function requestedExpiry({ protocolVersion, cleanStart, properties }: Connect): number {
  if (protocolVersion === 5) return properties?.sessionExpiryInterval ?? 0;
  return cleanStart ? 0 : NEVER;
}

function keepAliveOf({ limits: { keepAliveMaxSeconds } }: State, { keepAlive, protocolVersion }: Connect): number {
  if (keepAliveMaxSeconds === 0 || protocolVersion !== 5) return keepAlive;
  return keepAlive === 0 ? keepAliveMaxSeconds : Math.min(keepAlive, keepAliveMaxSeconds);
}

function willOf({ will }: Connect, clientId: string): ModelWill | undefined {
  if (will === undefined) return undefined;
  const { topic, payload, qos, retain, properties } = will;
  return {
    content: { topic, payload, qos, retain, publisherId: clientId, properties: travellingProperties(properties) },
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
  if (peer.state === "closed") return;
  if (peer.state === "open" && peer.isV5) peer.expected.push({ type: PacketType.DISCONNECT, codes: [code] });
  end(state, peer, now);
}

export function end(state: State, peer: Peer, now: number): void {
  if (peer.state === "closed") return;
  const { session } = peer;
  dismiss(state, peer);
  if (session === undefined) return;
  session.peer = undefined;
  session.toResend = [];
  if (session.expirySeconds === 0) {
    endSession(state, session, now);
    return;
  }
  if (session.will !== undefined) session.willDueMs = now + session.will.delayMs;
  if (session.willDueMs === now) publishWill(state, session, now);
  if (session.expirySeconds !== NEVER) session.expiresAtMs = now + session.expirySeconds * 1000;
}

function dismiss(state: State, peer: Peer): void {
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
