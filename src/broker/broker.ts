import {
  type Acknowledgement,
  type Connect,
  type Packet,
  PacketType,
  type PlainFrames,
  ReasonCode,
  isReasonCodeOf,
} from "../codec/index.ts";
import { Connection } from "./connection.ts";
import { Deadlines } from "./deadlines.ts";
import { resumeSending } from "./delivery.ts";
import { forwardFrames } from "./forwarding.ts";
import { handleAcknowledgement } from "./handlers/acknowledgements.ts";
import { challengeClient, completeReauthentication, continueConnect, handleAuth } from "./handlers/auth.ts";
import { completeConnect } from "./handlers/connect.ts";
import { handleDisconnect } from "./handlers/disconnect.ts";
import { handlePublish } from "./handlers/publish.ts";
import { handleSubscribe } from "./handlers/subscribe.ts";
import { handleUnsubscribe } from "./handlers/unsubscribe.ts";
import { Keeper } from "./keeper.ts";
import { type WhatIsDue, setKeepAlive } from "./due.ts";
import { disconnect, disconnectAll, endSession, loseConnection, publishWill } from "./lifecycle.ts";
import { type Limits, defaultLimits } from "./limits.ts";
import type {
  AuthenticationChallenge,
  AuthenticationResult,
  Authenticator,
  BrokerEvent,
  HookReport,
  Hooks,
  Journal,
  KeptRecords,
  Observer,
  Outbox,
  PendingPublish,
  Random,
  Verdict,
} from "./ports.ts";
import type { QueuedPublish } from "./publish-queue.ts";
import { finishPublish } from "./publishing.ts";
import { restore } from "./restore.ts";
import { RetainedMessages } from "./retained.ts";
import type { Session } from "./session.ts";
import { SubscriptionTree } from "./subscription-tree.ts";
import { Traffic } from "./traffic.ts";

export interface BrokerOptions {
  authenticator: Authenticator<Connection>;
  random: Random;
  limits?: Partial<Limits>;
  /** Where the broker keeps what must outlive the process; without it nothing does. */
  journal?: Journal | undefined;
}

/**
 * One broker: a synchronous state machine. Packets, lost connections, the answers of ports and the passing of time are
 * its inputs, each with `now` in UNIX milliseconds; what it wants done goes to the ports. The fields are for the
 * handlers; the world uses the methods.
 */
export class Broker {
  #limits: Limits;
  readonly authenticator: Authenticator<Connection>;
  readonly random: Random;
  /** The on-publish hooks; without them a message is routed at once. May be replaced at any time. */
  hooks: Hooks | undefined;
  /** Told of everything that happens, while it is set. */
  observer: Observer | undefined;

  readonly connections = new Set<Connection>();
  readonly sessions = new Map<string, Session>();
  readonly subscriptions = new SubscriptionTree();
  readonly deadlines = new Deadlines();
  readonly due: WhatIsDue = {
    keepAlive: (connection, now) => this.#keepAliveDue(connection, now),
    tokenExpiry: (connection, now) => disconnect(this, connection, ReasonCode.NotAuthorized, "the token expired", now),
    sessionExpiry: (session, now) => endSession(this, session, now),
    willDelay: (session, now) => publishWill(this, session, now),
  };
  readonly retained: RetainedMessages;
  readonly keeper: Keeper | undefined;
  readonly traffic = new Traffic();
  #lastMessageId = 0;

  constructor(options: BrokerOptions) {
    this.#limits = { ...defaultLimits, ...options.limits };
    this.authenticator = options.authenticator;
    this.random = options.random;
    this.keeper = options.journal && new Keeper(options.journal);
    this.retained = new RetainedMessages(this.deadlines, this.keeper);
  }

  /** May be replaced at any time; what is agreed with a connection already stays. */
  get limits(): Limits {
    return this.#limits;
  }

  set limits(limits: Limits) {
    this.#limits = limits;
    // Their names may be too long now, or too deep.
    this.subscriptions.forgetTopics();
  }

  /**
   * Builds the state that the journal has, before any other input. Sessions whose clients were connected count as lost at
   * `now`: their expiry and the delay of their wills begin.
   * @param records by growing ids
   */
  restore(records: KeptRecords, now: number): void {
    restore(this, records, now);
  }

  /**
   * A client sent CONNECT as its first packet. Nothing else of it may be passed in until the outbox's `resume`.
   * @returns the connection, for the other inputs
   */
  connect(outbox: Outbox, packet: Connect, now: number): Connection {
    const connection = new Connection(outbox, packet, this.limits.inflightMax, now);
    connection.silenceMaxMs = this.limits.connectTimeoutMs;
    this.connections.add(connection);
    connection.pauseReading();
    this.authenticator.authenticate(connection, packet);
    // Most are open or refused by now.
    if (connection.session === undefined && connection.state !== "closed") {
      setKeepAlive(this, connection, now + connection.silenceMaxMs);
    }
    return connection;
  }

  /** The answer to `Authenticator.authenticate`. */
  authenticated(connection: Connection, result: AuthenticationResult | AuthenticationChallenge, now: number): void {
    if (connection.state === "authenticating") {
      if ("challenge" in result) challengeClient(connection, result.challenge);
      else completeConnect(this, connection, result, now);
    } else if (connection.state === "open" && connection.reauthentication === "checking") {
      completeReauthentication(this, connection, result, now);
    }
  }

  /** A packet other than the first one arrived. */
  receive(connection: Connection, packet: Packet, now: number): void {
    const { session } = connection;
    if (connection.state !== "open" || session === undefined) {
      if (connection.state === "challenged") continueConnect(this, connection, packet, now);
      return;
    }
    if (!this.#isWithinRate(connection, now)) return;
    switch (packet.type) {
      case PacketType.PUBLISH:
        handlePublish(this, connection, session, packet, now);
        return;
      case PacketType.PUBACK:
      case PacketType.PUBREC:
      case PacketType.PUBREL:
      case PacketType.PUBCOMP:
        handleAcknowledgement(this, connection, session, packet.type, packet.packetId, packet.reasonCode, now);
        return;
      case PacketType.SUBSCRIBE:
        handleSubscribe(this, connection, session, packet, now);
        return;
      case PacketType.UNSUBSCRIBE:
        handleUnsubscribe(this, connection, session, packet, now);
        return;
      case PacketType.PINGREQ:
        connection.send({ type: PacketType.PINGRESP });
        return;
      case PacketType.DISCONNECT:
        handleDisconnect(this, connection, session, packet, now);
        return;
      case PacketType.AUTH:
        handleAuth(this, connection, packet, now);
        return;
      default:
        // [MQTT-3.1.0-2] a second CONNECT; packets that only servers send
        disconnect(this, connection, ReasonCode.ProtocolError, `unexpected packet of type ${packet.type}`, now);
    }
  }

  /** The same as `receive` for a packet that has nothing but type and packet identifier, as most acknowledgements do. */
  receiveAcknowledgement(connection: Connection, type: Acknowledgement["type"], packetId: number, now: number): void {
    const { session } = connection;
    if (connection.state !== "open" || session === undefined) {
      this.receive(connection, { type, packetId, reasonCode: ReasonCode.Success }, now);
    } else if (this.#isWithinRate(connection, now)) {
      handleAcknowledgement(this, connection, session, type, packetId, ReasonCode.Success, now);
    }
  }

  /**
   * PUBLISH frames arrived.
   * @returns the end of those that are done with, `frames.start` if none is; pass the others to `receive` as packets
   */
  receiveFrames(connection: Connection, frames: PlainFrames, now: number): number {
    const end = forwardFrames(this, connection, frames);
    if (end > frames.start) connection.lastReceivedMs = now;
    return end;
  }

  /** The client sent bytes that are no packet. [MQTT-4.13.1-1] */
  malformed(connection: Connection, reasonCode: ReasonCode, reason: string, now: number): void {
    // A second CONNECT may be broken in ways that only CONNACK has codes for; it is a protocol error first. [MQTT-3.1.0-2]
    const code = isReasonCodeOf(PacketType.DISCONNECT, reasonCode) ? reasonCode : ReasonCode.ProtocolError;
    disconnect(this, connection, code, reason, now);
  }

  /** The network connection ended without DISCONNECT. */
  connectionLost(connection: Connection, now: number): void {
    loseConnection(this, connection, now);
  }

  /** The outbox of the connection is no longer congested. */
  drained(connection: Connection, now: number): void {
    if (connection.session !== undefined) resumeSending(this, connection.session, now);
  }

  /** The answer to `Hooks.submit`. A second answer for the same message is ignored. */
  hookCompleted(pending: PendingPublish, verdict: Verdict, report: HookReport, now: number): void {
    const publish = pending as QueuedPublish;
    if (publish.verdict !== undefined) return;
    publish.verdict = verdict;
    publish.report = report;
    const { publishing } = publish.session;
    for (let next = publishing.shiftDecided(); next !== undefined; next = publishing.shiftDecided()) {
      finishPublish(this, next, now);
    }
  }

  /** UNIX milliseconds at which `advance` must be called next, Infinity for never. */
  nextDeadline(): number {
    return this.deadlines.nextMs;
  }

  /** Time has passed. */
  advance(now: number): void {
    this.deadlines.advance(now);
  }

  /** Ends the connections for which `select` is true: revoked tokens, an operator's wish. */
  disconnectWhere(select: (connection: Connection) => boolean, code: ReasonCode, reason: string, now: number): void {
    disconnectAll(this, [...this.connections].filter(select), code, reason, now);
  }

  /**
   * An operator ends the client's connection.
   * @param endsSession its session ends as well, whatever it was to outlive
   */
  kick(session: Session, endsSession: boolean, now: number): void {
    const { connection } = session;
    const reason = "disconnected by an operator";
    if (connection !== undefined) disconnect(this, connection, ReasonCode.AdministrativeAction, reason, now);
    // It may have ended with its connection.
    if (endsSession && this.sessions.get(session.clientId) === session) endSession(this, session, now);
  }

  /**
   * From now on nothing is written to the journal: to what it has, all that follows is as if the process had died. Sessions
   * and the wills of those who are connected go on with `restore`. (MQTT 5.0 §3.1.2.5 lets wills wait until then.)
   */
  stopKeeping(): void {
    this.keeper?.stop();
  }

  /** The broker stops: every client is told. Wills are not published, since nobody is left to receive them. */
  shutdown(reasonCode: ReasonCode, reason: string, now: number): void {
    for (const connection of [...this.connections]) {
      if (connection.session !== undefined) connection.session.will = undefined;
      disconnect(this, connection, reasonCode, reason, now);
    }
  }

  nextMessageId(): number {
    return ++this.#lastMessageId;
  }

  /** Messages that are new get greater ids than this one. */
  passMessageId(id: number): void {
    if (id > this.#lastMessageId) this.#lastMessageId = id;
  }

  observe(event: BrokerEvent, now: number): void {
    this.observer?.(event, now);
  }

  /** Notes that a packet came. @returns false if the client sends too many, and was disconnected */
  #isWithinRate(connection: Connection, now: number): boolean {
    connection.lastReceivedMs = now;
    const { packetsPerSecondMax } = this.limits;
    if (packetsPerSecondMax === 0 || connection.outbox.isInternal || connection.countPacket(now, packetsPerSecondMax))
      return true;
    disconnect(this, connection, ReasonCode.MessageRateTooHigh, "more packets in a second than are taken", now);
    return false;
  }

  /**
   * The deadline stays where it was set while packets arrive, and is moved when it falls due. [MQTT-3.1.2-22] Until the
   * connection is open it is the time that authentication may take.
   */
  #keepAliveDue(connection: Connection, now: number): void {
    const dueMs = connection.lastReceivedMs + connection.silenceMaxMs;
    if (dueMs > now) setKeepAlive(this, connection, dueMs);
    else
      disconnect(this, connection, ReasonCode.KeepAliveTimeout, "nothing was heard within 1.5 × the keep-alive", now);
  }
}
