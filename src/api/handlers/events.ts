import { eventFilter } from "../event-filter.ts";
import { publicEvent } from "../event-json.ts";
import { EventStream } from "../event-stream.ts";
import { type Handlers, findBroker } from "../handler.ts";

export const eventHandlers: Handlers<"events"> = {
  events: ({ params, query }, dependencies) => {
    const { catalogue, clock, observe } = dependencies;
    const { namespace, broker } = findBroker(dependencies, params);
    const source = { namespace: namespace.name, broker: broker.name };
    const passes = eventFilter(query);
    const stream = new EventStream(source, clock);
    const stopObserving = observe(broker.id, (event, nowMs) => {
      if (passes(event)) stream.push(() => publicEvent(event, nowMs, source));
    });
    const stopWatching = catalogue.watch((change) => {
      if (change.type === "broker-deleted" && change.broker.id === broker.id) stream.end();
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
