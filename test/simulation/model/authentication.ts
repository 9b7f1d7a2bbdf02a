/** Who a client is: the answer to CONNECT, and the enhanced authentication of MQTT 5 (§4.12), before and after it. */
import type { AuthenticationChallenge, AuthenticationResult, Principal } from "../../../src/broker/index.ts";
import {
  type Auth,
  type Connect,
  type Packet,
  PacketType,
  type Properties,
  ReasonCode,
  isReasonCodeOf,
} from "../../../src/codec/index.ts";
import { isTopic } from "./matching.ts";
import { applyPrincipal, closeByServer, dismiss, end, open } from "./sessions.ts";
import type { Peer, State } from "./state.ts";

type Answer = AuthenticationResult | AuthenticationChallenge;

/** The authenticator has answered. */
export function authenticated(state: State, peer: Peer, answer: Answer, now: number): void {
  if (peer.state === "open" && peer.reauthentication === "server") reauthenticated(state, peer, answer, now);
  if (peer.state !== "authenticating") return;
  if ("challenge" in answer) {
    peer.state = "challenged";
    oweAuth(peer, ReasonCode.ContinueAuthentication, answer.challenge);
    return;
  }
  const refusal = answer.ok
    ? (checkConnect(peer.connect, answer.principal) ??
      checkQuotas(state, peer.connect.clientId || answer.principal.clientId))
    : answer.reasonCode;
  if (refusal !== undefined) refuse(state, peer, refusal);
  else if (answer.ok) open(state, peer, answer.principal, saidBy(peer, answer.data), now);
}

function reauthenticated(state: State, peer: Peer, answer: Answer, now: number): void {
  const session = peer.session!;
  if ("challenge" in answer) {
    peer.reauthentication = "client";
    oweAuth(peer, ReasonCode.ContinueAuthentication, answer.challenge);
    return;
  }
  peer.reauthentication = undefined;
  if (!answer.ok) {
    // [MQTT-4.12.1-2]; DISCONNECT has not all of the codes that CONNACK has.
    const isSayable = isReasonCodeOf(PacketType.DISCONNECT, answer.reasonCode);
    closeByServer(state, peer, isSayable ? answer.reasonCode : ReasonCode.NotAuthorized, now);
    return;
  }
  const { clientId } = answer.principal;
  if (clientId !== undefined && clientId !== session.clientId) {
    closeByServer(state, peer, ReasonCode.NotAuthorized, now);
    return;
  }
  applyPrincipal(peer, session, answer.principal);
  oweAuth(peer, ReasonCode.Success, answer.data);
}

/** A packet of a client that was asked to go on, before CONNACK. [MQTT-4.12.0-6] */
export function continued(state: State, peer: Peer, packet: Packet, now: number): void {
  if (packet.type === PacketType.DISCONNECT) {
    end(state, peer, now);
  } else if (packet.type === PacketType.AUTH && isDue(peer, packet, ReasonCode.ContinueAuthentication)) {
    peer.heardAtMs = now;
    peer.state = "authenticating";
  } else {
    refuse(state, peer, ReasonCode.ProtocolError);
  }
}

/** AUTH on an open connection. */
export function auth(state: State, peer: Peer, packet: Auth, now: number): void {
  const due = peer.reauthentication === undefined ? ReasonCode.Reauthenticate : ReasonCode.ContinueAuthentication;
  if (peer.reauthentication === "server" || !isDue(peer, packet, due)) {
    closeByServer(state, peer, ReasonCode.ProtocolError, now);
    return;
  }
  peer.reauthentication = "server";
}

/** [MQTT-4.12.0-3] [MQTT-4.12.0-5] [MQTT-4.12.1-1] */
function isDue(peer: Peer, { reasonCode, properties }: Auth, due: number): boolean {
  const method = peer.connect.properties?.authenticationMethod;
  return method !== undefined && properties?.authenticationMethod === method && reasonCode === due;
}

/** [MQTT-4.12.0-2] [MQTT-4.12.0-5] */
function oweAuth(peer: Peer, code: number, data: Buffer | undefined): void {
  peer.expected.push({ type: PacketType.AUTH, codes: [code], properties: saidBy(peer, data) });
}

function saidBy({ connect }: Peer, authenticationData: Buffer | undefined): Properties {
  const authenticationMethod = connect.properties?.authenticationMethod;
  if (authenticationMethod === undefined) return {};
  return { authenticationMethod, ...(authenticationData !== undefined && { authenticationData }) };
}

function refuse(state: State, peer: Peer, reasonCode: number): void {
  const code = peer.isV5 ? reasonCode : returnCode(reasonCode);
  peer.expected.push({ type: PacketType.CONNACK, codes: [code], sessionPresent: false });
  dismiss(state, peer);
}

/** The connection counts already. */
function checkQuotas({ peers, sessions, limits }: State, clientId: string | undefined): number | undefined {
  const isNew = clientId === undefined || !sessions.has(clientId);
  const isOver = peers.size > limits.connectionsMax || (isNew && sessions.size >= limits.sessionsMax);
  return isOver ? ReasonCode.QuotaExceeded : undefined;
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
  if (reasonCode === ReasonCode.ServerUnavailable || reasonCode === ReasonCode.QuotaExceeded) return 3;
  return reasonCode === ReasonCode.BadUserNameOrPassword ? 4 : 5;
}
