/** Why a client got a message, or did not: from what is known of the past, and from its session as it is now. Pure. */
import {
  type BrokerEvent,
  type DropReason,
  type HookDropReason,
  type Message,
  type Session,
  type Subscription,
  matchesFilter,
} from "../broker/index.ts";
import type { FeedEvent } from "./event-feed.ts";

/** Why, besides the reasons for which messages are dropped. */
export type DeliveryReason =
  /** The message was sent to it. */
  | "delivered"
  /** It waits in the client's queue. */
  | "waiting"
  /** It waits for the verdict of the hook. */
  | "waiting-for-hook"
  /** It expired, with or without having been routed. */
  | "expired"
  /** The client has no session: it was never there, or its session has ended. */
  | "no-session"
  /** Its session began after the message was published. */
  | "connected-later"
  /** None of its filters matches. */
  | "no-subscription"
  /** The filter that would match came after the message was published. */
  | "subscribed-later"
  /** The filter that would match was refused. */
  | "subscription-refused"
  /** Its own message, and its subscription has No Local. */
  | "no-local"
  /** Another member of the shared subscription got it. */
  | "shared-elsewhere"
  /** It was away, and messages of QoS 0 do not wait. */
  | "offline-qos0"
  /** Nothing that is known says why not. */
  | "unknown";

export interface Explanation {
  readonly outcome: "delivered" | "waiting" | "not-delivered" | "unknown";
  /** A hook that rejects may have words of its own. */
  readonly reason: DeliveryReason | DropReason | HookDropReason | (string & {});
  /** For people. */
  readonly detail?: string;
  /** What happened to the message, and to nobody but the client. */
  readonly events: readonly FeedEvent[];
}

type EventOf<Type extends BrokerEvent["type"]> = Extract<BrokerEvent, { type: Type }>;

/** Filters that are named where none matches. */
const FILTERS_NAMED_MAX = 10;

/**
 * @param past events of the broker, in their order
 * @param sessions as they are now
 * @returns undefined where the past does not have the message
 */
export function explainDelivery(
  past: readonly FeedEvent[],
  messageId: number,
  clientId: string,
  sessions: ReadonlyMap<string, Session>,
): Explanation | undefined {
  const ofMessage = past.filter(({ event }) => "message" in event && event.message.id === messageId);
  const published = ofMessage.find(({ event }) => event.type === "publish");
  if (published === undefined) return undefined;
  const { message } = published.event as EventOf<"publish">;
  const events = ofMessage.filter(({ event }) => !isOfAnother(event, clientId));
  const told = byEvents(events);
  if (told !== undefined) return { ...told, events };
  if (sessions.get(message.publisherId)?.publishing.has(messageId)) return waiting("waiting-for-hook", events);
  const session = sessions.get(clientId);
  if (session !== undefined) {
    for (const queued of session.queue) if (queued.message.id === messageId) return waiting("waiting", events);
  }
  const since = past.filter(({ id, event }) => id > published.id && "clientId" in event && event.clientId === clientId);
  const isDelivered = ofMessage.some(({ event }) => event.type === "deliver");
  const found = byState(message, clientId, session, since, past, isDelivered);
  return { outcome: found.reason === "unknown" ? "unknown" : "not-delivered", ...found, events };
}

/** Whether it is a delivery to somebody else. */
function isOfAnother(event: BrokerEvent, clientId: string): boolean {
  const { type } = event;
  if (type !== "deliver" && type !== "drop" && type !== "expire") return false;
  return event.clientId !== undefined && event.clientId !== clientId;
}

function waiting(reason: DeliveryReason, events: readonly FeedEvent[]): Explanation {
  return { outcome: "waiting", reason, events };
}

type Told = Pick<Explanation, "outcome" | "reason" | "detail">;

/** What the message's own events say. */
function byEvents(events: readonly FeedEvent[]): Told | undefined {
  const delivered = events.find(({ event }) => event.type === "deliver");
  if (delivered !== undefined) return { outcome: "delivered", reason: "delivered" };
  for (const { event } of events) {
    if (event.type === "hook" && (event.verdict.kind === "drop" || event.verdict.kind === "reject")) {
      const { reason, detail } = event.verdict;
      return { outcome: "not-delivered", reason, ...(detail !== undefined && { detail }) };
    }
    // That it is not retained keeps nobody from getting it.
    if (event.type === "drop" && event.reason !== "retained-quota") {
      return { outcome: "not-delivered", reason: event.reason };
    }
    if (event.type === "expire") return { outcome: "not-delivered", reason: "expired" };
  }
  return undefined;
}

/**
 * What the client's session says, and what the client did since.
 * @param since its events after the message was published
 */
function byState(
  message: Message,
  clientId: string,
  session: Session | undefined,
  since: readonly FeedEvent[],
  past: readonly FeedEvent[],
  isDelivered: boolean,
): { reason: DeliveryReason; detail?: string } {
  if (session === undefined) return { reason: "no-session" };
  const began = since.some(({ event }) => event.type === "connect" && !event.sessionPresent);
  if (began) return { reason: "connected-later" };
  const matching = [...session.subscriptions.values()].filter(({ topicFilter }) =>
    matchesFilter(topicFilter, message.topic),
  );
  if (matching.length === 0) return withoutSubscription(message, clientId, session, past);
  const later = new Set(since.flatMap(({ event }) => (event.type === "subscribe" ? [event.topicFilter] : [])));
  const before = matching.filter(({ key }) => !later.has(key));
  if (before.length === 0) return { reason: "subscribed-later", detail: filters(matching) };
  if (message.publisherId === clientId && before.every(({ noLocal }) => noLocal)) {
    return { reason: "no-local", detail: filters(before) };
  }
  if (isDelivered && before.every(({ shareName }) => shareName !== undefined)) {
    return { reason: "shared-elsewhere", detail: filters(before) };
  }
  const wasAway = session.connection === undefined || since.some(({ event }) => event.type === "connect");
  if (wasAway && before.every(({ qos }) => Math.min(qos, message.qos) === 0)) return { reason: "offline-qos0" };
  return { reason: "unknown", detail: `it matches ${filters(before)}` };
}

function withoutSubscription(
  { topic }: Message,
  clientId: string,
  session: Session,
  past: readonly FeedEvent[],
): { reason: DeliveryReason; detail?: string } {
  const refused = past.find(
    ({ event }) =>
      event.type === "subscribe" &&
      event.clientId === clientId &&
      event.reasonCode >= 0x80 &&
      matchesFilter(event.topicFilter.replace(/^\$share\/[^/]*\//, ""), topic),
  );
  if (refused !== undefined) {
    const { topicFilter, reasonCode } = refused.event as EventOf<"subscribe">;
    return { reason: "subscription-refused", detail: `${topicFilter}: 0x${reasonCode.toString(16)}` };
  }
  if (session.subscriptions.size === 0) return { reason: "no-subscription", detail: "it has no subscriptions" };
  return { reason: "no-subscription", detail: `it has ${filters([...session.subscriptions.values()])}` };
}

function filters(subscriptions: readonly Subscription[]): string {
  const names = subscriptions.slice(0, FILTERS_NAMED_MAX).map(({ key }) => key);
  return names.join(", ") + (subscriptions.length > names.length ? " …" : "");
}
