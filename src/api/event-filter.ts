import { filterMatches } from "../auth/index.ts";
import type { BrokerEvent, Verdict } from "../broker/ports.ts";
import type { CheckedInput, TailEventOf } from "../contract/types.ts";

export const verdictNames: { readonly [Kind in Verdict["kind"]]: TailEventOf<"hook">["verdict"] } = {
  accept: "passed",
  replace: "modified",
  drop: "dropped",
  reject: "rejected",
};

/**
 * Events have to pass every kind of filter that is given, and within a kind one of its values. A filter on something
 * that an event does not have keeps it out: with a topic there are no connects, with a verdict only hook events.
 */
export function eventFilter(query: CheckedInput<"events">["query"]): (event: BrokerEvent) => boolean {
  const types = query.event && new Set<string>(query.event);
  const clients = query.client && new Set(query.client);
  const verdicts = query.verdict && new Set(query.verdict);
  const topics = query.topic?.map((filter) => filter.split("/"));
  return (event) => {
    if (types !== undefined && !types.has(event.type)) return false;
    if (verdicts !== undefined && !(event.type === "hook" && verdicts.has(verdictNames[event.verdict.kind])))
      return false;
    if (clients !== undefined && !clientsOf(event).some((clientId) => clients.has(clientId))) return false;
    if (topics === undefined) return true;
    const topic = topicOf(event)?.split("/");
    return topic !== undefined && topics.some((filter) => filterMatches(filter, topic));
  };
}

/** The client that an event happens to, and the publisher of its message. */
function clientsOf(event: BrokerEvent): string[] {
  const clientId = "clientId" in event ? event.clientId : undefined;
  const publisherId = "message" in event ? event.message.publisherId : undefined;
  return [clientId, publisherId].filter((id) => id !== undefined);
}

function topicOf(event: BrokerEvent): string | undefined {
  if ("message" in event) return event.message.topic;
  // A subscription is about a topic where its filter is at most as wide as the one asked for.
  return "topicFilter" in event ? event.topicFilter : undefined;
}
