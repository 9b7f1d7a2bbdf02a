/**
 * What the reference model knows: the same things as a broker, in the plainest form. Lists are searched from front to
 * back, nothing is cached, and nothing is shared with src/broker but the types of its ports.
 */
import type { Limits, Principal, Verdict } from "../../../src/broker/index.ts";
import type { Connect, PacketType, Properties, QoS } from "../../../src/codec/index.ts";

/** An application message, as it goes to subscribers. */
export interface Content {
  /** The broker's number for it, from its event `publish` on; 0 before that. */
  id: number;
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: QoS;
  readonly retain: boolean;
  /** Those that travel with the message, as canonical JSON. */
  readonly properties: string;
  readonly publisherId: string;
  /** Of the credentials with which it came. */
  readonly tokenId: string | undefined;
  readonly publisher: ModelSession;
  readonly expiresAtMs: number;
}

/** A message on its way from its publisher through the hooks. */
export interface Publication {
  readonly content: Content;
  /** Where to acknowledge; undefined for a will. */
  peer: Peer | undefined;
  readonly packetId: number;
  verdict: Verdict | undefined;
  isSubmitted: boolean;
}

/** A message that a session must get, once, like this. */
export interface Delivery {
  /** In the order in which messages were routed. */
  readonly sequence: number;
  readonly content: Content;
  readonly qos: QoS;
  readonly retain: boolean;
  /** Subscription identifiers, ascending. */
  readonly identifiers: readonly number[];
  /** Sent because of a SUBSCRIBE. */
  readonly isRetained: boolean;
}

/** A message that exactly one of several sessions must get. */
export interface SharedDelivery {
  readonly content: Content;
  readonly candidates: Map<ModelSession, Delivery>;
  /** A candidate's session ended in the same input, and the message perhaps with it. */
  mayBeGone: boolean;
}

/** The broker says that a session does not get a copy of a message, and does not say which copy. */
export interface Claim {
  readonly session: ModelSession;
  readonly id: number;
  /** For people. */
  readonly text: string;
  /** It did not get into the queue: of copies that are alike the last one. Otherwise it came first out of it. */
  readonly isNewest: boolean;
  /** Whether the reason holds for this copy. */
  readonly isTrueOf: (delivery: Delivery) => boolean;
}

/** What was sent at QoS 1 or 2 and is not complete. */
export interface Inflight {
  readonly packetId: number;
  readonly delivery: Delivery;
  isReleased: boolean;
  /** The connection on which it was last sent as PUBLISH. */
  sentTo: Peer;
}

export interface Subscription {
  readonly key: string;
  readonly filter: string;
  readonly shareName: string | undefined;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly identifier: number;
}

export interface ModelWill {
  readonly content: Omit<Content, "id" | "expiresAtMs" | "publisher">;
  readonly delayMs: number;
  readonly expiryMs: number;
}

export class ModelSession {
  readonly clientId: string;
  peer: Peer | undefined;
  expirySeconds = 0;
  /** Infinity while connected. */
  expiresAtMs = Infinity;
  subscriptions: Subscription[] = [];
  owed: Delivery[] = [];
  inflight: Inflight[] = [];
  /** Those of `inflight` that must be sent again, in this order. */
  toResend: Inflight[] = [];
  readonly receivedQos2 = new Map<number, Publication | undefined>();
  publishing: Publication[] = [];
  will: ModelWill | undefined;
  willDueMs = Infinity;
  /** The last message sent of each publisher, topic and QoS. */
  lastSent: Delivery[] = [];

  constructor(clientId: string) {
    this.clientId = clientId;
  }
}

/** A packet that must be the next one to a client, PUBLISH aside. */
export interface Expected {
  readonly type: PacketType;
  readonly packetId?: number;
  /** One of these must be its reason code. */
  readonly codes?: readonly number[];
  /** The codes of SUBACK or UNSUBACK. */
  readonly list?: readonly number[];
  readonly sessionPresent?: boolean;
  /** Properties that CONNACK or AUTH must have. */
  readonly properties?: Properties;
}

/** What the model knows of a network connection. */
export class Peer {
  readonly number: number;
  readonly connect: Connect;
  readonly isCongested: () => boolean;
  state: "authenticating" | "challenged" | "open" | "closed" = "authenticating";
  /** Of an open connection: whose turn it is, if it authenticates again. */
  reauthentication: "server" | "client" | undefined;
  session: ModelSession | undefined;
  principal: Principal | undefined;
  readonly aliases = new Map<number, string>();
  readonly outboundAliases = new Map<number, string>();
  readonly unacknowledged = new Set<number>();
  heardAtMs = 0;
  silenceMaxMs: number;
  /** When each packet of the present second came; the second begins with a packet. */
  second: number[] = [];
  /** What the broker owes it at the end of the present input. */
  readonly expected: Expected[] = [];
  isCloseDue = false;
  isClosed = false;

  constructor(number: number, connect: Connect, isCongested: () => boolean, connectTimeoutMs: number) {
    this.number = number;
    this.connect = connect;
    this.isCongested = isCongested;
    this.silenceMaxMs = connectTimeoutMs;
  }

  get isV5(): boolean {
    return this.connect.protocolVersion === 5;
  }

  get receiveMaximum(): number {
    return this.connect.properties?.receiveMaximum ?? 65_535;
  }

  get maximumPacketSize(): number {
    return this.connect.properties?.maximumPacketSize ?? Infinity;
  }

  /** QoS 1 and 2 messages that were sent on this connection and are not complete. */
  get inflightCount(): number {
    return this.session?.inflight.filter((entry) => entry.sentTo === this).length ?? 0;
  }

  /** For people. */
  get name(): string {
    return `#${this.number} ${JSON.stringify(this.session?.clientId ?? this.connect.clientId)}`;
  }
}

/** Everything that the model knows. */
export class State {
  limits: Limits;
  readonly sessions = new Map<string, ModelSession>();
  readonly peers = new Set<Peer>();
  readonly retained = new Map<string, Content>();
  /** Accepted in the present input; the broker is to give them their numbers. */
  unnamed: Content[] = [];
  /** Messages for groups of the present input. At its end each is with one member. */
  shared: SharedDelivery[] = [];
  /** What was sent in the present input and owed to nobody but groups. */
  sentShared: { readonly session: ModelSession; readonly delivery: Delivery }[] = [];
  /** What the broker dropped in the present input. */
  claims: Claim[] = [];
  /** Publications that the broker must hand to the hooks in the present input. */
  toSubmit: Publication[] = [];
  /** Client ids of the sessions that ended in the present input. */
  readonly ended = new Set<string>();
  hasHooks = false;
  #sequence = 0;
  /** The client id that the broker assigns next. */
  readonly nextClientId: () => string;

  constructor(limits: Limits, nextClientId: () => string) {
    this.limits = limits;
    this.nextClientId = nextClientId;
  }

  nextSequence(): number {
    return ++this.#sequence;
  }
}

const TRAVELLING = [
  "payloadFormatIndicator",
  "contentType",
  "responseTopic",
  "correlationData",
  "userProperties",
] as const;

/** The properties that travel with a message (MQTT 5.0 §3.3.2.3), as canonical JSON. */
export function travellingProperties(properties: Properties | undefined): string {
  const travelling: Record<string, unknown> = {};
  for (const name of TRAVELLING) {
    const value = properties?.[name];
    if (value !== undefined) travelling[name] = Buffer.isBuffer(value) ? value.toString("hex") : value;
  }
  return JSON.stringify(travelling);
}

interface Travelling {
  contentType?: string;
  responseTopic?: string;
  /** In hex. */
  correlationData?: string;
  userProperties?: [name: string, value: string][];
}

/** What a message counts for in limits: its parts and 128 bytes, and 64 for each user property. */
export function contentBytes({
  topic,
  payload,
  properties,
}: Pick<Content, "topic" | "payload" | "properties">): number {
  const { contentType, responseTopic, correlationData, userProperties = [] } = JSON.parse(properties) as Travelling;
  const texts = [topic, contentType, responseTopic, ...userProperties.flat()];
  const characters = texts.reduce((sum, text = "") => sum + text.length, 0);
  return characters + payload.length + (correlationData?.length ?? 0) / 2 + 128 + 64 * userProperties.length;
}

export function describe(content: Pick<Content, "topic" | "payload" | "qos" | "retain" | "publisherId">): string {
  const { topic, payload, qos, retain, publisherId } = content;
  return `${topic}=${payload.length > 40 ? `${payload.toString("latin1", 0, 40)}…` : payload.toString("latin1")} (QoS ${qos}${retain ? ", retain" : ""}, from ${JSON.stringify(publisherId)})`;
}

export function isSameList(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((value, index) => value === other[index]);
}

export function ascending(numbers: readonly number[]): number[] {
  return numbers.toSorted((a, b) => a - b);
}
