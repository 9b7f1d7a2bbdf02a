import {
  type Suback,
  type Subscribe,
  type SubscriptionRequest,
  PacketType,
  ReasonCode,
  SUBACK_FAILURE,
} from "../../codec/index.ts";
import type { Broker } from "../broker.ts";
import type { Connection } from "../connection.ts";
import { deliverRetained } from "../delivery.ts";
import { disconnect } from "../lifecycle.ts";
import type { Session } from "../session.ts";
import type { Subscription } from "../subscription-tree.ts";
import { isWithinLimits, parseFilter } from "../topics.ts";

/** SUBSCRIBE (MQTT 5.0 §3.8.4): each filter is granted or refused by itself. [MQTT-3.8.4-6] */
export function handleSubscribe(
  broker: Broker,
  connection: Connection,
  session: Session,
  packet: Subscribe,
  now: number,
): void {
  if (packet.subscriptions.some((request) => request.noLocal && request.topicFilter.startsWith("$share/"))) {
    // [MQTT-3.8.3-4]
    disconnect(broker, connection, ReasonCode.ProtocolError, "No Local on a shared subscription", now);
    return;
  }
  const answer: Suback = {
    type: PacketType.SUBACK,
    packetId: packet.packetId,
    reasonCodes: packet.subscriptions.map(() => 0),
  };
  if (!connection.accepts(answer)) {
    // [MQTT-3.1.2-24] what cannot be answered is not done either
    disconnect(broker, connection, ReasonCode.PacketTooLarge, "SUBACK would be larger than the client takes", now);
    return;
  }
  const identifier = packet.properties?.subscriptionIdentifiers?.[0] ?? 0;
  const reasonCodes: number[] = [];
  const wantRetained: Subscription[] = [];
  for (const [index, request] of packet.subscriptions.entries()) {
    const reasonCode =
      index < broker.limits.filtersPerSubscribeMax
        ? subscribe(broker, connection, session, request, identifier, wantRetained)
        : ReasonCode.QuotaExceeded;
    reasonCodes.push(reasonCode < 0x80 || connection.isV5 ? reasonCode : SUBACK_FAILURE);
    if (broker.observer !== undefined) {
      const { topicFilter } = request;
      broker.observe({ type: "subscribe", clientId: session.clientId, topicFilter, reasonCode }, now);
    }
  }
  connection.send({ ...answer, reasonCodes });
  for (const subscription of wantRetained) sendRetained(broker, session, subscription, now);
}

/** @returns the granted QoS or why the filter is refused; adds to `wantRetained` what gets retained messages now */
function subscribe(
  broker: Broker,
  connection: Connection,
  session: Session,
  request: SubscriptionRequest,
  identifier: number,
  wantRetained: Subscription[],
): number {
  const { topicFilter: key, qos, noLocal, retainAsPublished, retainHandling } = request;
  const parsed = parseFilter(key);
  if (parsed === undefined || !isWithinLimits(parsed.topicFilter, broker.limits)) {
    return ReasonCode.TopicFilterInvalid;
  }
  if (connection.acl?.maySubscribe(parsed.topicFilter) === false) return ReasonCode.NotAuthorized;
  if (broker.keeper?.isFull && session.kept !== undefined) return ReasonCode.QuotaExceeded;
  const existing = session.subscriptions.get(key);
  if (existing === undefined && session.subscriptions.size >= broker.limits.subscriptionsPerSessionMax) {
    return ReasonCode.QuotaExceeded;
  }
  const { topicFilter, shareName } = parsed;
  const recordId = existing?.recordId ?? 0;
  const subscription = { session, key, topicFilter, shareName, qos, noLocal, retainAsPublished, identifier, recordId };
  // [MQTT-3.8.4-3] the same filter again replaces the subscription
  session.addSubscription(subscription);
  broker.subscriptions.add(subscription);
  session.kept?.putSubscription(subscription);
  // [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11]; §4.8.2: none for shared subscriptions
  const wanted = retainHandling === 0 || (retainHandling === 1 && existing === undefined);
  if (wanted && shareName === undefined) wantRetained.push(subscription);
  return qos;
}

function sendRetained(broker: Broker, session: Session, subscription: Subscription, now: number): void {
  const identifiers = subscription.identifier === 0 ? undefined : [subscription.identifier];
  broker.retained.forEachMatch(subscription.topicFilter, (message) => {
    if (message.expiresAtMs <= now) return;
    const qos = message.qos < subscription.qos ? message.qos : subscription.qos;
    deliverRetained(broker, session, message, qos, identifiers, now);
  });
}
