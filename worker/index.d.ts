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

/**
 * Tells whether a request is from the broker: anybody may send requests to a Worker, only its broker can sign them.
 * Leaves the request's body to be read by others.
 * @param publicKeys the broker's keys as JSON: `env.BROKER_PUBLIC_KEYS`
 */
export function isValidBrokerRequest(request: Request, publicKeys: string): Promise<boolean>;
