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

/**
 * Tells whether a request is from the broker: anybody may send requests to a Worker, only its broker can sign them.
 * Leaves the request's body to be read by others.
 * @param publicKeys the broker's keys as JSON: `env.BROKER_PUBLIC_KEYS`
 */
export function isValidBrokerRequest(request: Request, publicKeys: string): Promise<boolean>;
