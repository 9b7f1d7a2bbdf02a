import { type Auth, type Connect, ReasonCode } from "../codec/index.ts";
import {
  type AuthenticationChallenge,
  type AuthenticationResult,
  Broker,
  type BrokerEvent,
  type Connection,
  type HookReport,
  type Limits,
  type Hooks,
  type PendingPublish,
  type Random,
  type Verdict,
} from "../broker/index.ts";
import type { Link } from "./link.ts";
import type { Runtime, Stream } from "./runtime.ts";

/** Checks the credentials of a CONNECT, and the AUTHs that follow it, for one broker. */
export type CheckCredentials = (
  packet: Connect | Auth,
  stream: Stream,
) => Promise<AuthenticationResult | AuthenticationChallenge>;

/** The hooks of a broker, as the runtime drives them. */
export interface HookRunner extends Hooks {
  /** Gives up what is under way. */
  close(): Promise<void>;
}

export interface HostedBrokerOptions {
  readonly limits?: Partial<Limits>;
  readonly checkCredentials: CheckCredentials;
  readonly random: Random;
}

export type BrokerListener = (event: BrokerEvent, nowMs: number) => void;

/** A broker with its surroundings: credentials, hooks and those who watch it. */
export class HostedBroker {
  readonly id: string;
  readonly broker: Broker;
  readonly #runtime: Runtime;
  readonly #listeners = new Set<BrokerListener>();
  #hooks: HookRunner | undefined;

  constructor(runtime: Runtime, id: string, options: HostedBrokerOptions) {
    this.id = id;
    this.#runtime = runtime;
    this.broker = new Broker({
      limits: { ...runtime.limits, ...options.limits },
      random: options.random,
      authenticator: {
        authenticate: (connection, packet) => void this.#authenticate(connection, packet, options.checkCredentials),
      },
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
    this.#runtime.turn((now) => this.broker.hookCompleted(pending, verdict, report, now));
  }

  /**
   * Ends the connections of clients whose tokens have these ids.
   * @param isMeant further connections that came in with what is revoked
   */
  revoke(tokenIds: ReadonlySet<string>, isMeant: (stream: Stream) => boolean = () => false): void {
    this.#runtime.turn((now) => {
      this.broker.disconnectWhere(
        ({ tokenId, outbox }) => (tokenId !== undefined && tokenIds.has(tokenId)) || isMeant((outbox as Link).stream),
        ReasonCode.NotAuthorized,
        "the token was revoked",
        now,
      );
    });
  }

  /** @returns a function that ends it */
  observe(listener: BrokerListener): () => void {
    this.#listeners.add(listener);
    this.broker.observer ??= (event, now) => {
      for (const each of this.#listeners) each(event, now);
    };
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.broker.observer = undefined;
    };
  }

  /** Says goodbye to the clients and gives up the hooks. */
  close(reasonCode: ReasonCode, reason: string): void {
    this.#runtime.turn((now) => this.broker.shutdown(reasonCode, reason, now));
    if (this.#hooks !== undefined) this.#runtime.background(this.#hooks.close());
  }

  async #authenticate(connection: Connection, packet: Connect | Auth, check: CheckCredentials): Promise<void> {
    const { stream } = connection.outbox as Link;
    const result = await check(packet, stream).catch((error: unknown): AuthenticationResult => {
      this.#runtime.onError(error);
      return { ok: false, reasonCode: ReasonCode.UnspecifiedError, reason: "the credentials could not be checked" };
    });
    this.#runtime.turn((now) => {
      try {
        this.broker.authenticated(connection, result, now);
      } catch (error) {
        this.#runtime.onError(error);
        stream.destroy();
      }
    });
  }
}
