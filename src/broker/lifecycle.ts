/** How connections and sessions end, and what becomes of their wills. */
import { PacketType, ReasonCode, reasonCodeName } from "../codec/index.ts";
import type { Broker } from "./broker.ts";
import type { Connection } from "./connection.ts";
import { setSessionExpiry, setWillDelay } from "./due.ts";
import { SESSION_NEVER_EXPIRES } from "./limits.ts";
import { acceptMessage } from "./publishing.ts";
import { Session } from "./session.ts";

interface End {
  readonly by: "client" | "server" | "network";
  readonly reasonCode: number;
  readonly reason: string;
  /** Only a DISCONNECT with reason code 0 discards the will. [MQTT-3.14.4-3] */
  readonly discardWill: boolean;
}

/** Ends a connection from our side; MQTT 5 clients are told why. [MQTT-4.13.1-1] */
export function disconnect(
  broker: Broker,
  connection: Connection,
  reasonCode: ReasonCode,
  reason: string,
  now: number,
): void {
  disconnectAll(broker, [connection], reasonCode, reason, now);
}

/** Ends connections at the same moment: none of them gets anything more, such as the will of another one. */
export function disconnectAll(
  broker: Broker,
  connections: readonly Connection[],
  reasonCode: ReasonCode,
  reason: string,
  now: number,
): void {
  const sessions: Session[] = [];
  for (const connection of connections) {
    // [MQTT-3.14.0-1] no DISCONNECT before CONNACK; MQTT 3.x has none from the server.
    if (connection.isV5 && connection.state === "open") {
      connection.sendWithReason({ type: PacketType.DISCONNECT, reasonCode }, reason);
    }
    const session = detach(broker, connection);
    if (session !== undefined) sessions.push(session);
  }
  for (const session of sessions)
    goOffline(broker, session, { by: "server", reasonCode, reason, discardWill: false }, now);
}

/** The network connection is gone. */
export function loseConnection(broker: Broker, connection: Connection, now: number): void {
  endConnection(
    broker,
    connection,
    { by: "network", reasonCode: ReasonCode.UnspecifiedError, reason: "connection lost", discardWill: false },
    now,
  );
}

/** The client said goodbye. */
export function closeConnection(broker: Broker, connection: Connection, reasonCode: number, now: number): void {
  const discardWill = reasonCode === ReasonCode.Success;
  endConnection(broker, connection, { by: "client", reasonCode, reason: reasonCodeName(reasonCode), discardWill }, now);
}

/**
 * Ends a connection that never became open, without a word to `tail` about a disconnect.
 */
export function abandonConnection(broker: Broker, connection: Connection): void {
  connection.state = "closed";
  broker.connections.delete(connection);
  connection.outbox.close();
}

function endConnection(broker: Broker, connection: Connection, end: End, now: number): void {
  const session = detach(broker, connection);
  if (session !== undefined) goOffline(broker, session, end, now);
}

/** @returns the session that has lost its connection, if there is one */
function detach(broker: Broker, connection: Connection): Session | undefined {
  if (connection.state === "closed") return undefined;
  const { session } = connection;
  abandonConnection(broker, connection);
  broker.deadlines.clear(connection.keepAlive);
  broker.deadlines.clear(connection.tokenExpiry);
  if (session === undefined) return undefined;
  connection.session = undefined;
  session.connection = undefined;
  session.resend = undefined;
  return session;
}

/** The session is without a connection from now on, if it goes on at all. */
function goOffline(broker: Broker, session: Session, end: End, now: number): void {
  if (broker.observer !== undefined) {
    const { by, reasonCode, reason } = end;
    broker.observe({ type: "disconnect", clientId: session.clientId, reasonCode, reason, by }, now);
  }
  if (end.discardWill) session.will = undefined;
  if (session.expiryIntervalSeconds === 0) {
    endSession(broker, session, now);
    return;
  }
  setSessionExpiry(broker, session, now + expiryMs(session.expiryIntervalSeconds));
  if (session.will?.delaySeconds === 0) {
    publishWill(broker, session, now);
    return;
  }
  if (session.will !== undefined) setWillDelay(broker, session, now + session.will.delaySeconds * 1000);
  session.kept?.update();
}

/** Milliseconds of a Session Expiry Interval, Infinity where it never ends. */
export function expiryMs(seconds: number): number {
  return seconds === SESSION_NEVER_EXPIRES ? Infinity : seconds * 1000;
}

export function createSession(broker: Broker, clientId: string): Session {
  const session = new Session(clientId, broker.limits.inflightMax);
  broker.sessions.set(clientId, session);
  return session;
}

/** The session ends: nothing of it stays behind. A will that still waits is published. [MQTT-3.1.2-8] */
export function endSession(broker: Broker, session: Session, now: number): void {
  broker.deadlines.clear(session.expiry);
  broker.sessions.delete(session.clientId);
  session.kept?.remove();
  session.kept = undefined;
  for (const subscription of session.subscriptions.values()) broker.subscriptions.remove(subscription);
  session.forgetSubscriptions();
  publishWill(broker, session, now);
}

/** The client is back in time: its will is not sent. [MQTT-3.1.3-9] */
export function cancelWill(broker: Broker, session: Session): void {
  broker.deadlines.clear(session.willDelay);
  session.will = undefined;
}

/** Publishes the will, if there is one, once. [MQTT-3.1.2-10] */
export function publishWill(broker: Broker, session: Session, now: number): void {
  broker.deadlines.clear(session.willDelay);
  const { will } = session;
  if (will === undefined) return;
  session.will = undefined;
  session.kept?.update();
  const expiresAtMs = will.expiryIntervalSeconds === undefined ? Infinity : now + will.expiryIntervalSeconds * 1000;
  const message = { ...will.message, id: broker.nextMessageId(), receivedAtMs: now, expiresAtMs };
  acceptMessage(broker, session, undefined, 0, message, now);
}
