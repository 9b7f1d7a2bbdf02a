/** The short way for frames that are passed on as they were received. */
import { PacketType, type PlainFrames, type QoS, ReasonCode } from "../codec/index.ts";
import type { Broker } from "./broker.ts";
import type { Connection } from "./connection.ts";
import type { Session } from "./session.ts";
import type { Route, RouteEntry } from "./subscription-tree.ts";

const NO_PACKET_IDS: readonly number[] = [];
/** Of the frames that go to one subscriber; used again and again. */
const packetIds: number[] = [];

/**
 * Passes on PUBLISH frames. Only where nothing but the route decides what becomes of them: the client has published to the
 * topic before, nobody watches, no hook wants it, every subscriber takes the very bytes, and none of them may have to be sent
 * again. Congestion is looked at once for all of them.
 * @returns the end of those that were passed on; `frames.start` where they have to be handled one by one
 */
export function forwardFrames(broker: Broker, publisher: Connection, frames: PlainFrames): number {
  const { topic, start, end, qos } = frames;
  const { session } = publisher;
  if (publisher.state !== "open" || session === undefined || publisher.paused) return start;
  if (broker.hooks?.wants(topic) || session.publishing.length > 0) return start;
  if (broker.observer !== undefined || broker.limits.packetsPerSecondMax !== 0) return start;
  const known = broker.subscriptions.known(topic);
  // Those who were allowed to publish to it are, and so are others with the same rights.
  if (topic !== publisher.lastPublishTopic && (known === undefined || known.allowedBy !== publisher.acl)) return start;
  const route = known?.route ?? broker.subscriptions.route(topic);
  const { entries, groups } = route;
  if (groups.length > 0) return start;
  for (let i = 0; i < entries.length; i++) if (!takesFrames(entries[i]!, publisher, qos)) return start;
  if (qos !== 0) return forwardIdentified(broker, publisher, session, route, frames);
  const { traffic } = broker;
  traffic.messagesReceived += frames.count;
  for (let i = 0; i < entries.length; i++) {
    const { connection } = entries[i]!.session;
    if (connection === undefined) continue;
    connection.outbox.forward(frames, end, NO_PACKET_IDS);
    traffic.messagesSent += frames.count;
  }
  return end;
}

/** True if the subscriber gets the same bytes as were received, or, being away, nothing. */
function takesFrames(entry: RouteEntry, publisher: Connection, qos: QoS): boolean {
  const { session } = entry;
  const { connection } = session;
  if (connection === undefined) return qos === 0;
  return (
    entry.withNoLocal === undefined &&
    entry.identifiers === undefined &&
    connection.isV5 === publisher.isV5 &&
    connection.acceptsAnySize &&
    connection.outboundAliases === undefined &&
    (qos === 0
      ? !session.hasQueuedQos0 && !connection.outbox.congested
      : entry.qos >= qos && session.endsWithConnection && session.isReady)
  );
}

/** The frames of QoS 1 and 2, as many as publisher and subscribers may have under way. */
function forwardIdentified(
  broker: Broker,
  publisher: Connection,
  session: Session,
  { entries }: Route,
  frames: PlainFrames,
): number {
  const { qos } = frames;
  let quota = frames.count;
  for (let i = 0; i < entries.length; i++) quota = Math.min(quota, entries[i]!.session.sendQuota);
  const count = qos === 1 ? acceptQos1(publisher, quota) : acceptQos2(broker, publisher, session, frames, quota);
  if (count === 0) return frames.start;
  const end = frames.ends[count - 1]!;
  broker.traffic.messagesReceived += count;
  broker.traffic.messagesSent += count * entries.length;
  for (let i = 0; i < entries.length; i++) {
    const { inflight, connection } = entries[i]!.session;
    if (packetIds.length !== count) packetIds.length = count;
    for (let k = 0; k < count; k++) packetIds[k] = inflight.begin(qos);
    connection!.sendQuota -= count;
    connection!.outbox.forward(frames, end, packetIds);
  }
  const reasonCode = entries.length > 0 || !publisher.isV5 ? ReasonCode.Success : ReasonCode.NoMatchingSubscribers;
  const type = qos === 1 ? PacketType.PUBACK : PacketType.PUBREC;
  for (let k = 0; k < count; k++) publisher.acknowledge(type, frames.packetId(k), reasonCode);
  return end;
}

/** @returns how many are taken: none while others of a client of 5.0 wait, whose identifiers have to be looked at */
function acceptQos1({ isV5, unacknowledged }: Connection, quota: number): number {
  return isV5 && unacknowledged.size > 0 ? 0 : quota;
}

/**
 * Notes the packet identifiers of QoS 2 messages.
 * @returns how many are taken: up to the first that is sent again, or that the client may not send
 */
function acceptQos2(
  { limits }: Broker,
  { isV5, unacknowledged }: Connection,
  { receivedQos2, kept }: Session,
  frames: PlainFrames,
  quota: number,
): number {
  if (kept !== undefined) return 0;
  for (let k = 0; k < quota; k++) {
    const packetId = frames.packetId(k);
    if (receivedQos2.has(packetId) || (isV5 && unacknowledged.size >= limits.receiveMaximum)) return k;
    unacknowledged.add(packetId);
    receivedQos2.set(packetId, undefined);
  }
  return quota;
}
