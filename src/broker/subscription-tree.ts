import type { QoS } from "../codec/index.ts";
import type { Acl, RecordId } from "./ports.ts";
import type { Session } from "./session.ts";
import type { SharedGroup } from "./shared.ts";
import { Subscribers, routeEntry } from "./subscribers.ts";

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

/** What is remembered of a topic name. */
export interface KnownTopic {
  readonly route: Route;
  /** By whose rights a client was last found to be allowed to publish to it; null while nobody was. */
  allowedBy: Acl | undefined | null;
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

const newNode = (): Node => ({ children: undefined, plus: undefined, exact: undefined, hash: undefined });

const EMPTY_ROUTE: Route = { entries: [], groups: [] };

/** Topics whose routes are remembered; past that the cache starts anew. */
const TOPICS_KNOWN_MAX = 16_384;
/** Longer topic names are looked up each time, so that the names in the cache take some MiB at most. */
const TOPIC_KNOWN_CHARACTERS_MAX = 256;

/** How long the cache rests where fewer topics came back than it has room for. */
const CACHE_REST_MISSES = 8 * TOPICS_KNOWN_MAX;

/**
 * All subscriptions of a broker: a trie by topic level, with a cache of routes by topic name before it.
 * A change of a filter without wildcards forgets one route, any other change forgets all.
 */
export class SubscriptionTree {
  readonly #root = newNode();
  readonly #known = new Map<string, KnownTopic>();
  /** Since the cache began anew. */
  #hits = 0;
  /** The cache rests for as many. */
  #missesToRest = 0;
  #size = 0;

  /** Number of subscriptions. */
  get size(): number {
    return this.#size;
  }

  /** Adds a subscription, or replaces the one of the same session, filter and share name. */
  add(subscription: Subscription): void {
    if (this.#subscribersFor(subscription.topicFilter).add(subscription)) this.#size++;
    this.#forgetRoutes(subscription.topicFilter);
  }

  remove(subscription: Subscription): void {
    const path = this.#pathTo(subscription.topicFilter);
    if (path === undefined) return;
    const { nodes, levels, endsWithHash } = path;
    const node = nodes.at(-1)!;
    const subscribers = endsWithHash ? node.hash : node.exact;
    if (subscribers === undefined) return;
    if (subscribers.remove(subscription)) this.#size--;
    if (subscribers.isEmpty) {
      if (endsWithHash) node.hash = undefined;
      else node.exact = undefined;
      prune(nodes, levels);
    }
    this.#forgetRoutes(subscription.topicFilter);
  }

  /** The route of a topic name. Valid until the next change of the tree. */
  route(topicName: string): Route {
    const known = this.known(topicName);
    if (known !== undefined) return known.route;
    const route = this.#match(topicName);
    if (this.#isWorthCaching(topicName)) this.#known.set(topicName, { route, allowedBy: null });
    return route;
  }

  /** What is remembered of a topic name whose route was asked for. Valid until the next change of the tree. */
  known(topicName: string): KnownTopic | undefined {
    const known = this.#known.get(topicName);
    if (known !== undefined) this.#hits++;
    return known;
  }

  /** What topic names were found to be does not hold any more. */
  forgetTopics(): void {
    this.#known.clear();
  }

  /** Where topics hardly ever come back the cache costs more than it gains: then it rests for a while. */
  #isWorthCaching(topicName: string): boolean {
    if (topicName.length > TOPIC_KNOWN_CHARACTERS_MAX) return false;
    if (this.#missesToRest > 0) {
      this.#missesToRest--;
      return false;
    }
    if (this.#known.size >= TOPICS_KNOWN_MAX) {
      if (this.#hits < TOPICS_KNOWN_MAX) this.#missesToRest = CACHE_REST_MISSES;
      this.#hits = 0;
      this.#known.clear();
    }
    return true;
  }

  #forgetRoutes(topicFilter: string): void {
    if (topicFilter.includes("+") || topicFilter.includes("#")) this.#known.clear();
    else this.#known.delete(topicFilter);
  }

  #subscribersFor(topicFilter: string): Subscribers {
    let node = this.#root;
    for (const level of topicFilter.split("/")) {
      if (level === "#") return (node.hash ??= new Subscribers());
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
    return (node.exact ??= new Subscribers());
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
    if (found.length === 1) return found[0]!.route;
    const bySession = new Map<Session, Subscription[]>();
    const groups: SharedGroup[] = [];
    for (const subscribers of found) {
      for (const subscription of subscribers.direct()) {
        const others = bySession.get(subscription.session);
        if (others === undefined) bySession.set(subscription.session, [subscription]);
        else others.push(subscription);
      }
      groups.push(...subscribers.groups());
    }
    const entries: RouteEntry[] = [];
    for (const subscriptions of bySession.values()) entries.push(routeEntry(subscriptions));
    return { entries, groups };
  }
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
