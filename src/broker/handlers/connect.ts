import {
  type Connack,
  type Connect,
  ConnectReturnCode,
  PacketType,
  type Properties,
  type ProtocolVersion,
  ReasonCode,
} from "../../codec/index.ts";
import type { Broker } from "../broker.ts";
import type { Connection } from "../connection.ts";
import { resendInflight } from "../delivery.ts";
import { abandonConnection, cancelWill, createSession, disconnect, endSession } from "../lifecycle.ts";
import { setKeepAlive, setTokenExpiry } from "../due.ts";
import { KeptSession } from "../kept-session.ts";
import { SESSION_NEVER_EXPIRES } from "../limits.ts";
import type { AuthenticationResult, Principal } from "../ports.ts";
import type { Session } from "../session.ts";
import { isWithinLimits } from "../topics.ts";
import { willOf } from "../will.ts";

/** MQTT 3.1 §3.1: longer client identifiers are rejected. */
const MQTT31_CLIENT_ID_MAX = 23;

interface Refusal {
  readonly reasonCode: ReasonCode;
  readonly reason: string;
}

/** What CONNACK says besides limits. */
interface ConnectAnswer {
  /** The client id was chosen by us. */
  readonly assigned: boolean;
  /** The last word of an enhanced authentication. */
  readonly data: Buffer | undefined;
}

/** Goes on with a CONNECT once its credentials have been checked (MQTT 5.0 §3.1.4). */
export function completeConnect(
  broker: Broker,
  connection: Connection,
  result: AuthenticationResult,
  now: number,
): void {
  if (!result.ok) {
    refuseConnect(broker, connection, { reasonCode: result.reasonCode as ReasonCode, reason: result.reason }, now);
    return;
  }
  const { principal } = result;
  const { connect } = connection;
  const assigned = connect.clientId === "";
  const clientId = assigned ? (principal.clientId ?? unusedClientId(broker)) : connect.clientId;
  const quota = connection.outbox.isInternal ? undefined : checkQuotas(broker, connect, clientId);
  const refusal = checkConnect(broker, connect, principal) ?? quota;
  if (refusal !== undefined) {
    refuseConnect(broker, connection, refusal, now);
    return;
  }
  const connack = connackFor(broker, connection, clientId, { assigned, data: result.data });
  if (!connection.accepts(connack)) {
    // [MQTT-3.1.2-24]
    disconnect(broker, connection, ReasonCode.PacketTooLarge, "CONNACK is larger than the client takes", now);
    return;
  }
  const existing = takeOver(broker, clientId, connect.cleanStart, now);
  const session = existing ?? createSession(broker, clientId);
  openConnection(broker, connection, session, principal, now);
  // 3.1 has no Session Present: the byte is reserved there.
  connack.sessionPresent = existing !== undefined && connection.protocolVersion !== 3;
  connection.send(connack);
  if (broker.observer !== undefined) observeConnect(broker, connection, session, existing !== undefined, now);
  // Messages of an earlier connection may still wait for a hook: as many as may, so no more are read.
  if (!session.publishing.isFull(broker.limits)) connection.resumeReading();
  if (existing !== undefined) resendInflight(broker, session, now);
}

function beginsKeptSession(broker: Broker, connect: Connect, clientId: string): boolean {
  if (effectiveExpiry(broker, connect) === 0) return false;
  return connect.cleanStart || broker.sessions.get(clientId)?.kept === undefined;
}

/** [MQTT-3.2.2-16] */
function unusedClientId(broker: Broker): string {
  let clientId: string;
  do clientId = broker.random.clientId();
  while (broker.sessions.has(clientId));
  return clientId;
}

function checkConnect(broker: Broker, connect: Connect, principal: Principal): Refusal | undefined {
  const { clientId, protocolVersion, will } = connect;
  const badId = (reason: string): Refusal => ({ reasonCode: ReasonCode.ClientIdentifierNotValid, reason });
  if (protocolVersion === 3 && (clientId === "" || Array.from(clientId).length > MQTT31_CLIENT_ID_MAX)) {
    return badId(`MQTT 3.1 wants a client id of 1 to ${MQTT31_CLIENT_ID_MAX} characters`);
  }
  // 3.1.1 [MQTT-3.1.3-8]
  if (protocolVersion === 4 && clientId === "" && !connect.cleanStart) {
    return badId("an empty client id needs a clean session");
  }
  if (clientId !== "" && principal.clientId !== undefined && clientId !== principal.clientId) {
    return badId("the token is for another client id");
  }
  if (will === undefined) return undefined;
  if (!isWithinLimits(will.topic, broker.limits)) {
    return { reasonCode: ReasonCode.TopicNameInvalid, reason: "the will topic is too long or too deep" };
  }
  if (will.topic.startsWith("$SYS/") || principal.acl?.mayPublish(will.topic) === false) {
    return { reasonCode: ReasonCode.NotAuthorized, reason: "the will topic is not allowed" };
  }
  return undefined;
}

/** `connections` holds this one already. */
function checkQuotas(broker: Broker, connect: Connect, clientId: string): Refusal | undefined {
  const { connections, sessions, limits } = broker;
  const refusal = (reason: string): Refusal => ({ reasonCode: ReasonCode.QuotaExceeded, reason });
  if (connections.size > limits.connectionsMax) return refusal("the broker has as many connections as it takes");
  const isNew = !sessions.has(clientId);
  if (isNew && sessions.size >= limits.sessionsMax) return refusal("the broker has as many sessions as it keeps");
  if (broker.keeper?.isFull && beginsKeptSession(broker, connect, clientId)) {
    return refusal("the broker has no room to keep another session");
  }
  return undefined;
}

/**
 * Ends the connection that the client id has so far [MQTT-3.1.4-3] and the session if it does not go on.
 * @returns the session to resume, if there is one [MQTT-3.1.2-4] [MQTT-3.1.2-5] [MQTT-3.1.2-6]
 */
function takeOver(broker: Broker, clientId: string, cleanStart: boolean, now: number): Session | undefined {
  const before = broker.sessions.get(clientId);
  if (before === undefined) return undefined;
  if (before.connection !== undefined) {
    disconnect(broker, before.connection, ReasonCode.SessionTakenOver, "another connection has this client id", now);
  }
  // The takeover itself ends a session that does not outlive its connection.
  const session = broker.sessions.get(clientId);
  if (session === undefined) return undefined;
  if (cleanStart) {
    endSession(broker, session, now);
    return undefined;
  }
  broker.deadlines.clear(session.expiry);
  cancelWill(broker, session);
  return session;
}

function openConnection(
  broker: Broker,
  connection: Connection,
  session: Session,
  principal: Principal,
  now: number,
): void {
  const { connect } = connection;
  connection.state = "open";
  connection.session = session;
  session.connection = connection;
  session.expiryIntervalSeconds = effectiveExpiry(broker, connect);
  // What CONNECT left at 0 DISCONNECT cannot prolong (§3.14.2.2.2).
  session.endsWithConnection = requestedExpiry(connect) === 0;
  session.will = willOf(connect, session.clientId, principal.tokenId);
  connection.forgetCredentials();
  const keepAlive = connection.outbox.isInternal ? 0 : effectiveKeepAlive(broker, connect);
  connection.silenceMaxMs = keepAlive === 0 ? Infinity : keepAlive * 1500;
  setKeepAlive(broker, connection, now + connection.silenceMaxMs);
  keepSession(broker, session);
  applyPrincipal(broker, connection, session, principal, now);
}

/** Sessions that outlive their connection are kept, the others are not, or not any more. */
function keepSession({ keeper }: Broker, session: Session): void {
  if (session.kept !== undefined) {
    if (session.expiryIntervalSeconds > 0) {
      session.kept.update();
      return;
    }
    session.kept.remove();
    session.kept = undefined;
  } else if (keeper !== undefined && session.expiryIntervalSeconds > 0) {
    session.kept = new KeptSession(keeper, session);
  }
}

/** Gives the connection the rights of its credentials, and their end. */
export function applyPrincipal(
  broker: Broker,
  connection: Connection,
  session: Session,
  principal: Principal,
  now: number,
): void {
  connection.acl = principal.acl;
  connection.tokenId = principal.tokenId;
  connection.lastPublishTopic = undefined;
  setTokenExpiry(broker, connection, principal.expiresAtMs);
  dropForbiddenSubscriptions(broker, connection, session, now);
}

/** The credentials may allow less than those with which the session subscribed. */
function dropForbiddenSubscriptions(broker: Broker, connection: Connection, session: Session, now: number): void {
  const { acl } = connection;
  if (acl === undefined) return;
  for (const subscription of session.subscriptions.values()) {
    const { key, topicFilter } = subscription;
    if (acl.maySubscribe(topicFilter)) continue;
    session.removeSubscription(key);
    broker.subscriptions.remove(subscription);
    session.kept?.removeSubscription(subscription);
    if (broker.observer === undefined) continue;
    const reasonCode = ReasonCode.NotAuthorized;
    broker.observe({ type: "unsubscribe", clientId: session.clientId, topicFilter: key, reasonCode }, now);
  }
}

/** Clean Session in 3.x is both Clean Start and an expiry of 0 (MQTT 5.0 §3.1.2.11.2, note). */
function requestedExpiry(connect: Connect): number {
  if (connect.protocolVersion === 5) return connect.properties?.sessionExpiryInterval ?? 0;
  return connect.cleanStart ? 0 : SESSION_NEVER_EXPIRES;
}

function effectiveExpiry(broker: Broker, connect: Connect): number {
  return Math.min(requestedExpiry(connect), broker.limits.sessionExpiryMaxSeconds);
}

/** Seconds; 0 for none. [MQTT-3.1.2-21] 3.x clients cannot be told of another, so they keep theirs. */
function effectiveKeepAlive(broker: Broker, connect: Connect): number {
  const { keepAliveMinSeconds, keepAliveMaxSeconds } = broker.limits;
  const { keepAlive } = connect;
  if (connect.protocolVersion !== 5) return keepAlive;
  const wanted = keepAlive === 0 ? Infinity : Math.max(keepAlive, keepAliveMinSeconds);
  const granted = keepAliveMaxSeconds === 0 ? wanted : Math.min(wanted, keepAliveMaxSeconds);
  return granted === Infinity ? 0 : granted;
}

function connackFor(broker: Broker, connection: Connection, clientId: string, answer: ConnectAnswer): Connack {
  const connack: Connack = { type: PacketType.CONNACK, sessionPresent: false, reasonCode: ReasonCode.Success };
  if (connection.isV5) connack.properties = connackProperties(broker, connection.connect, clientId, answer);
  return connack;
}

/** What the client must know of us because it differs from what it asked for or from the standard's defaults. */
function connackProperties(broker: Broker, connect: Connect, clientId: string, answer: ConnectAnswer): Properties {
  const { limits } = broker;
  const properties: Properties = {
    receiveMaximum: limits.receiveMaximum,
    maximumPacketSize: limits.packetBytesMax,
    topicAliasMaximum: limits.topicAliasMaximum,
  };
  // [MQTT-3.1.2-28]
  if (connect.properties?.requestResponseInformation === 1) {
    const topic = `response/${clientId.replaceAll(/[+#/]/g, "_")}`;
    if (isWithinLimits(topic, limits)) properties.responseInformation = topic;
  }
  // §3.2.2.3.2
  const expiry = effectiveExpiry(broker, connect);
  if (expiry !== requestedExpiry(connect)) properties.sessionExpiryInterval = expiry;
  // [MQTT-3.2.2-16]
  if (answer.assigned) properties.assignedClientIdentifier = clientId;
  const keepAlive = effectiveKeepAlive(broker, connect);
  if (keepAlive !== connect.keepAlive) properties.serverKeepAlive = keepAlive;
  const method = connect.properties?.authenticationMethod;
  if (method !== undefined) {
    properties.authenticationMethod = method;
    if (answer.data !== undefined) properties.authenticationData = answer.data;
  }
  return properties;
}

function observeConnect(
  broker: Broker,
  connection: Connection,
  session: Session,
  sessionPresent: boolean,
  now: number,
): void {
  const { protocolVersion, cleanStart, keepAlive } = connection.connect;
  const { tokenId } = connection;
  broker.observe(
    {
      type: "connect",
      clientId: session.clientId,
      protocolVersion,
      cleanStart,
      sessionPresent,
      keepAlive,
      ...(tokenId !== undefined && { tokenId }),
    },
    now,
  );
}

/** Answers CONNECT with a failure, and closes. [MQTT-3.2.2-7] */
export function refuseConnect(broker: Broker, connection: Connection, refusal: Refusal, now: number): void {
  const { reasonCode, reason } = refusal;
  const { protocolVersion, connect } = connection;
  const code = connackCode(protocolVersion, reasonCode);
  if (code !== undefined) {
    const connack: Connack = { type: PacketType.CONNACK, sessionPresent: false, reasonCode: code };
    connection.sendWithReason(connack, reason);
  }
  broker.deadlines.clear(connection.keepAlive);
  abandonConnection(broker, connection);
  if (broker.observer !== undefined) {
    broker.observe({ type: "refuse", clientId: connect.clientId, reasonCode, reason }, now);
  }
}

/**
 * The code that CONNACK has for a reason, in the client's version (3.1.1 §3.2.2.3).
 * @returns undefined where it has none: the connection is closed without a word. 3.1.1 [MQTT-3.2.2-6]
 */
export function connackCode(protocolVersion: ProtocolVersion, reasonCode: ReasonCode): number | undefined {
  if (protocolVersion === 5) return reasonCode;
  switch (reasonCode) {
    case ReasonCode.UnsupportedProtocolVersion:
      return ConnectReturnCode.UnacceptableProtocolVersion;
    case ReasonCode.ClientIdentifierNotValid:
      return ConnectReturnCode.IdentifierRejected;
    case ReasonCode.BadUserNameOrPassword:
      return ConnectReturnCode.BadUserNameOrPassword;
    case ReasonCode.ServerUnavailable:
    case ReasonCode.ServerBusy:
    case ReasonCode.QuotaExceeded:
    case ReasonCode.ServerShuttingDown:
      return ConnectReturnCode.ServerUnavailable;
    case ReasonCode.NotAuthorized:
    case ReasonCode.Banned:
      return ConnectReturnCode.NotAuthorized;
    default:
      return undefined;
  }
}
