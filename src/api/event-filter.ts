import { filterMatches } from "../auth/index.ts";
import type { BrokerEvent, Message, Verdict } from "../broker/ports.ts";
import type { CheckedInput, TailEventOf } from "../contract/types.ts";
import type { FeedEvent } from "../runtime/index.ts";

export const verdictNames: { readonly [Kind in Verdict["kind"]]: TailEventOf<"hook">["verdict"] } = {
  accept: "passed",
  replace: "modified",
  drop: "dropped",
  reject: "rejected",
};

/** Of a payload that is searched, and shown. */
export const PAYLOAD_BYTES_MAX = 64 * 1024;

/**
 * Events have to pass every kind of filter that is given, and within a kind one of its values. A filter on something
 * that an event does not have keeps it out: with a topic there are no connects, with a verdict only hook events.
 */
export function eventFilter(query: CheckedInput<"events">["query"]): (event: FeedEvent) => boolean {
  const types = query.event && new Set<string>(query.event);
  const clients = query.client && new Set(query.client);
  const verdicts = query.verdict && new Set(query.verdict);
  const topics = query.topic?.map((filter) => filter.split("/"));
  const search = query.search === undefined ? undefined : { text: query.search, bytes: Buffer.from(query.search) };
  const rate = query.sampling_rate ?? 1;
  return ({ id, event }) => {
    if (types !== undefined && !types.has(event.type)) return false;
    if (verdicts !== undefined && !(event.type === "hook" && verdicts.has(verdictNames[event.verdict.kind])))
      return false;
    if (clients !== undefined && !clientsOf(event).some((clientId) => clients.has(clientId))) return false;
    if (topics !== undefined) {
      const topic = topicOf(event)?.split("/");
      if (topic === undefined || !topics.some((filter) => filterMatches(filter, topic))) return false;
    }
    if (rate < 1 && !isSampled("message" in event ? event.message.id : id, rate)) return false;
    return search === undefined || contains(event, search);
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

/**
 * All events of a message are given, or none. Multiplying by 2^32 over the golden ratio spreads numbers that follow
 * each other evenly, so that of every few of them the right share is in.
 */
function isSampled(number: number, rate: number): boolean {
  return (Math.imul(number, 0x9e3779b1) >>> 0) / 2 ** 32 < rate;
}

interface Search {
  readonly text: string;
  readonly bytes: Buffer;
}

function contains(event: BrokerEvent, search: Search): boolean {
  const { text } = search;
  if (clientsOf(event).some((clientId) => clientId.includes(text)) || topicOf(event)?.includes(text)) return true;
  if ("reason" in event && event.reason.includes(text)) return true;
  if (!("message" in event)) return false;
  if (contentContains(event.message, search)) return true;
  if (event.type !== "hook") return false;
  const { verdict } = event;
  if (verdict.kind === "replace") return contentContains(verdict, search);
  const told = verdict.kind === "accept" ? verdict.failure : verdict;
  return told !== undefined && (told.reason.includes(text) || (told.detail?.includes(text) ?? false));
}

function contentContains(
  { payload, properties }: Pick<Message, "payload" | "properties">,
  { text, bytes }: Search,
): boolean {
  if (payload.subarray(0, PAYLOAD_BYTES_MAX).includes(bytes)) return true;
  if (properties === undefined) return false;
  const { contentType, responseTopic, userProperties } = properties;
  if (contentType?.includes(text) || responseTopic?.includes(text)) return true;
  return userProperties?.some(([name, value]) => name.includes(text) || value.includes(text)) ?? false;
}
