import { type Unsuback, type Unsubscribe, PacketType, ReasonCode } from "../../codec/index.ts";
import type { Broker } from "../broker.ts";
import type { Connection } from "../connection.ts";
import { disconnect } from "../lifecycle.ts";
import type { Session } from "../session.ts";
import { parseFilter } from "../topics.ts";

/** UNSUBSCRIBE (MQTT 5.0 §3.10.4): one reason code per filter. [MQTT-3.11.3-1] What is queued is still delivered. */
export function handleUnsubscribe(
  broker: Broker,
  connection: Connection,
  session: Session,
  packet: Unsubscribe,
  now: number,
): void {
  const answer: Unsuback = {
    type: PacketType.UNSUBACK,
    packetId: packet.packetId,
    reasonCodes: connection.isV5 ? packet.topicFilters.map(() => 0) : [],
  };
  if (!connection.accepts(answer)) {
    // [MQTT-3.1.2-24] what cannot be answered is not done either
    disconnect(broker, connection, ReasonCode.PacketTooLarge, "UNSUBACK would be larger than the client takes", now);
    return;
  }
  const reasonCodes = packet.topicFilters.map((topicFilter) => {
    const reasonCode = unsubscribe(broker, session, topicFilter);
    if (broker.observer !== undefined) {
      broker.observe({ type: "unsubscribe", clientId: session.clientId, topicFilter, reasonCode }, now);
    }
    return reasonCode;
  });
  connection.send(connection.isV5 ? { ...answer, reasonCodes } : answer);
}

function unsubscribe(broker: Broker, session: Session, topicFilter: string): ReasonCode {
  const subscription = session.subscriptions.get(topicFilter);
  if (subscription === undefined) {
    return parseFilter(topicFilter) === undefined ? ReasonCode.TopicFilterInvalid : ReasonCode.NoSubscriptionExisted;
  }
  session.removeSubscription(topicFilter);
  broker.subscriptions.remove(subscription);
  session.kept?.removeSubscription(subscription);
  return ReasonCode.Success;
}
