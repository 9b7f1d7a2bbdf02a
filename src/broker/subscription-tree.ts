import type { QoS } from "../codec/index.ts";
import type { RecordId } from "./ports.ts";
import type { Session } from "./session.ts";
import { SharedGroup } from "./shared.ts";

/** What one client asked for with one filter. */
export interface Subscription {
  readonly session: Session;
  /** As in SUBSCRIBE, with `$share/…`: the key within the session. */
  readonly key: string;
  readonly topicFilter: string;
  readonly shareName: string | undefined;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  /** 0 where the client gave none. */
  readonly identifier: number;
  /** In the journal; 0 where it is not kept. */
  recordId: RecordId;
}

/** One session's share of a route: all of its subscriptions that match, folded into one delivery. */
export interface RouteEntry {
  readonly session: Session;
  /** The highest granted QoS. [MQTT-3.3.4-2] */
  readonly qos: QoS;
  readonly retainAsPublished: boolean;
  /** Those of all matching subscriptions. [MQTT-3.3.4-3] [MQTT-3.3.4-4] */
  readonly identifiers: number[] | undefined;
  /** The subscriptions behind it where one of them is No Local, so that the publisher's own are told apart. */
  readonly withNoLocal: Subscription[] | undefined;
}

/** Who gets the messages of one topic. */
export interface Route {
  readonly entries: readonly RouteEntry[];
  readonly groups: readonly SharedGroup[];
}

interface Node {
  /** By the text of the next level. */
  children: Map<string, Node> | undefined;
  /** The next level is `+`. */
  plus: Node | undefined;
  /** Filters that end here. */
  exact: Subscribers | undefined;
  /** Filters that go on with `#`. */
  hash: Subscribers | undefined;
}

interface Subscribers {
  readonly direct: Map<Session, Subscription>;
  readonly groups: Map<string, SharedGroup>;
}

const newNode = (): Node => ({ children: undefined, plus: undefined, exact: undefined, hash: undefined });

const EMPTY_ROUTE: Route = { entries: [], groups: [] };

/** Topics whose routes are remembered; past that the cache starts anew. */
const ROUTES_CACHED_MAX = 16_384;
/** Longer topic names are looked up each time, so that the names in the cache take some MiB at most. */
const ROUTE_CACHED_CHARACTERS_MAX = 256;

/**
 * All subscriptions of a broker: a trie by topic level, with a cache of routes by topic name before it.
 * A change of a filter without wildcards forgets one route, any other change forgets all.
 */
export class SubscriptionTree {
  readonly #root = newNode();
  readonly #routes = new Map<string, Route>();
  #size = 0;

  /** Number of subscriptions. */
  get size(): number {
    return this.#size;
  }

  /** Adds a subscription, or replaces the one of the same session, filter and share name. */
  add(subscription: Subscription): void {
    const subscribers = this.#subscribersFor(subscription.topicFilter);
    const { session, shareName } = subscription;
    if (shareName === undefined) {
      if (!subscribers.direct.has(session)) this.#size++;
      subscribers.direct.set(session, subscription);
    } else {
      let group = subscribers.groups.get(shareName);
      if (group === undefined) {
        group = new SharedGroup();
        subscribers.groups.set(shareName, group);
      }
      if (group.put(subscription)) this.#size++;
    }
    this.#forgetRoutes(subscription.topicFilter);
  }

  remove(subscription: Subscription): void {
    const path = this.#pathTo(subscription.topicFilter);
    if (path === undefined) return;
    const { nodes, levels, endsWithHash } = path;
    const node = nodes.at(-1)!;
    const subscribers = endsWithHash ? node.hash : node.exact;
    if (subscribers === undefined) return;
    const { session, shareName } = subscription;
    if (shareName === undefined) {
      if (subscribers.direct.delete(session)) this.#size--;
    } else {
      const group = subscribers.groups.get(shareName);
      if (group?.remove(session)) this.#size--;
      if (group?.isEmpty) subscribers.groups.delete(shareName);
    }
    if (subscribers.direct.size === 0 && subscribers.groups.size === 0) {
      if (endsWithHash) node.hash = undefined;
      else node.exact = undefined;
      prune(nodes, levels);
    }
    this.#forgetRoutes(subscription.topicFilter);
  }

  /** The route of a topic name. Valid until the next change of the tree. */
  route(topicName: string): Route {
    let route = this.#routes.get(topicName);
    if (route !== undefined) return route;
    route = this.#match(topicName);
    if (topicName.length > ROUTE_CACHED_CHARACTERS_MAX) return route;
    if (this.#routes.size >= ROUTES_CACHED_MAX) this.#routes.clear();
    this.#routes.set(topicName, route);
    return route;
  }

  #forgetRoutes(topicFilter: string): void {
    if (topicFilter.includes("+") || topicFilter.includes("#")) this.#routes.clear();
    else this.#routes.delete(topicFilter);
  }

  #subscribersFor(topicFilter: string): Subscribers {
    let node = this.#root;
    for (const level of topicFilter.split("/")) {
      if (level === "#") return (node.hash ??= { direct: new Map(), groups: new Map() });
      if (level === "+") {
        node = node.plus ??= newNode();
        continue;
      }
      node.children ??= new Map();
      let child = node.children.get(level);
      if (child === undefined) {
        child = newNode();
        node.children.set(level, child);
      }
      node = child;
    }
    return (node.exact ??= { direct: new Map(), groups: new Map() });
  }

  #pathTo(topicFilter: string): { nodes: Node[]; levels: string[]; endsWithHash: boolean } | undefined {
    const levels = topicFilter.split("/");
    const nodes = [this.#root];
    for (const level of levels) {
      const node = nodes.at(-1)!;
      if (level === "#") return { nodes, levels, endsWithHash: true };
      const next = level === "+" ? node.plus : node.children?.get(level);
      if (next === undefined) return undefined;
      nodes.push(next);
    }
    return { nodes, levels, endsWithHash: false };
  }

  #match(topicName: string): Route {
    const found: Subscribers[] = [];
    // [MQTT-4.7.2-1] wildcards at the first level leave topics that begin with $ alone.
    collect(this.#root, topicName.split("/"), 0, topicName.startsWith("$"), found);
    if (found.length === 0) return EMPTY_ROUTE;
    const bySession = new Map<Session, Subscription[]>();
    const groups: SharedGroup[] = [];
    for (const subscribers of found) {
      for (const subscription of subscribers.direct.values()) {
        const others = bySession.get(subscription.session);
        if (others === undefined) bySession.set(subscription.session, [subscription]);
        else others.push(subscription);
      }
      groups.push(...subscribers.groups.values());
    }
    const entries: RouteEntry[] = [];
    for (const subscriptions of bySession.values()) entries.push(routeEntry(subscriptions));
    return { entries, groups };
  }
}

/** Folds the matching subscriptions of one session into one delivery. */
export function routeEntry(subscriptions: Subscription[]): RouteEntry {
  let qos: QoS = 0;
  let retainAsPublished = false;
  let noLocal = false;
  let identifiers: number[] | undefined;
  for (const subscription of subscriptions) {
    if (subscription.qos > qos) qos = subscription.qos;
    retainAsPublished ||= subscription.retainAsPublished;
    noLocal ||= subscription.noLocal;
    if (subscription.identifier !== 0) (identifiers ??= []).push(subscription.identifier);
  }
  const { session } = subscriptions[0]!;
  return { session, qos, retainAsPublished, identifiers, withNoLocal: noLocal ? subscriptions : undefined };
}

function collect(node: Node, levels: string[], index: number, skipWildcards: boolean, found: Subscribers[]): void {
  if (!skipWildcards && node.hash !== undefined) found.push(node.hash);
  if (index === levels.length) {
    if (node.exact !== undefined) found.push(node.exact);
    return;
  }
  const child = node.children?.get(levels[index]!);
  if (child !== undefined) collect(child, levels, index + 1, false, found);
  if (!skipWildcards && node.plus !== undefined) collect(node.plus, levels, index + 1, false, found);
}

/** Removes the empty nodes at the end of a path, so that the tree holds nothing for filters that are gone. */
function prune(nodes: Node[], levels: string[]): void {
  for (let depth = nodes.length - 1; depth > 0; depth--) {
    const node = nodes[depth]!;
    if (node.exact || node.hash || node.plus || node.children?.size) return;
    const parent = nodes[depth - 1]!;
    const level = levels[depth - 1]!;
    if (level === "+") parent.plus = undefined;
    else parent.children!.delete(level);
    if (parent.children?.size === 0) parent.children = undefined;
  }
}
