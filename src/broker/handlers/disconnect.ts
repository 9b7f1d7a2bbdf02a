import { type Disconnect, ReasonCode } from "../../codec/index.ts";
import type { Broker } from "../broker.ts";
import type { Connection } from "../connection.ts";
import { closeConnection, disconnect } from "../lifecycle.ts";
import type { Session } from "../session.ts";

/** DISCONNECT from the client (MQTT 5.0 §3.14.4). */
export function handleDisconnect(
  broker: Broker,
  connection: Connection,
  session: Session,
  packet: Disconnect,
  now: number,
): void {
  const expiryInterval = packet.properties?.sessionExpiryInterval;
  if (expiryInterval !== undefined) {
    // §3.14.2.2.2: what CONNECT left at 0 cannot be prolonged.
    if (expiryInterval > 0 && (connection.connect.properties?.sessionExpiryInterval ?? 0) === 0) {
      disconnect(broker, connection, ReasonCode.ProtocolError, "the Session Expiry Interval was 0 in CONNECT", now);
      return;
    }
    session.expiryIntervalSeconds = Math.min(expiryInterval, broker.limits.sessionExpiryMaxSeconds);
  }
  closeConnection(broker, connection, packet.reasonCode, now);
}
