/**
 * What the broker asks of the world. The broker itself does no I/O: every port is called
 * synchronously, and whatever takes time comes back later as an input of the broker.
 *
 * No port assumes that all sessions of a broker live in this process.
 */
import type { Acknowledgement, Auth, Connect, Packet, Properties, QoS, PlainFrames } from "../codec/index.ts";
import type { Will } from "./will.ts";

export type { LimitSettings } from "./limits.ts";

/** An application message on its way through the broker. Immutable once it is routed. */
export interface Message {
  /** Unique within the broker's process; ties the events of one message together. */
  readonly id: number;
  readonly topic: string;
  readonly payload: Buffer;
  /** As published. */
  readonly qos: QoS;
  /** The RETAIN flag as published. */
  readonly retain: boolean;
  /** Those that travel with the message (MQTT 5.0 §3.3.2.3), without alias and subscription identifiers. */
  readonly properties: Properties | undefined;
  /** Client id of the publisher; empty where the broker itself publishes. */
  readonly publisherId: string;
  /** Token id of the publisher, where it has one. */
  readonly tokenId: string | undefined;
  /** UNIX milliseconds. */
  readonly receivedAtMs: number;
  /** UNIX milliseconds; Infinity where the message does not expire. */
  readonly expiresAtMs: number;
  /** How many messages led to it, each of which made a Worker publish the next. Absent where a client published it. */
  readonly hops?: number;
  /** For the keeper alone: where the journal has it, and how much there refers to it. */
  kept?: KeptMessage | undefined;
}

/** A message in the journal. */
export interface KeptMessage {
  readonly id: RecordId;
  /** Deliveries and retained messages. */
  references: number;
}

/** A message that something within the server wants published: the management API, a Worker. */
export interface InternalPublish {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: QoS;
  readonly retain: boolean;
  /** As in PUBLISH: those that travel with the message, and its expiry. */
  readonly properties: Properties | undefined;
  /** See `Message.hops`. */
  readonly hops?: number;
  /** The on-publish hooks are not asked. */
  readonly skipsHooks?: boolean;
}

/** What PUBACK would say: below 0x80 the message is the broker's. */
export interface PublishOutcome {
  readonly reasonCode: number;
  /** For people. */
  readonly reason: string;
}

/** A message on its way to a subscriber within the server. */
export interface InternalDelivery {
  readonly message: Message;
  /** 0 at QoS 0. */
  readonly packetId: number;
  /** Of the connection over which it came. */
  readonly generation: number;
}

/** What a subscriber within the server wants: a session that outlives the process, with shared subscriptions. */
export interface InternalSubscription {
  readonly clientId: string;
  readonly shareName: string;
  /** Without `$share`. */
  readonly filters: readonly string[];
  readonly qos: 0 | 1;
  /** Messages of QoS 1 that may be unsettled. */
  readonly window: number;
  /** Called with what has arrived, in its order, once it is kept. */
  readonly receive: (deliveries: readonly InternalDelivery[]) => void;
  /** The broker does not grant it; for people. */
  readonly refused: (reason: string) => void;
}

export interface InternalSubscriber {
  /** Messages are done with; with a reason code from 0x80 on they are given up. */
  settle(deliveries: readonly InternalDelivery[], reasonCode: number): void;
  /** The session goes on without it: what is not settled comes again. */
  disconnect(): void;
}

/**
 * The way out to one network connection. Writes are collected and leave at the end of the turn, in order.
 * After `close` every call is ignored.
 */
export interface Outbox {
  /** Its peer is a part of the server: what keeps clients from asking too much is not for it. */
  readonly isInternal?: boolean;
  /** True while more bytes wait for the network than the limit `unsentBytes` allows. */
  readonly congested: boolean;
  send(packet: Packet): void;
  /** Sends PUBACK, PUBREC, PUBREL or PUBCOMP with reason code 0, without properties. */
  acknowledge(type: Acknowledgement["type"], packetId: number): void;
  /**
   * Sends a message as PUBLISH.
   * @param packetId 0 at QoS 0
   * @param retain the RETAIN flag to send
   * @param subscriptionIdentifiers those of all matching subscriptions, if any
   * @param messageExpiryInterval seconds left, if the message expires
   * @param topicAlias 0 for none; an alias that stands for the topic; below 0, one that is set together with the topic
   */
  publish(
    message: Message,
    packetId: number,
    qos: QoS,
    retain: boolean,
    dup: boolean,
    subscriptionIdentifiers: number[] | undefined,
    messageExpiryInterval: number | undefined,
    topicAlias: number,
  ): void;
  /**
   * Sends PUBLISH frames that were received, as they are but for their packet identifiers: those of `frames` that lie before
   * `end`.
   * @param packetIds one for each of them, none at QoS 0; not kept
   */
  forward(frames: PlainFrames, end: number, packetIds: readonly number[]): void;
  /** Stops reading from this connection until `resume`: what the client sends waits in the network. */
  pause(): void;
  resume(): void;
  /** Ends the network connection after everything written so far has left. */
  close(): void;
}

/** What a client may do, taken from its credentials. */
export interface Acl {
  mayPublish(topicName: string): boolean;
  /** True if every topic that the filter can match is allowed. */
  maySubscribe(topicFilter: string): boolean;
}

/** Who the client proved to be. */
export interface Principal {
  /** The client id that the credentials are for; undefined where they are for any. */
  readonly clientId: string | undefined;
  readonly tokenId: string | undefined;
  /** UNIX milliseconds at which the credentials end; Infinity if never. The connection ends with them. */
  readonly expiresAtMs: number;
  /** undefined: everything is allowed. */
  readonly acl: Acl | undefined;
}

export type AuthenticationResult =
  /** `data` is for the client, as the last word of an enhanced authentication. */
  | { readonly ok: true; readonly principal: Principal; readonly data?: Buffer }
  | { readonly ok: false; readonly reasonCode: number; readonly reason: string };

/** The client is asked to go on with an enhanced authentication (MQTT 5.0 §4.12). */
export interface AuthenticationChallenge {
  readonly challenge: Buffer;
}

/**
 * Checks credentials: those of CONNECT, and each AUTH of an enhanced authentication. The answer is the input
 * `Broker.authenticated(connection, …)`; there is none under way for the same connection meanwhile.
 */
export interface Authenticator<Connection = unknown> {
  authenticate(connection: Connection, packet: Connect | Auth): void;
}

/** What a hook decided about one message. */
export type Verdict =
  /** `failure`: the hook failed, and the broker's policy is to deliver all the same. */
  | { readonly kind: "accept"; readonly failure?: HookFailure }
  /** Deliver this instead: only payload and the properties named may differ. */
  | { readonly kind: "replace"; readonly payload: Buffer; readonly properties: Properties | undefined }
  /** The publisher is not told. */
  | ({ readonly kind: "drop"; readonly deadLetterTopic?: string } & HookFailure)
  /** The publisher is told code and reason, at QoS 1 and 2 with MQTT 5. Where it cannot be, it is as dropped. */
  | {
      readonly kind: "reject";
      readonly reasonCode: number;
      readonly reason: string;
      /** For people. The publisher is not told. */
      readonly detail?: string;
      readonly deadLetterTopic?: string;
    };

export interface HookFailure {
  readonly reason: HookDropReason;
  /** For people, such as the status line of the hook's answer. */
  readonly detail?: string;
}

/** Why a message that went to a hook is not delivered. */
export type HookDropReason =
  /** The answer leaves the message out: the hook wanted it so. */
  | "hook-dropped"
  /** The answer has the message with another topic. */
  | "hook-changed-topic"
  /** The answer has the message with a payload or property that cannot be published. */
  | "hook-invalid-message"
  /** The answer is not a JSON array of objects. */
  | "hook-invalid-answer"
  /** The answer is larger than is read. */
  | "hook-answer-too-large"
  /** The status of the answer is not 200. */
  | "hook-status"
  /** No answer within the limit. */
  | "hook-timeout"
  /** No connection, or it broke. */
  | "hook-unreachable"
  /** Too many messages wait for the hook. */
  | "hook-overloaded"
  /** It failed too often in a row, and is not asked for a while. */
  | "hook-circuit-open"
  /** The broker stopped while the message waited. */
  | "hook-stopped";

/** How a verdict came about, for `tail`. */
export interface HookReport {
  /** From handing the message to the hook to its verdict. */
  readonly elapsedMs: number;
  /** Messages in the same request. */
  readonly batchSize: number;
  /** The number of the request's batch, from 1; absent where none was made. */
  readonly batchId?: number;
  /** HTTP status of the answer, if there was one. */
  readonly status?: number;
  /** How often the hook was asked, where that was more than once. */
  readonly attempts?: number;
  /** What it said while it decided about the batch, where that is known. */
  readonly console?: readonly ConsoleLine[];
}

/** Something that the code of a hook has printed. */
export interface ConsoleLine {
  /** `exception` is one that nobody caught. */
  readonly kind: "log" | "warning" | "error" | "exception";
  /** One line or more. */
  readonly text: string;
}

/** Stands for a message that waits for its verdict. Its fields are the broker's own business. */
export interface PendingPublish {
  readonly message: Message;
}

/** The on-publish hooks of a broker. The answer is the input `Broker.hookCompleted(pending, verdict, report, now)`. */
export interface Hooks {
  /** False for topics that hooks have nothing to do with: their messages are not submitted. */
  wants(topicName: string): boolean;
  /** Called in the order in which a publisher's messages arrived. */
  submit(pending: PendingPublish): void;
}

/** Names one record of a broker's journal: greater than 0, greater for later ones, and never given again. */
export type RecordId = number;

/** What a broker keeps so that it outlives the process. Sessions that end with their connection are not kept. */
export type JournalRecord =
  | {
      readonly type: "session";
      readonly clientId: string;
      readonly expiryIntervalSeconds: number;
      /** UNIX milliseconds; Infinity for never; undefined while the client is connected. */
      readonly endsAtMs: number | undefined;
      readonly will: Will | undefined;
      /** UNIX milliseconds; undefined while the will does not wait. */
      readonly willDueAtMs: number | undefined;
    }
  | {
      readonly type: "subscription";
      readonly session: RecordId;
      /** As in SUBSCRIBE, with `$share/…`. */
      readonly key: string;
      readonly qos: QoS;
      readonly noLocal: boolean;
      readonly retainAsPublished: boolean;
      /** 0 for none. */
      readonly identifier: number;
    }
  /** Once for all who refer to it. */
  | { readonly type: "message"; readonly message: Message }
  /** The last message of its topic. */
  | { readonly type: "retained"; readonly message: RecordId }
  /** A message of QoS 1 or 2 on its way to a client; those of a session are in the order of their ids. */
  | {
      readonly type: "delivery";
      readonly session: RecordId;
      readonly message: RecordId;
      readonly qos: QoS;
      readonly retain: boolean;
      readonly subscriptionIdentifiers: number[] | undefined;
      /** 0 while it waits in the queue. */
      readonly packetId: number;
      /** PUBREC arrived. */
      readonly released: boolean;
    }
  /** A packet identifier of QoS 2 that the client has not released. */
  | { readonly type: "received"; readonly session: RecordId; readonly packetId: number };

/** A message without properties, which can be read when it is its turn. */
export interface WaitingMessage {
  readonly type: "waiting";
  /** For `KeptRecords.readWaiting`. */
  readonly place: number;
  /** See `Message.id`. */
  readonly id: number;
  /** Of topic and payload: UTF-16 units and bytes. */
  readonly length: number;
}

/** What is kept of a broker, to be read once, by growing ids. */
export interface KeptRecords extends Iterable<readonly [RecordId, JournalRecord]> {
  /** In place of the iterable itself: most messages are only told of. */
  withWaiting(): Iterable<readonly [RecordId, JournalRecord | WaitingMessage]>;
  /** One that `withWaiting` told of, once. */
  readWaiting(place: number): Message;
}

/**
 * Keeps what must outlive the process. Nothing of a turn is seen outside before all that the turn changed is kept: the
 * runtime holds back the turn's output until then, so that the broker goes on as if it were kept at once.
 */
export interface Journal {
  /** True while there is no room: what would have to be kept is refused with 0x97. */
  readonly isFull: boolean;
  add(record: JournalRecord): RecordId;
  /** Puts a record in the place of one that is kept, under the same id. */
  replace(id: RecordId, record: JournalRecord): void;
  remove(id: RecordId): void;
}

export interface Random {
  /** A client id that no client has: a ULID (MQTT 5.0 §3.1.3.1). */
  clientId(): string;
}

/** What happens in a broker, for `tail`, logs and tests. Nothing is built while nobody listens. */
export type BrokerEvent =
  | {
      readonly type: "connect";
      readonly clientId: string;
      readonly protocolVersion: number;
      readonly cleanStart: boolean;
      readonly sessionPresent: boolean;
      readonly keepAlive: number;
      readonly tokenId?: string;
    }
  | { readonly type: "refuse"; readonly clientId: string; readonly reasonCode: number; readonly reason: string }
  | {
      readonly type: "disconnect";
      readonly clientId: string;
      readonly reasonCode: number;
      readonly reason: string;
      /** Who ended it: `network` where the connection was lost. */
      readonly by: "client" | "server" | "network";
    }
  | { readonly type: "subscribe"; readonly clientId: string; readonly topicFilter: string; readonly reasonCode: number }
  | {
      readonly type: "unsubscribe";
      readonly clientId: string;
      readonly topicFilter: string;
      readonly reasonCode: number;
    }
  | { readonly type: "publish"; readonly message: Message }
  | { readonly type: "hook"; readonly message: Message; readonly verdict: Verdict; readonly report: HookReport }
  | { readonly type: "deliver"; readonly message: Message; readonly clientId: string; readonly qos: QoS }
  | {
      readonly type: "drop";
      readonly message: Message;
      /** The subscriber that does not get it; undefined where nobody does. */
      readonly clientId?: string;
      readonly reason: DropReason;
    }
  | { readonly type: "expire"; readonly message: Message; readonly clientId?: string }
  /** The hook is not asked any more because it failed too often in a row, or is again. */
  | { readonly type: "hook-circuit"; readonly state: "opened" | "closed"; readonly reason: string };

/** Why the broker itself dropped a message. A hook's reasons are in its verdict. */
export type DropReason =
  | "queue-full"
  | "slow-consumer"
  | "packet-too-large"
  | "rejected-by-client"
  /** It came about through too many others that Workers published. */
  | "loop"
  /** It was delivered, but is not retained: there is no room. */
  | "retained-quota";

export type Observer = (event: BrokerEvent, now: number) => void;
