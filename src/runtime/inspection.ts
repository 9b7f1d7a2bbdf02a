/** What operators see of a broker's sessions and retained messages. Reading changes nothing. */
import type { Broker, Message, Session, Subscription } from "../broker/index.ts";
import { KeyPage } from "./key-page.ts";
import type { InternalClient } from "./internal-client.ts";
import type { Link } from "./link.ts";
import type { Stream } from "./runtime.ts";

/** Names on one page of a list, in UTF-16 code units: they can be 64 KiB long each. */
const PAGE_NAME_CHARS_MAX = 1024 * 1024;

export interface PageQuery {
  /** Name of the last entry of the page before. */
  readonly after: string | undefined;
  /** At least 1. */
  readonly limit: number;
}

export interface Page<Entry> {
  /** In the order of their names. */
  readonly entries: readonly Entry[];
  /** `after` of the next page; undefined where there is none. */
  readonly next: string | undefined;
}

export interface ConnectionView {
  /** Address and port, for people. */
  readonly remote: string;
  readonly transport: Stream["transport"] | InternalClient["stream"]["transport"];
  readonly protocolVersion: number;
  /** Seconds, as the client asked. */
  readonly keepAlive: number;
  readonly tokenId: string | undefined;
  /** UNIX milliseconds. */
  readonly connectedAtMs: number;
}

export interface SessionView {
  readonly clientId: string;
  /** undefined while the client is away. */
  readonly connection: ConnectionView | undefined;
  /** Seconds that it outlives its connection; 4294967295 for ever. */
  readonly expiryIntervalSeconds: number;
  /** UNIX milliseconds; Infinity while the client is there or if it never ends. */
  readonly expiresAtMs: number;
  readonly subscriptionCount: number;
  readonly queuedMessages: number;
  readonly queuedBytes: number;
  readonly inflightMessages: number;
  readonly hasWill: boolean;
}

export function viewSession(session: Session): SessionView {
  return {
    clientId: session.clientId,
    connection: viewConnection(session),
    expiryIntervalSeconds: session.expiryIntervalSeconds,
    expiresAtMs: session.expiry?.atMs ?? Infinity,
    subscriptionCount: session.subscriptions.size,
    queuedMessages: session.queue.length,
    queuedBytes: session.queuedBytes,
    inflightMessages: session.inflight.size,
    hasWill: session.will !== undefined,
  };
}

function viewConnection({ connection }: Session): ConnectionView | undefined {
  if (connection === undefined) return undefined;
  const { stream } = connection.outbox as Link | InternalClient;
  return {
    remote: stream.remote,
    transport: stream.transport,
    protocolVersion: connection.protocolVersion,
    keepAlive: connection.connect.keepAlive,
    tokenId: connection.tokenId,
    connectedAtMs: connection.connectedAtMs,
  };
}

/** @param isConnected only sessions whose client is there, or away; undefined for all */
export function listSessions(
  { sessions }: Broker,
  isConnected: boolean | undefined,
  query: PageQuery,
): Page<SessionView> {
  const page = new KeyPage(query.after, query.limit);
  for (const { clientId, connection } of sessions.values()) {
    if (isConnected === undefined || isConnected === (connection !== undefined)) page.add(clientId);
  }
  return fill(page, (clientId) => viewSession(sessions.get(clientId)!));
}

export function listSubscriptions(session: Session, query: PageQuery): Page<Subscription> {
  const page = new KeyPage(query.after, query.limit);
  for (const key of session.subscriptions.keys()) page.add(key);
  return fill(page, (key) => session.subscriptions.get(key)!);
}

/** @param topicFilter without `$share` */
export function listRetained({ retained }: Broker, topicFilter: string, query: PageQuery): Page<Message> {
  const page = new KeyPage(query.after, query.limit);
  retained.forEachMatch(topicFilter, ({ topic }) => page.add(topic));
  return fill(page, (topic) => retained.get(topic)!);
}

function fill<Entry>(page: KeyPage, entryOf: (name: string) => Entry): Page<Entry> {
  const { keys, hasMore } = page.finish();
  let length = 0;
  let nameChars = 0;
  while (length < keys.length && nameChars < PAGE_NAME_CHARS_MAX) nameChars += keys[length++]!.length;
  return {
    entries: keys.slice(0, length).map(entryOf),
    next: hasMore || length < keys.length ? keys[length - 1] : undefined,
  };
}
