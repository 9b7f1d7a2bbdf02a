/** Enhanced authentication (MQTT 5.0 §4.12). What the data means is the authenticator's business. */
import { type Auth, type Packet, PacketType, type Properties, ReasonCode, isReasonCodeOf } from "../../codec/index.ts";
import type { Broker } from "../broker.ts";
import type { Connection } from "../connection.ts";
import { closeConnection, disconnect } from "../lifecycle.ts";
import type { AuthenticationChallenge, AuthenticationResult } from "../ports.ts";
import { applyPrincipal, refuseConnect } from "./connect.ts";

/** Asks a client that is not connected yet to go on. [MQTT-4.12.0-2] */
export function challengeClient(connection: Connection, challenge: Buffer): void {
  connection.state = "challenged";
  sendAuth(connection, ReasonCode.ContinueAuthentication, challenge);
  connection.resumeReading();
}

/** A packet of a client that was challenged before CONNACK: AUTH, or it gives up. [MQTT-4.12.0-6] */
export function continueConnect(broker: Broker, connection: Connection, packet: Packet, now: number): void {
  if (packet.type === PacketType.DISCONNECT) {
    closeConnection(broker, connection, packet.reasonCode, now);
    return;
  }
  const mistake = packet.type === PacketType.AUTH ? mistakeOf(connection, packet, false) : "only AUTH is due now";
  if (mistake !== undefined || packet.type !== PacketType.AUTH) {
    refuseConnect(broker, connection, { reasonCode: ReasonCode.ProtocolError, reason: mistake ?? "" }, now);
    return;
  }
  connection.lastReceivedMs = now;
  connection.state = "authenticating";
  connection.pauseReading();
  broker.authenticator.authenticate(connection, packet);
}

/** AUTH on an open connection: re-authentication. Other packets go on meanwhile (§4.12.1). */
export function handleAuth(broker: Broker, connection: Connection, packet: Auth, now: number): void {
  const begins = connection.reauthentication === undefined;
  const mistake =
    connection.reauthentication === "checking"
      ? "the last AUTH is not answered yet"
      : mistakeOf(connection, packet, begins);
  if (mistake !== undefined) {
    disconnect(broker, connection, ReasonCode.ProtocolError, mistake, now);
    return;
  }
  connection.reauthentication = "checking";
  broker.authenticator.authenticate(connection, packet);
}

/** The answer to an AUTH of a re-authentication. [MQTT-4.12.1-2] a failure closes the connection. */
export function completeReauthentication(
  broker: Broker,
  connection: Connection,
  result: AuthenticationResult | AuthenticationChallenge,
  now: number,
): void {
  if ("challenge" in result) {
    connection.reauthentication = "challenged";
    sendAuth(connection, ReasonCode.ContinueAuthentication, result.challenge);
    return;
  }
  connection.reauthentication = undefined;
  if (!result.ok) {
    // What CONNACK says of bad credentials DISCONNECT cannot say.
    const isSayable = isReasonCodeOf(PacketType.DISCONNECT, result.reasonCode);
    const reasonCode = isSayable ? (result.reasonCode as ReasonCode) : ReasonCode.NotAuthorized;
    disconnect(broker, connection, reasonCode, result.reason, now);
    return;
  }
  const session = connection.session!;
  const { clientId } = result.principal;
  if (clientId !== undefined && clientId !== session.clientId) {
    disconnect(broker, connection, ReasonCode.NotAuthorized, "the new credentials are for another client id", now);
    return;
  }
  applyPrincipal(broker, connection, session, result.principal, now);
  sendAuth(connection, ReasonCode.Success, result.data);
}

/** [MQTT-4.12.0-3] [MQTT-4.12.0-5] [MQTT-4.12.1-1] @returns what is wrong with an AUTH, if anything is */
function mistakeOf(connection: Connection, packet: Auth, begins: boolean): string | undefined {
  const method = connection.authenticationMethod;
  if (method === undefined) return "AUTH without an authentication method in CONNECT";
  if (packet.properties?.authenticationMethod !== method) return `the authentication method is not ${method}`;
  const due = begins ? ReasonCode.Reauthenticate : ReasonCode.ContinueAuthentication;
  return packet.reasonCode === due ? undefined : `AUTH with reason code 0x${due.toString(16)} is due`;
}

function sendAuth(connection: Connection, reasonCode: ReasonCode, data: Buffer | undefined): void {
  const properties: Properties = { authenticationMethod: connection.authenticationMethod! };
  if (data !== undefined) properties.authenticationData = data;
  connection.send({ type: PacketType.AUTH, reasonCode, properties });
}
