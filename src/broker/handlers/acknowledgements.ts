import { type Puback, type Pubcomp, type Pubrec, type Pubrel, PacketType, ReasonCode } from "../../codec/index.ts";
import type { Broker } from "../broker.ts";
import type { Connection } from "../connection.ts";
import { observeDrop, resumeSending } from "../delivery.ts";
import { disconnect } from "../lifecycle.ts";
import type { InflightMessage } from "../inflight.ts";
import type { Session } from "../session.ts";

/** PUBACK or PUBCOMP: an outbound message is complete, and makes room for the next. [MQTT-4.3.2-3] [MQTT-4.3.3-6] */
export function acknowledgeOutbound(
  broker: Broker,
  connection: Connection,
  session: Session,
  packet: Puback | Pubcomp,
  now: number,
): void {
  const entry = session.inflight.get(packet.packetId);
  // One that is not known any more belongs to a session that is gone: nothing to do.
  if (entry === undefined) return;
  const expected = packet.type === PacketType.PUBACK ? entry.qos === 1 : entry.qos === 2 && entry.released;
  if (!expected) {
    disconnect(broker, connection, ReasonCode.ProtocolError, "an acknowledgement of another kind was due", now);
    return;
  }
  if (packet.type === PacketType.PUBACK && packet.reasonCode >= 0x80) {
    observeDrop(broker, entry.message, session, "rejected-by-client", now);
  }
  completeOutbound(broker, connection, session, entry, now);
}

/** PUBREC: the client has the QoS 2 message; PUBREL follows, whatever became of the message. [MQTT-4.3.3-4] */
export function handlePubrec(
  broker: Broker,
  connection: Connection,
  session: Session,
  packet: Pubrec,
  now: number,
): void {
  const entry = session.inflight.get(packet.packetId);
  if (entry === undefined) {
    if (packet.reasonCode >= 0x80) return;
    const reasonCode = connection.isV5 ? ReasonCode.PacketIdentifierNotFound : 0;
    connection.send({ type: PacketType.PUBREL, packetId: packet.packetId, reasonCode });
    return;
  }
  if (entry.qos !== 2) {
    disconnect(broker, connection, ReasonCode.ProtocolError, "PUBREC for a QoS 1 message", now);
    return;
  }
  if (packet.reasonCode >= 0x80) {
    observeDrop(broker, entry.message, session, "rejected-by-client", now);
    completeOutbound(broker, connection, session, entry, now);
    return;
  }
  if (!entry.released) {
    session.inflight.release(entry);
    session.kept?.release(entry);
  }
  connection.send({ type: PacketType.PUBREL, packetId: packet.packetId, reasonCode: 0 });
}

/** PUBREL: the client's QoS 2 message is complete, its packet identifier is free again. [MQTT-4.3.3-11] */
export function handlePubrel(connection: Connection, session: Session, packet: Pubrel): void {
  const { packetId } = packet;
  const known = session.receivedQos2.delete(packetId);
  session.kept?.removeReceived(packetId);
  connection.unacknowledged.delete(packetId);
  const reasonCode = known || !connection.isV5 ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound;
  connection.send({ type: PacketType.PUBCOMP, packetId, reasonCode });
}

function completeOutbound(
  broker: Broker,
  connection: Connection,
  session: Session,
  entry: InflightMessage,
  now: number,
): void {
  session.inflight.remove(entry.packetId);
  session.kept?.removeDelivery(entry);
  if (entry.countsAgainstQuota) connection.sendQuota++;
  if (session.queue.length > 0 || session.resend.length > 0) resumeSending(broker, session, now);
}
