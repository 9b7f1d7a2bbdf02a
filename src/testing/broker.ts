/** `pubsub-cli/testing`: a broker in the process of a test, with its hook, and with time in the test's hands. */
import type { HookFunction, TokenOptions } from "pubsub-cli/testing";
import { ulid } from "ulid";
import { issueToken, readUnverifiedToken } from "../auth/index.ts";
import type { Limits } from "../broker/index.ts";
import type { SessionOptions } from "../cli/mqtt/connect-packet.ts";
import { reasonText } from "../cli/mqtt/reasons.ts";
import type { TailEvent } from "../contract/types.ts";
import { UserError } from "../errors.ts";
import type { HookSettings } from "../hooks/index.ts";
import type { WorkerOutput } from "../hooks/worker/index.ts";
import { type ExpectOptions, type PublishOptions, TestClient, WITHIN_MS } from "./client.ts";
import { HandClock, parseMilliseconds } from "./clock.ts";
import { type ServedHook, serveHook } from "./function-hook.ts";
import { BROKER, type Host, NAMESPACE, startHost } from "./host.ts";
import { type TestMessage, payloadBytes } from "./message.ts";
import { type EventName, Trace } from "./trace.ts";

export interface BrokerOptions {
  /** The on-publish hook: a function, the URL of one that runs somewhere, or the path of a Worker. */
  hook?: HookFunction | URL | string | undefined;
  /** What becomes of messages where it fails, and which go to it: as in `pubsub hook set`. */
  hookSettings?: Omit<HookSettings, "url"> | undefined;
  /** Further Workers, which service bindings name. */
  services?: readonly string[] | undefined;
  /** What Workers write to their console; nowhere where it is not given. */
  onWorkerOutput?: ((output: WorkerOutput) => void) | undefined;
  limits?: Partial<Limits> | undefined;
  /** Whether clients without a token may enter; they may where it is not given. */
  anonymous?: boolean | undefined;
  /** When it is at the beginning; now where it is not given. */
  now?: Date | undefined;
}

export interface ClientOptions extends TokenOptions, Omit<SessionOptions, "will"> {
  token?: string;
  protocolVersion?: 3 | 4 | 5;
  will?: WillOptions | undefined;
}

export interface WillOptions {
  topic: string;
  payload?: unknown;
  qos?: 0 | 1 | 2 | undefined;
  retain?: boolean | undefined;
  delaySeconds?: number | undefined;
}

/** Something that was expected did not happen, or something did that was not. The message has the trace. */
export class ExpectationError extends Error {
  override readonly name = "ExpectationError";
  /** Without the trace. */
  readonly what: string;

  constructor(what: string, trace: string) {
    super(`${what}\n\nwhat happened:\n${trace.replaceAll(/^/gm, "  ")}`);
    this.what = what;
  }
}

/** In memory, on a free port of the loopback; ready within tens of milliseconds. */
export async function startBroker(options: BrokerOptions = {}): Promise<TestBroker> {
  const { hook, hookSettings, services, limits, anonymous = true, onWorkerOutput = () => {} } = options;
  const clock = new HandClock((options.now ?? new Date()).getTime());
  const errors: unknown[] = [];
  const served = typeof hook === "function" ? await serveHook(hook) : undefined;
  const url = served?.url ?? (hook instanceof URL || /^https?:/i.test(String(hook)) ? String(hook) : undefined);
  const worker = typeof hook === "string" && url === undefined ? hook : undefined;
  try {
    const host = await startHost({
      ...{ now: clock.now, limits, anonymous, hook: hook === undefined ? null : { ...hookSettings, url } },
      worker: worker === undefined ? undefined : { location: worker, services, onOutput: onWorkerOutput },
      onError: (error) => errors.push(error),
    });
    return new TestBroker(host, clock, served, errors);
  } catch (error) {
    await served?.close();
    throw error;
  }
}

export class TestBroker {
  /** `mqtt://127.0.0.1:PORT` */
  readonly url: string;
  /** What hooks check signatures with: `BROKER_PUBLIC_KEYS`. */
  readonly publicKeys: string;
  readonly #host: Host;
  readonly #clock: HandClock;
  readonly #served: ServedHook | undefined;
  readonly #trace: Trace;
  readonly #errors: readonly unknown[];
  readonly #closing = new AbortController();
  readonly #clients = new Set<TestClient>();
  /** Subscriptions of `expectMessage` that are on their way. */
  readonly #subscribing = new Set<Promise<unknown>>();
  #subscribers = 0;
  #closed: Promise<void> | undefined;

  constructor(host: Host, clock: HandClock, served: ServedHook | undefined, errors: readonly unknown[]) {
    this.url = `mqtt://127.0.0.1:${host.port}`;
    this.publicKeys = JSON.stringify({ keys: [host.key.publicJwk] });
    this.#host = host;
    this.#clock = clock;
    this.#served = served;
    this.#errors = errors;
    this.#trace = new Trace(host.hosted, clock.now());
  }

  /** The broker's time. */
  get now(): Date {
    return new Date(this.#clock.now());
  }

  /** All that happened, as `pubsub tail --json` prints it. */
  get events(): readonly TailEvent[] {
    return this.#trace.events;
  }

  /** The same for people, as `pubsub tail` prints it. */
  trace(): string {
    return this.#trace.toString();
  }

  /** A password for a client; the user name may be anything. */
  async token(clientId: string, { topicAcl = "#", expiresIn }: TokenOptions = {}): Promise<string> {
    const nowMs = this.#clock.now();
    return issueToken(this.#host.key, {
      ...{ issuer: NAMESPACE, audience: BROKER, clientId, jti: ulid(nowMs), topicAcl, issuedAtMs: nowMs },
      expiresAtMs: expiresIn === undefined ? Infinity : nowMs + parseMilliseconds(expiresIn),
    });
  }

  /** Revokes tokens: their clients are disconnected. */
  async revoke(...tokens: string[]): Promise<void> {
    const ids = tokens.map((token) => {
      const jti = readUnverifiedToken(token)?.claims["jti"];
      if (typeof jti !== "string") throw new TypeError("not a token of the broker");
      return jti;
    });
    await this.#host.catalogue.revoke(this.#host.broker.id, ids);
  }

  /** A client of this process. @throws {UserError} where the broker refuses it */
  async connect(clientId: string, options: ClientOptions = {}): Promise<TestClient> {
    const { topicAcl, expiresIn, protocolVersion = 5, cleanStart, expiryInterval, will } = options;
    const tokenOptions = { ...(topicAcl && { topicAcl }), ...(expiresIn !== undefined && { expiresIn }) };
    const isIssued = Object.keys(tokenOptions).length > 0;
    const password = options.token ?? (isIssued ? await this.token(clientId, tokenOptions) : undefined);
    const target = {
      ...{ url: new URL(this.url), clientId, username: undefined, password, protocolVersion },
      ...{ ownUntilMs: undefined, tls: {} },
    };
    const session = {
      ...(cleanStart !== undefined && { cleanStart }),
      ...(expiryInterval !== undefined && { expiryInterval }),
      ...(will && { will: willOf(will) }),
    };
    const surroundings = {
      failure: (what: string) => this.failure(what),
      closing: this.#closing.signal,
      left: async (id: string) => await this.#left(id),
    };
    const client = await TestClient.connect(target, session, surroundings);
    this.#clients.add(client);
    return client;
  }

  /** A client that has subscribed. */
  async subscribe(filter: string | readonly string[], options?: { qos?: 0 | 1 | 2 }): Promise<TestClient> {
    const client = await this.connect(`subscriber-${++this.#subscribers}`);
    await client.subscribe(filter, options);
    return client;
  }

  /**
   * Publishes as the broker itself does for a Worker: the hook is asked, an ACL is not. Waits for subscriptions of
   * `expectMessage` that are on their way.
   * @returns the reason code: 0, or 0x10 where nobody subscribes
   * @throws {UserError} `publish-refused`, with the reason code
   */
  async publish(topic: string, payload?: unknown, options: PublishOptions = {}): Promise<number> {
    await Promise.all(this.#subscribing);
    const { qos = 1, retain = false, properties } = options;
    const message = { topic, payload: payloadBytes(payload), qos, retain, properties };
    const [outcome] = await this.#host.hosted.publish("test", [message]);
    const { reasonCode, reason } = outcome!;
    if (reasonCode < 0x80) return reasonCode;
    throw new UserError("publish-refused", `the message on ${topic} was refused: ${reasonText(reasonCode)}: ${reason}`);
  }

  /**
   * Subscribes at once, and resolves with the first message that matches and is published from now on (or is retained).
   * @throws {ExpectationError} where none comes in time
   */
  async expectMessage(filter: string, options: ExpectOptions = {}): Promise<TestMessage> {
    const subscribed = this.subscribe(filter);
    this.#subscribing.add(subscribed);
    const expected = (async () => {
      const client = await subscribed.finally(() => this.#subscribing.delete(subscribed));
      try {
        return await client.expectMessage(filter, options);
      } finally {
        await client.disconnect();
      }
    })();
    // It may fail before anybody waits for it.
    expected.catch(() => {});
    return await expected;
  }

  /** Takes the first event of the kind that matches; those that were taken before are not looked at. */
  async expectEvent<Name extends EventName>(
    name: Name,
    {
      within = WITHIN_MS,
      where,
    }: { within?: number; where?: (event: Extract<TailEvent, { event: Name }>) => boolean } = {},
  ): Promise<Extract<TailEvent, { event: Name }>> {
    const matches = (event: TailEvent) =>
      event.event === name && (where?.(event as Extract<TailEvent, { event: Name }>) ?? true);
    const event = await this.#trace.take(matches, within, this.#closing.signal);
    if (event !== undefined) return event as Extract<TailEvent, { event: Name }>;
    throw this.failure(`there was no event "${name}" that matches within ${within} ms`);
  }

  /**
   * Moves the broker's clock: messages and sessions expire, wills are published, tokens end, in their order. Otherwise it
   * stands still.
   * @param duration such as `1h`, or milliseconds
   */
  advance(duration: string | number): void {
    this.#clock.advance(this.#host.runtime, parseMilliseconds(duration));
  }

  /** Ends a client's connection (0x98). @returns false where it has no session */
  async kick(clientId: string): Promise<boolean> {
    return (await this.#host.hosted.kick(clientId, false)) !== undefined;
  }

  failure(what: string): ExpectationError {
    return new ExpectationError(what, this.trace());
  }

  /** @throws where the broker had an internal error */
  async close(): Promise<void> {
    this.#closed ??= this.#close();
    await this.#closed;
    if (this.#errors.length > 0) throw new AggregateError(this.#errors, "the broker had internal errors");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #left(clientId: string): Promise<void> {
    const isConnected = this.#host.hosted.session(clientId)?.connection !== undefined;
    if (!isConnected || this.#closing.signal.aborted) return;
    await this.#trace.next((event) => event.event === "disconnect" && event.clientId === clientId, WITHIN_MS);
  }

  async #close(): Promise<void> {
    this.#closing.abort(new Error("the broker is closed"));
    await Promise.all([...this.#clients].map((client) => client.disconnect()));
    await this.#host.close();
    await this.#served?.close();
  }
}

function willOf({ topic, payload, qos = 1, retain = false, delaySeconds }: WillOptions) {
  const properties = delaySeconds === undefined ? undefined : { willDelayInterval: delaySeconds };
  return { topic, payload: payloadBytes(payload), qos, retain, properties };
}
