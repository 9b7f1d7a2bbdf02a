import { type Auth, type Connect, ReasonCode } from "../codec/index.ts";
import {
  type AuthenticationChallenge,
  type AuthenticationResult,
  Broker,
  type Connection,
  Deadline,
  type HookReport,
  type Limits,
  type Hooks,
  type InternalPublish,
  type InternalSubscriber,
  type InternalSubscription,
  InternalPublisher,
  type Message,
  type PendingPublish,
  type Principal,
  type PublishOutcome,
  type Random,
  type Subscription,
  type Verdict,
} from "../broker/index.ts";
import type { HookLoad } from "../hooks/index.ts";
import { EventFeed } from "./event-feed.ts";
import { type Explanation, explainDelivery } from "./explanation.ts";
import {
  type Page,
  type PageQuery,
  type SessionView,
  listRetained,
  listSessions,
  listSubscriptions,
  viewSession,
} from "./inspection.ts";
import { INTERNAL_PREFIX, InternalClient } from "./internal-client.ts";
import type { Link } from "./link.ts";
import { type BrokerMetrics, HookVerdicts } from "./metrics.ts";
import type { Runtime, Stream } from "./runtime.ts";

/** Checks the credentials of a CONNECT, and the AUTHs that follow it, for one broker: at once, or later. */
export type CheckCredentials = (packet: Connect | Auth, stream: Stream) => Checked | Promise<Checked>;
type Checked = AuthenticationResult | AuthenticationChallenge;

/** The hooks of a broker, as the runtime drives them. */
export interface HookRunner extends Hooks {
  readonly load: HookLoad;
  /** Gives up what is under way. */
  close(): Promise<void>;
}

export interface HostedBrokerOptions {
  readonly limits?: Partial<Limits>;
  readonly checkCredentials: CheckCredentials;
  readonly random: Random;
}

/** Of subscribers within the server. */
const ITSELF: Principal = { clientId: undefined, tokenId: undefined, expiresAtMs: Infinity, acl: undefined };

/** A broker with its surroundings: credentials, hooks and those who watch it. */
export class HostedBroker {
  readonly id: string;
  readonly broker: Broker;
  /** What happens in it. */
  readonly events: EventFeed;
  readonly #runtime: Runtime;
  /** Stands for the broker's first deadline among those of the runtime. It may be due too early. */
  readonly #wake: Deadline;
  #hooks: HookRunner | undefined;
  readonly #verdicts = new HookVerdicts();
  readonly #publishers = new Map<string, InternalPublisher>();
  /** By client id. */
  readonly #clients = new Map<string, InternalClient>();

  constructor(runtime: Runtime, id: string, options: HostedBrokerOptions) {
    this.id = id;
    this.#runtime = runtime;
    this.broker = new Broker({
      limits: { ...runtime.limits, ...options.limits },
      random: options.random,
      journal: runtime.store?.journal(id),
      authenticator: {
        authenticate: (connection, packet) => this.#authenticate(connection, packet, options.checkCredentials),
      },
    });
    this.#wake = new Deadline(undefined, (_, now) => {
      try {
        this.broker.advance(now);
      } finally {
        runtime.deadlines.set(this.#wake, this.broker.nextDeadline());
      }
    });
    this.broker.deadlines.onFirst = (atMs) => runtime.deadlines.set(this.#wake, atMs);
    this.events = new EventFeed((observer) => {
      this.broker.observer = observer;
    });
  }

  /** Sets the broker's limits; what is left out is as for all brokers of the server. */
  setLimits(limits: Partial<Limits>): void {
    this.broker.limits = { ...this.#runtime.limits, ...limits };
  }

  /** Sends messages to the hooks from now on, or to none. What went to them before still gets its verdict. */
  setHooks(hooks: HookRunner | undefined): void {
    this.broker.hooks = hooks;
    if (hooks !== undefined) this.#hooks = hooks;
  }

  /** The verdict of a hook. */
  completeHook(pending: PendingPublish, verdict: Verdict, report: HookReport): void {
    this.#verdicts.add(verdict, report);
    this.#runtime.turn((now) => this.broker.hookCompleted(pending, verdict, report, now));
  }

  /** The circuit breaker of the hook has opened or closed. */
  reportHookCircuit(state: "opened" | "closed", reason: string): void {
    this.#runtime.turn((now) => this.broker.observe({ type: "hook-circuit", state, reason }, now));
  }

  /**
   * Publishes messages, in their order, on behalf of something within the server.
   * @param publisherId what stands where others have a client id; one of a few
   * @returns what became of each, once what was accepted is kept, and the hooks have decided
   */
  async publish(publisherId: string, messages: readonly InternalPublish[]): Promise<PublishOutcome[]> {
    let publisher = this.#publishers.get(publisherId);
    if (publisher === undefined) {
      publisher = new InternalPublisher(this.broker, publisherId);
      this.#publishers.set(publisherId, publisher);
    }
    const outcomes = await new Promise<PublishOutcome[]>((resolve) => {
      const settled: PublishOutcome[] = Array.from({ length: messages.length });
      let left = messages.length;
      this.#runtime.turn((now) => {
        for (const [index, message] of messages.entries()) {
          publisher.publish(message, now, (outcome) => {
            settled[index] = outcome;
            if (--left === 0) resolve(settled);
          });
        }
      });
      if (messages.length === 0) resolve(settled);
    });
    await this.#runtime.kept();
    return outcomes;
  }

  /** Subscribes on behalf of something within the server. */
  subscribe(subscription: InternalSubscription): InternalSubscriber {
    const client = new InternalClient(this.#runtime, this, subscription);
    this.#clients.set(subscription.clientId, client);
    client.open();
    return client;
  }

  /**
   * Ends sessions of subscribers within the server.
   * @param prefix of their client ids
   * @param isWanted those that stay
   * @returns their client ids, and how many messages waited
   */
  endInternalSessions(
    prefix: string,
    isWanted: (clientId: string) => boolean,
  ): { readonly clientId: string; readonly messages: number }[] {
    const unwanted = [...this.broker.sessions.values()].filter(
      ({ clientId }) => clientId.startsWith(prefix) && !isWanted(clientId),
    );
    const ended = unwanted.map(({ clientId, queue, inflight }) => ({
      clientId,
      messages: queue.length + inflight.size,
    }));
    this.#runtime.turn((now) => {
      for (const session of unwanted) this.broker.kick(session, true, now);
    });
    return ended;
  }

  /**
   * Ends the connections of clients whose tokens have these ids.
   * @param isMeant further connections that came in with what is revoked
   */
  revoke(tokenIds: ReadonlySet<string>, isMeant: (stream: Stream) => boolean = () => false): void {
    this.#runtime.turn((now) => {
      this.broker.disconnectWhere(
        ({ tokenId, outbox }) =>
          (tokenId !== undefined && tokenIds.has(tokenId)) ||
          (!(outbox instanceof InternalClient) && isMeant((outbox as Link).stream)),
        ReasonCode.NotAuthorized,
        "the token was revoked",
        now,
      );
    });
  }

  metrics(): BrokerMetrics {
    const { connections, sessions, retained, traffic } = this.broker;
    return {
      connections: connections.size,
      sessions: sessions.size,
      retainedMessages: retained.size,
      retainedBytes: retained.bytes,
      traffic,
      verdicts: this.#verdicts,
      hook: this.broker.hooks === undefined ? undefined : this.#hooks?.load,
    };
  }

  /** Why the client got a message, or did not; undefined where nothing is known of the message. */
  explain(messageId: number, clientId: string): Explanation | undefined {
    return explainDelivery(this.events.past, messageId, clientId, this.broker.sessions);
  }

  /** @param isConnected only sessions whose client is there, or away; undefined for all */
  sessions(isConnected: boolean | undefined, query: PageQuery): Page<SessionView> {
    return listSessions(this.broker, isConnected, query);
  }

  /** @returns undefined where the client has no session */
  session(clientId: string): SessionView | undefined {
    const session = this.broker.sessions.get(clientId);
    return session && viewSession(session);
  }

  /** @returns undefined where the client has no session */
  subscriptions(clientId: string, query: PageQuery): Page<Subscription> | undefined {
    const session = this.broker.sessions.get(clientId);
    return session && listSubscriptions(session, query);
  }

  /**
   * Ends the client's connection (0x98) and, if wanted, its session. A session that does not outlive its connection
   * ends in any case.
   * @returns what it found and what became of it, once that is kept; undefined where the client has no session
   */
  async kick(
    clientId: string,
    endsSession: boolean,
  ): Promise<{ wasConnected: boolean; sessionEnded: boolean } | undefined> {
    const session = this.broker.sessions.get(clientId);
    if (session === undefined) return undefined;
    const wasConnected = session.connection !== undefined;
    this.#runtime.turn((now) => this.broker.kick(session, endsSession, now));
    const sessionEnded = this.broker.sessions.get(clientId) !== session;
    await this.#runtime.kept();
    return { wasConnected, sessionEnded };
  }

  /** @param topicFilter without `$share` */
  retained(topicFilter: string, query: PageQuery): Page<Message> {
    return listRetained(this.broker, topicFilter, query);
  }

  retainedMessage(topicName: string): Message | undefined {
    return this.broker.retained.get(topicName);
  }

  /**
   * Deletes retained messages whose topics the filter matches, as many as fit on a page.
   * @returns how many, and whether there are more, once that is kept
   */
  async deleteRetained(topicFilter: string, limit: number): Promise<{ deleted: number; hasMore: boolean }> {
    const { entries, next } = listRetained(this.broker, topicFilter, { after: undefined, limit });
    this.#runtime.turn(() => {
      for (const { topic } of entries) this.broker.retained.delete(topic);
    });
    await this.#runtime.kept();
    return { deleted: entries.length, hasMore: next !== undefined };
  }

  /** Says goodbye to the clients and gives up the hooks. */
  close(reasonCode: ReasonCode, reason: string): void {
    for (const client of this.#clients.values()) client.release();
    this.broker.stopKeeping();
    this.#runtime.turn((now) => this.broker.shutdown(reasonCode, reason, now));
    this.broker.deadlines.onFirst = undefined;
    this.#runtime.deadlines.clear(this.#wake);
    this.events.close();
    if (this.#hooks !== undefined) this.#runtime.background(this.#hooks.close());
  }

  #authenticate(connection: Connection, packet: Connect | Auth, check: CheckCredentials): void {
    const { outbox } = connection;
    if (outbox instanceof InternalClient) {
      this.broker.authenticated(connection, { ok: true, principal: ITSELF }, this.#runtime.now());
      return;
    }
    const { stream } = outbox as Link;
    if (connection.connect.clientId.startsWith(INTERNAL_PREFIX)) {
      const reason = `client ids that begin with ${INTERNAL_PREFIX} are the server's own`;
      this.#authenticated(connection, { ok: false, reasonCode: ReasonCode.ClientIdentifierNotValid, reason });
      return;
    }
    try {
      const checked = check(packet, stream);
      if (!(checked instanceof Promise)) {
        this.#authenticated(connection, checked);
        return;
      }
      void checked.then(
        (result) => this.#authenticated(connection, result),
        (error: unknown) => this.#couldNotCheck(connection, error),
      );
    } catch (error) {
      this.#couldNotCheck(connection, error);
    }
  }

  #couldNotCheck(connection: Connection, error: unknown): void {
    this.#runtime.onError(error);
    const reason = "the credentials could not be checked";
    this.#authenticated(connection, { ok: false, reasonCode: ReasonCode.UnspecifiedError, reason });
  }

  #authenticated(connection: Connection, result: Checked): void {
    this.#runtime.turn((now) => {
      try {
        this.broker.authenticated(connection, result, now);
      } catch (error) {
        this.#runtime.onError(error);
        (connection.outbox as Link).stream.destroy();
      }
    });
  }
}
