import { type Acknowledgement, PacketType, ReasonCode } from "../../codec/index.ts";
import type { Broker } from "../broker.ts";
import type { Connection } from "../connection.ts";
import { observeDrop, resumeSending } from "../delivery.ts";
import { disconnect } from "../lifecycle.ts";
import type { Session } from "../session.ts";

/** PUBACK, PUBREC, PUBREL or PUBCOMP. Its properties say nothing that a broker acts on. */
export function handleAcknowledgement(
  broker: Broker,
  connection: Connection,
  session: Session,
  type: Acknowledgement["type"],
  packetId: number,
  reasonCode: number,
  now: number,
): void {
  switch (type) {
    case PacketType.PUBACK:
    case PacketType.PUBCOMP:
      acknowledgeOutbound(broker, connection, session, type, packetId, reasonCode, now);
      return;
    case PacketType.PUBREC:
      handlePubrec(broker, connection, session, packetId, reasonCode, now);
      return;
    case PacketType.PUBREL:
      handlePubrel(connection, session, packetId);
  }
}

/** PUBACK or PUBCOMP: an outbound message is complete, and makes room for the next. [MQTT-4.3.2-3] [MQTT-4.3.3-6] */
function acknowledgeOutbound(
  broker: Broker,
  connection: Connection,
  session: Session,
  type: typeof PacketType.PUBACK | typeof PacketType.PUBCOMP,
  packetId: number,
  reasonCode: number,
  now: number,
): void {
  const due = session.inflight.due(packetId);
  // One that is not known any more belongs to a session that is gone: nothing to do.
  if (due === 0) return;
  if (due !== type) {
    disconnect(broker, connection, ReasonCode.ProtocolError, "an acknowledgement of another kind was due", now);
    return;
  }
  const isRejected = type === PacketType.PUBACK && reasonCode >= 0x80;
  completeOutbound(broker, connection, session, packetId, isRejected, now);
}

/** PUBREC: the client has the QoS 2 message; PUBREL follows, whatever became of the message. [MQTT-4.3.3-4] */
function handlePubrec(
  broker: Broker,
  connection: Connection,
  session: Session,
  packetId: number,
  reasonCode: number,
  now: number,
): void {
  const due = session.inflight.due(packetId);
  if (due === 0) {
    if (reasonCode >= 0x80) return;
    connection.acknowledge(PacketType.PUBREL, packetId, connection.isV5 ? ReasonCode.PacketIdentifierNotFound : 0);
    return;
  }
  if (due === PacketType.PUBACK) {
    disconnect(broker, connection, ReasonCode.ProtocolError, "PUBREC for a QoS 1 message", now);
    return;
  }
  if (reasonCode >= 0x80) {
    completeOutbound(broker, connection, session, packetId, true, now);
    return;
  }
  if (due === PacketType.PUBREC) {
    const entry = session.inflight.release(packetId);
    if (entry !== undefined) session.kept?.release(entry);
  }
  connection.acknowledge(PacketType.PUBREL, packetId);
}

/** PUBREL: the client's QoS 2 message is complete, its packet identifier is free again. [MQTT-4.3.3-11] */
function handlePubrel(connection: Connection, session: Session, packetId: number): void {
  const known = session.receivedQos2.delete(packetId);
  session.kept?.removeReceived(packetId);
  connection.unacknowledged.delete(packetId);
  const reasonCode = known || !connection.isV5 ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound;
  connection.acknowledge(PacketType.PUBCOMP, packetId, reasonCode);
}

function completeOutbound(
  broker: Broker,
  connection: Connection,
  session: Session,
  packetId: number,
  isRejected: boolean,
  now: number,
): void {
  const entry = session.inflight.remove(packetId);
  if (entry === undefined) {
    // Not kept, so it was sent on this connection.
    connection.sendQuota++;
  } else {
    if (isRejected) observeDrop(broker, entry.message, session, "rejected-by-client", now);
    session.kept?.removeDelivery(entry);
    if (entry.countsAgainstQuota) connection.sendQuota++;
  }
  if (session.queue.length > 0 || session.resend !== undefined) resumeSending(broker, session, now);
}
