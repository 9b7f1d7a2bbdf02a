import type { EventFeed, Past } from "../../runtime/index.ts";
import { eventFilter } from "../event-filter.ts";
import { EventStream, parseEventId } from "../event-stream.ts";
import { ApiFailure } from "../failure.ts";
import { type Handlers, findBroker, inspectBroker } from "../handler.ts";

/** What a stream begins with; a caller that comes back wants what it missed. */
function pastOf(feed: EventFeed, lastEventId: string | undefined, since: string | undefined): Past {
  if (lastEventId !== undefined) {
    const position = parseEventId(lastEventId);
    return position === undefined ? { events: [], missing: undefined } : feed.after(position.run, position.id);
  }
  return since === undefined ? { events: [], missing: 0 } : feed.since(Date.parse(since));
}

export const eventHandlers: Handlers<"events"> = {
  events: ({ params, query, lastEventId }, dependencies, caller) => {
    const { catalogue, clock } = dependencies;
    const { namespace, broker } = findBroker(dependencies, params);
    const feed = inspectBroker(dependencies, params).events;
    if (feed.isFull) throw new ApiFailure("too-many-watchers");
    const passes = eventFilter(query);
    const stopObserving = feed.watch((event) => {
      if (passes(event)) stream.push(event);
    }, clock());
    const { events, missing } = pastOf(feed, lastEventId, query.since);
    const stream = new EventStream({
      source: { namespace: namespace.name, broker: broker.name },
      payloadBytesMax: query.payload_bytes_max,
      clock,
      run: feed.run,
      startId: (events[0]?.id ?? feed.lastId + 1) - 1,
      newestId: () => feed.lastId,
    });
    if (missing !== 0) stream.missing(missing);
    for (const event of events) if (passes(event)) stream.push(event);
    const stopWatching = catalogue.watch((change) => {
      if (change.type === "broker-deleted" && change.broker.id === broker.id) stream.end();
      if (change.type === "api-token-deleted" && change.apiToken.id === caller.id) stream.end();
    });
    return new Response(
      stream.open(() => {
        stopObserving();
        stopWatching();
      }),
      { headers: { "content-type": "text/event-stream", "cache-control": "no-store" } },
    );
  },
};
