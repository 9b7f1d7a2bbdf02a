/** A broker in the process of a test, with its hook, and with time in the test's hands. See docs/testing.md. */
import type { PubSubBytesMessage, PubSubResult } from "../worker/index.js";

export interface MessageProperties {
  payloadFormatIndicator?: number;
  /** Seconds. */
  messageExpiryInterval?: number;
  contentType?: string;
  responseTopic?: string;
  correlationData?: Buffer;
  userProperties?: (readonly [name: string, value: string])[];
  subscriptionIdentifiers?: number[];
}

/** A message as a client got it. */
export interface TestMessage {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly properties: MessageProperties;
  /** The payload as text. */
  readonly text: string;
  /** The payload as JSON. Throws a `SyntaxError` where it is none. */
  json(): unknown;
  toString(): string;
}

/** What a hook function gets; the payload is always bytes. */
export type HookMessage = Readonly<PubSubBytesMessage>;

/** What it gives back for a message that is to be delivered. */
export type HookResult = Readonly<PubSubResult>;

/** What it does not give back is dropped; what it throws is an answer with status 500, or that of a `HookFailure`. */
export type HookFunction = (messages: HookMessage[]) => readonly HookResult[] | Promise<readonly HookResult[]>;

export class HookFailure extends Error {
  readonly status: number;
  constructor(status: number, text: string);
}

export interface HookSettings {
  /** Filters of the topics whose messages go to the hook; all where it is left out. */
  topics?: readonly string[] | undefined;
  /** For the whole answer. */
  timeoutMs?: number | undefined;
  onFailure?: "drop" | "pass" | "reject" | "retry" | undefined;
  /** MQTT reason code for publishers, of `reject`. */
  rejectReasonCode?: number | undefined;
  retry?:
    | { initialDelayMs?: number; maxDelayMs?: number; totalMs?: number; fallback?: "drop" | "pass" | "reject" }
    | undefined;
  circuitBreaker?: { failures?: number; openMs?: number } | undefined;
  deadLetterTopic?: string | undefined;
}

export interface BrokerOptions {
  /** The on-publish hook: a function, the URL of one that runs somewhere, or the path of a Worker. */
  hook?: HookFunction | URL | string | undefined;
  /** What becomes of messages where it fails, and which go to it: see docs/hooks.md. */
  hookSettings?: HookSettings | undefined;
  /** Further Workers, which service bindings name. */
  services?: readonly string[] | undefined;
  /** What Workers write to their console; nowhere where it is not given. */
  onWorkerOutput?: ((output: { readonly kind: string; readonly text: string }) => void) | undefined;
  /** Limits by their names in docs/limits.md. */
  limits?: Readonly<Record<string, unknown>> | undefined;
  /** Whether clients without a token may enter; they may where it is not given. */
  anonymous?: boolean | undefined;
  /** When it is at the beginning; now where it is not given. */
  now?: Date | undefined;
}

export interface TokenOptions {
  /** Topic filters that the client may publish and subscribe to. */
  topicAcl?: string | readonly string[];
  /** Such as `1h`, or milliseconds; it does not expire where nothing is said. */
  expiresIn?: string | number;
}

/** With one of `topicAcl` and `expiresIn`, the client gets a token that says so. */
export interface ClientOptions extends TokenOptions {
  token?: string;
  /** 5: MQTT 5.0 (default), 4: 3.1.1, 3: 3.1. */
  protocolVersion?: 3 | 4 | 5;
  cleanStart?: boolean;
  /** Of the session, in seconds. */
  expiryInterval?: number;
  will?: { topic: string; payload?: unknown; qos?: 0 | 1 | 2; retain?: boolean; delaySeconds?: number } | undefined;
}

export interface PublishOptions {
  /** 1 where it is not given. */
  qos?: 0 | 1 | 2;
  retain?: boolean;
  properties?: MessageProperties;
}

/** A function, or a condition such as `payload.celsius > 30`. */
export type Where = string | ((message: TestMessage) => boolean);

export interface ExpectOptions {
  /** Milliseconds by the clock on the wall: 1000, or 100 where nothing is expected. */
  within?: number;
  where?: Where;
}

/** An MQTT client for tests: it keeps what it gets until it is asked for. */
export interface TestClient extends AsyncDisposable {
  readonly clientId: string;
  /** True if the broker went on with a session that it had kept. */
  readonly sessionPresent: boolean;
  /** All that have come, taken or not. */
  readonly messages: readonly TestMessage[];
  /** Rejects where the broker refuses a filter. */
  subscribe(filter: string | readonly string[], options?: { qos?: 0 | 1 | 2 }): Promise<void>;
  /** Resolves when the broker has the message, at QoS 0 too. Text and bytes are sent as they are, anything else as JSON. */
  publish(topic: string, payload?: unknown, options?: PublishOptions): Promise<void>;
  /** Takes the first message that matches; those that were taken before are not looked at. */
  expectMessage(filter?: string, options?: ExpectOptions): Promise<TestMessage>;
  /** Waits, and fails if a message that matches is there or comes. */
  expectNothing(filter?: string, options?: ExpectOptions): Promise<void>;
  /** Says goodbye: the will is not published. */
  disconnect(): Promise<void>;
  /** Ends the connection as a network does that fails: the will is published. */
  loseConnection(): Promise<void>;
  /** Resolves when the connection has ended, with why. */
  ended(): Promise<Error>;
}

/** What happened, as `pubsub tail --json` prints it. */
export interface BrokerEvent {
  readonly v: 1;
  readonly event: string;
  /** RFC 3339, by the broker's clock. */
  readonly time: string;
  readonly [field: string]: unknown;
}

export type EventName =
  | "connect"
  | "refuse"
  | "disconnect"
  | "subscribe"
  | "unsubscribe"
  | "publish"
  | "hook"
  | "hook-circuit"
  | "deliver"
  | "drop"
  | "expire";

export interface TestBroker extends AsyncDisposable {
  /** `mqtt://127.0.0.1:PORT` */
  readonly url: string;
  /** What hooks check signatures with: `BROKER_PUBLIC_KEYS`. */
  readonly publicKeys: string;
  /** The broker's time, which stands still unless `advance` moves it. */
  readonly now: Date;
  readonly events: readonly BrokerEvent[];
  /** The events for people, as `pubsub tail` prints them. */
  trace(): string;
  /** A password for a client; the user name may be anything. */
  token(clientId: string, options?: TokenOptions): Promise<string>;
  /** Revokes tokens: their clients are disconnected. */
  revoke(...tokens: string[]): Promise<void>;
  /** A client of this process. Rejects where the broker refuses it. */
  connect(clientId: string, options?: ClientOptions): Promise<TestClient>;
  /** A client that has subscribed. */
  subscribe(filter: string | readonly string[], options?: { qos?: 0 | 1 | 2 }): Promise<TestClient>;
  /**
   * Publishes as the broker itself does for a Worker: the hook is asked, an ACL is not. Resolves with the reason code, 0, or
   * 0x10 where nobody subscribes; rejects where the message is refused. Waits for subscriptions of `expectMessage`.
   */
  publish(topic: string, payload?: unknown, options?: PublishOptions): Promise<number>;
  /** Subscribes at once; resolves with the first message that matches, or rejects with an `ExpectationError`. */
  expectMessage(filter: string, options?: ExpectOptions): Promise<TestMessage>;
  /** Takes the first event of the kind that matches; those that were taken before are not looked at. */
  expectEvent(
    name: EventName,
    options?: { within?: number; where?: (event: BrokerEvent) => boolean },
  ): Promise<BrokerEvent>;
  /**
   * Moves the broker's clock by `1h`, `30s` or so many milliseconds: messages and sessions expire, wills are published,
   * tokens end, in their order.
   */
  advance(duration: string | number): void;
  /** Ends a client's connection (0x98). Resolves with false where it has no session. */
  kick(clientId: string): Promise<boolean>;
  /** Rejects where the broker had an internal error. */
  close(): Promise<void>;
}

/** Something that was expected did not happen, or something did that was not. */
export class ExpectationError extends Error {
  /** The message without the trace. */
  readonly what: string;
}

/** In memory, on a free port of the loopback; ready within tens of milliseconds. */
export function startBroker(options?: BrokerOptions): Promise<TestBroker>;
