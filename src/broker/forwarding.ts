/** The short way for frames that are passed on as they were received. */
import type { Broker } from "./broker.ts";
import type { Connection } from "./connection.ts";
import type { RouteEntry } from "./subscription-tree.ts";

/**
 * Passes on PUBLISH frames that came in behind the last message of the client, and differ from it in nothing but the
 * payload: QoS 0, no RETAIN, no properties. Only where nothing but the route decides what becomes of them: nobody watches,
 * no hook asks, and every subscriber takes the very bytes. Congestion is looked at once for all of them.
 * @param topicName of the last message
 * @param frames the frames are `frames[start, end)`
 * @returns false where they have to be handled one by one, and nothing was done
 */
export function forwardFrames(
  broker: Broker,
  publisher: Connection,
  topicName: string,
  frames: Buffer,
  start: number,
  end: number,
): boolean {
  const { session } = publisher;
  if (publisher.state !== "open" || session === undefined || publisher.paused) return false;
  // The last one was valid and allowed.
  if (topicName !== publisher.lastPublishTopic) return false;
  if (broker.hooks !== undefined || session.publishing.length > 0) return false;
  if (broker.observer !== undefined || broker.limits.packetsPerSecondMax !== 0) return false;
  const { entries, groups } = broker.subscriptions.route(topicName);
  if (groups.length > 0) return false;
  for (let i = 0; i < entries.length; i++) if (!takesFrames(entries[i]!, publisher)) return false;
  for (let i = 0; i < entries.length; i++) entries[i]!.session.connection?.outbox.forward(frames, start, end);
  return true;
}

/** True if the subscriber gets the same bytes as were received, or, being away, nothing. */
function takesFrames(entry: RouteEntry, publisher: Connection): boolean {
  const { session } = entry;
  const { connection } = session;
  if (connection === undefined) return true;
  return (
    entry.withNoLocal === undefined &&
    entry.identifiers === undefined &&
    connection.isV5 === publisher.isV5 &&
    connection.acceptsAnySize &&
    connection.outboundAliases === undefined &&
    !session.hasQueuedQos0 &&
    !connection.outbox.congested
  );
}
