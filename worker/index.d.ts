/** A message as an on-publish hook receives it, and gives it back to have it delivered. */
export interface PubSubMessage {
  /** Number of the message within its request. */
  readonly mid: number;
  /** `<broker>.<namespace>.<domain>` */
  readonly broker: string;
  readonly topic: string;
  readonly clientId: string;
  /** Id of the publisher's token. */
  readonly jti?: string;
  /** UNIX seconds. */
  readonly receivedAt: number;
  /** The MQTT 5 property. */
  readonly contentType: string | null;
  /** 1 where the payload is a string, 0 where it is an array of byte values. */
  readonly payloadFormatIndicator: 0 | 1;
  payload: string | number[];
}

/** A message as the handler `pubsub` has it: the payload is always bytes. */
export interface PubSubBytesMessage extends Omit<PubSubMessage, "payload"> {
  payload: Uint8Array;
}

/** What the handler `pubsub` gives back for a message that is to be delivered. A string is sent as UTF-8. */
export interface PubSubResult extends Omit<PubSubMessage, "payload"> {
  payload: Uint8Array | string;
}

/** A message as the handler `subscribe` has it. */
export interface PubSubDelivery {
  /** Name of the consumer in the configuration. */
  readonly consumer: string;
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1;
  readonly retain: boolean;
  /** Of the publisher. */
  readonly clientId: string;
  /** UNIX seconds. */
  readonly receivedAt: number;
  /** UNIX seconds, where it expires. */
  readonly expiresAt?: number;
  readonly contentType: string | null;
  readonly payloadFormatIndicator: 0 | 1;
  readonly responseTopic?: string;
  readonly correlationData?: Uint8Array;
  readonly userProperties: readonly (readonly [name: string, value: string])[];
  /** 1 for the first time that it is given to the handler. */
  readonly attempt: number;
  /** The payload as UTF-8. */
  text(): string;
  /** The payload as JSON. */
  json(): unknown;
  /** The handler is done with this message, even if it fails afterwards. */
  ack(): void;
  /** The message is to come again, even if the handler does not fail. */
  retry(options?: { delaySeconds?: number }): void;
}

/**
 * A Worker that consumes messages of its broker: those that the filters of `[[pubsub.consumers]]` match. When the handler has
 * resolved, they are settled, but for those with `retry()`; where it fails, they come again, but for those with `ack()`.
 */
export interface PubSubSubscriber<Env = unknown, Context = { waitUntil(promise: Promise<unknown>): void }> {
  subscribe(messages: PubSubDelivery[], env: Env, ctx: Context): void | Promise<void>;
}

/**
 * A Worker with a handler for the messages of its broker, which `pubsub dev` calls when the signature is right:
 * `export default { async pubsub(messages, env, ctx) { return messages; } } satisfies PubSubWorker<Env>`.
 * What it does not give back is not delivered.
 */
export interface PubSubWorker<Env = unknown, Context = { waitUntil(promise: Promise<unknown>): void }> {
  pubsub(
    messages: PubSubBytesMessage[],
    env: Env,
    ctx: Context,
  ): readonly PubSubResult[] | Promise<readonly PubSubResult[]>;
}

/** What may be said about a message besides its topic and payload. */
export interface PubSubPublishOptions {
  /** Subscribers get it at this one or a lower one; 1 where it is left out. */
  qos?: 0 | 1 | 2;
  /** Whether it is the topic's message for those who subscribe later. */
  retain?: boolean;
  contentType?: string;
  /** Where an answer is expected: a topic name. */
  responseTopic?: string;
  correlationData?: string | ArrayBuffer | ArrayBufferView;
  /** Pairs where a name comes several times. */
  userProperties?: Record<string, string> | readonly (readonly [name: string, value: string])[];
  /** Seconds. */
  messageExpiryInterval?: number;
  /** 1 for text in UTF-8, which it is for a payload that is a string or an object. */
  payloadFormatIndicator?: 0 | 1;
  /** Whether the broker's hook sees the message, as it sees those of clients; false where it is left out. */
  hook?: boolean;
}

/** Says that the broker has the message. */
export interface PubSubPublishResult {
  /** 0, or 16 where nobody has subscribed to the topic. */
  readonly reasonCode: number;
  readonly reason: string;
}

/**
 * The broker for which `pubsub dev` runs a Worker: `env.BROKER`, unless the configuration names another binding
 * (`[pubsub] binding = "…"`). It is there for every handler and class.
 */
export interface PubSubBroker {
  /**
   * Publishes a message. What is published at once, without waiting in between, goes in one call and keeps its order.
   * @param payload text, bytes, or an object, which goes as JSON with the content type `application/json`
   * @returns once the broker has taken it over, as with QoS 1: it survives a crash of the server
   * @throws {TypeError} where something is of a wrong type
   * @throws {Error} `PublishError` with a `reasonCode` of MQTT where the broker refuses: a topic with wildcards, a quota, a loop
   */
  publish(
    topic: string,
    payload: string | ArrayBuffer | ArrayBufferView | object,
    options?: PubSubPublishOptions,
  ): Promise<PubSubPublishResult>;
}

/**
 * Tells whether a request is from the broker: anybody may send requests to a Worker, only its broker can sign them.
 * Leaves the request's body to be read by others.
 * @param publicKeys the broker's keys as JSON: `env.BROKER_PUBLIC_KEYS`
 */
export function isValidBrokerRequest(request: Request, publicKeys: string): Promise<boolean>;
