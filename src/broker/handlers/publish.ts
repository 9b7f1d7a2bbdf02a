import { type Publish, PacketType, ReasonCode, isTopicName } from "../../codec/index.ts";
import type { Broker } from "../broker.ts";
import type { Connection } from "../connection.ts";
import { disconnect } from "../lifecycle.ts";
import { forwardedProperties } from "../message.ts";
import { RESERVED, type Refusal, acceptMessage, acknowledge, checkPublish, isReserved } from "../publishing.ts";
import type { Session } from "../session.ts";
import { isWithinLimits } from "../topics.ts";

/** A PUBLISH from a client (MQTT 5.0 §3.3.4). */
export function handlePublish(
  broker: Broker,
  connection: Connection,
  session: Session,
  packet: Publish,
  now: number,
): void {
  const { qos, packetId, properties } = packet;
  if (properties?.subscriptionIdentifiers !== undefined) {
    // [MQTT-3.3.4-6]
    disconnect(broker, connection, ReasonCode.ProtocolError, "a client's PUBLISH has a Subscription Identifier", now);
    return;
  }
  const topic = resolveTopic(broker, connection, packet, now);
  if (topic === undefined) return;
  if (qos > 0 && !beginExchange(broker, connection, session, packet, now)) return;
  const refusal = checkRights(broker, connection, topic) ?? checkPublish(broker, session, packet, topic);
  if (refusal !== undefined) {
    refuse(broker, connection, session, packet, refusal, now);
    return;
  }
  const expiryInterval = properties?.messageExpiryInterval;
  const message = {
    id: broker.nextMessageId(),
    topic,
    payload: packet.payload,
    qos,
    retain: packet.retain,
    properties: forwardedProperties(properties),
    publisherId: session.clientId,
    tokenId: connection.tokenId,
    receivedAtMs: now,
    expiresAtMs: expiryInterval === undefined ? Infinity : now + expiryInterval * 1000,
    kept: undefined,
  };
  acceptMessage(broker, session, connection, packetId, message, now);
}

/**
 * The topic name of a PUBLISH, by its alias if it has none itself (MQTT 5.0 §3.3.2.3.4).
 * @returns undefined if the connection had to be closed
 */
function resolveTopic(broker: Broker, connection: Connection, packet: Publish, now: number): string | undefined {
  const { topic } = packet;
  const alias = packet.properties?.topicAlias;
  if (alias !== undefined && (alias === 0 || alias > broker.limits.topicAliasMaximum)) {
    // [MQTT-3.3.2-8] [MQTT-3.3.2-9]
    disconnect(broker, connection, ReasonCode.TopicAliasInvalid, `topic alias ${alias} is out of range`, now);
    return undefined;
  }
  if (topic === "") {
    const known = alias === undefined ? undefined : connection.topicAliases?.get(alias);
    if (known === undefined) {
      disconnect(broker, connection, ReasonCode.ProtocolError, "no topic name, and no alias that stands for one", now);
    }
    return known;
  }
  if (alias === undefined && mayPublishAgain(broker, connection, topic)) return topic;
  if (!isTopicName(topic) || !isWithinLimits(topic, broker.limits)) {
    // [MQTT-3.3.2-2] [MQTT-4.7.1-1]
    disconnect(
      broker,
      connection,
      ReasonCode.TopicNameInvalid,
      "the topic name has a wildcard, or is too long or too deep",
      now,
    );
    return undefined;
  }
  if (alias !== undefined) (connection.topicAliases ??= new Map()).set(alias, topic);
  return topic;
}

/**
 * Notes the packet identifier of a QoS 1 or 2 message.
 * @returns false if the packet goes no further: it was sent again, or the client broke its quota
 */
function beginExchange(
  broker: Broker,
  connection: Connection,
  session: Session,
  packet: Publish,
  now: number,
): boolean {
  const { qos, packetId } = packet;
  const { unacknowledged } = connection;
  if (qos === 2) {
    unacknowledged.add(packetId);
    if (connection.isV5 && unacknowledged.size > broker.limits.receiveMaximum) {
      return exceedReceiveMaximum(broker, connection, now);
    }
    if (!session.receivedQos2.has(packetId)) return true;
    // [MQTT-4.3.3-10] sent again: acknowledged again, once the first one is, and not routed again
    const pending = session.receivedQos2.pending(packetId);
    if (pending !== undefined) pending.connection = connection;
    else connection.acknowledge(PacketType.PUBREC, packetId);
    return false;
  }
  // 3.x has no Receive Maximum: its clients are slowed down by the limit of messages that wait for a hook.
  if (unacknowledged.size === 0 || !connection.isV5) return true;
  if (unacknowledged.size >= broker.limits.receiveMaximum) return exceedReceiveMaximum(broker, connection, now);
  if (unacknowledged.has(packetId)) {
    disconnect(broker, connection, ReasonCode.ProtocolError, `packet identifier ${packetId} is in use`, now);
    return false;
  }
  return true;
}

/** [MQTT-3.3.4-7] */
function exceedReceiveMaximum(broker: Broker, connection: Connection, now: number): false {
  disconnect(broker, connection, ReasonCode.ReceiveMaximumExceeded, "more than Receive Maximum unacknowledged", now);
  return false;
}

/** True if the topic name was found valid and allowed before. */
function mayPublishAgain(broker: Broker, connection: Connection, topic: string): boolean {
  // The decoder hands out the same string again.
  if (topic === connection.lastPublishTopic) return true;
  const known = broker.subscriptions.known(topic);
  if (known === undefined || known.allowedBy !== connection.acl) return false;
  connection.lastPublishTopic = topic;
  return true;
}

function checkRights(broker: Broker, connection: Connection, topic: string): Refusal | undefined {
  if (topic === connection.lastPublishTopic) return undefined;
  if (isReserved(topic)) return RESERVED;
  if (connection.acl?.mayPublish(topic) === false) {
    return { reasonCode: ReasonCode.NotAuthorized, reason: `the token does not allow publishing to ${topic}` };
  }
  connection.lastPublishTopic = topic;
  const known = broker.subscriptions.known(topic);
  if (known !== undefined) known.allowedBy = connection.acl;
  return undefined;
}

/**
 * Refuses a message so that its publisher notices: with the acknowledgement where MQTT has a code in it, by closing the
 * connection otherwise (MQTT 5.0 §4.13.2, 3.1.1 [MQTT-3.3.5-2]).
 */
function refuse(
  broker: Broker,
  connection: Connection,
  session: Session,
  packet: Publish,
  refusal: Refusal,
  now: number,
): void {
  const { reasonCode, reason } = refusal;
  if (connection.isV5 && packet.qos > 0) acknowledge(session, connection, packet, packet.packetId, reasonCode, reason);
  else disconnect(broker, connection, reasonCode, reason, now);
}
