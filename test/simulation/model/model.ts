/**
 * The reference model: it is told of every input before the broker is, notes what must come of it, and checks everything
 * that the broker does against that. After the input nothing may be left undone.
 */
import type {
  AuthenticationChallenge,
  AuthenticationResult,
  Broker,
  BrokerEvent,
  Limits,
  Message,
  Verdict,
} from "../../../src/broker/index.ts";
import { type Packet, PacketType, type Publish, ReasonCode } from "../../../src/codec/index.ts";
import { fail } from "../violation.ts";
import { authenticated } from "./authentication.ts";
import { receive } from "./inbound.ts";
import { claimed } from "./claims.ts";
import { type Origin, published, sent } from "./outbound.ts";
import { decide } from "./publications.ts";
import { restart } from "./restart.ts";
import { closeAll, closeByServer, dismiss, end, endSession, publishWill } from "./sessions.ts";
import { reconcile } from "./reconcile.ts";
import { checkBounds, checkDone, checkEmpty, checkSame } from "./settle.ts";
import { type Content, type Peer, type Publication, State } from "./state.ts";

export class Model {
  readonly state: State;

  constructor(limits: Limits, nextClientId: () => string) {
    this.state = new State(limits, nextClientId);
  }

  // ---- inputs, before the broker gets them

  connect(peer: Peer, now: number): void {
    peer.heardAtMs = now;
    this.state.peers.add(peer);
  }

  authenticated(peer: Peer, answer: AuthenticationResult | AuthenticationChallenge, now: number): void {
    authenticated(this.state, peer, answer, now);
  }

  receive(peer: Peer, packet: Packet, now: number): void {
    receive(this.state, peer, packet, now);
  }

  malformed(peer: Peer, code: number, now: number): void {
    closeByServer(this.state, peer, code, now);
  }

  lost(peer: Peer, now: number): void {
    end(this.state, peer, now);
  }

  /** Credentials end before their time. */
  revoked(isMeant: (tokenId: string | undefined) => boolean, now: number): void {
    const revoked = [...this.state.peers].filter(({ principal }) => isMeant(principal?.tokenId));
    closeAll(this.state, revoked, ReasonCode.NotAuthorized, now);
  }

  kicked(clientId: string, endsSession: boolean, now: number): void {
    const session = this.state.sessions.get(clientId)!;
    if (session.peer !== undefined) closeByServer(this.state, session.peer, ReasonCode.AdministrativeAction, now);
    if (endsSession && this.state.sessions.get(clientId) === session) endSession(this.state, session, now);
  }

  /** The process has died, and the next one goes on with what was kept. */
  restart(now: number): void {
    restart(this.state, now);
    this.advance(now);
  }

  /** Everybody is sent away, and the broker starts anew. */
  shutdown(code: number, now: number): void {
    for (const peer of [...this.state.peers]) {
      if (peer.state === "open" && peer.isV5) peer.expected.push({ type: PacketType.DISCONNECT, codes: [code] });
      dismiss(this.state, peer);
    }
    this.restart(now);
  }

  setLimits(limits: Limits): void {
    this.state.limits = limits;
  }

  setHooks(hasHooks: boolean): void {
    this.state.hasHooks = hasHooks;
  }

  decide(publication: Publication, verdict: Verdict, now: number): void {
    decide(this.state, publication, verdict, now);
  }

  /** The next moment at which something must happen by itself. */
  nextDueMs(): number {
    return this.#dues().reduce((next, { atMs }) => Math.min(next, atMs), Infinity);
  }

  advance(now: number): void {
    for (;;) {
      const [first] = this.#dues().toSorted((a, b) => a.atMs - b.atMs);
      if (first === undefined || first.atMs > now) return;
      first.run(now);
    }
  }

  /** Everything that will happen by itself. */
  #dues(): { atMs: number; run: (now: number) => void }[] {
    const { state } = this;
    const dues: { atMs: number; run: (now: number) => void }[] = [];
    for (const [topic, { expiresAtMs }] of state.retained) {
      dues.push({ atMs: expiresAtMs, run: () => state.retained.delete(topic) });
    }
    for (const peer of state.peers) {
      const close = (code: number) => (now: number) => closeByServer(state, peer, code, now);
      // [MQTT-3.1.2-22]; before CONNACK, the time that authentication may take
      dues.push({ atMs: peer.heardAtMs + peer.silenceMaxMs, run: close(ReasonCode.KeepAliveTimeout) });
      dues.push({ atMs: peer.principal?.expiresAtMs ?? Infinity, run: close(ReasonCode.NotAuthorized) });
    }
    for (const session of state.sessions.values()) {
      dues.push({ atMs: session.willDueMs, run: (now) => publishWill(state, session, now) });
      dues.push({ atMs: session.expiresAtMs, run: (now) => endSession(state, session, now) });
    }
    return dues.filter(({ atMs }) => atMs < Infinity);
  }

  // ---- outputs of the broker

  sent(peer: Peer, packet: Exclude<Packet, Publish>, size: number): void {
    sent(peer, packet, size);
  }

  published(peer: Peer, packet: Publish, size: number, origin: Origin, now: number): void {
    published(this.state, peer, packet, size, origin, now);
  }

  closed(peer: Peer): void {
    if (!peer.isCloseDue) fail("closed", `${peer.name} is closed for no reason`);
    peer.isClosed = true;
  }

  submitted(message: Message): Publication {
    const { toSubmit } = this.state;
    const index = toSubmit.findIndex(({ content }) => content.id === message.id && isSame(content, message));
    if (index === -1) fail("unexpected-hook", `${message.topic}=${message.payload.toString("latin1", 0, 40)}`);
    const [publication] = toSubmit.splice(index, 1);
    return publication!;
  }

  observed(event: BrokerEvent, broker: Broker, now: number): void {
    if (event.type === "publish") this.#name(event.message);
    else claimed(this.state, event, broker, now);
  }

  /** The broker accepts a message, and gives it a number. */
  #name(message: Message): void {
    const { unnamed } = this.state;
    const index = unnamed.findIndex((content) => isSame(content, message));
    if (index === -1) fail("unexpected-publish", `${message.topic}=${message.payload.toString("latin1", 0, 40)}`);
    const [content] = unnamed.splice(index, 1);
    content!.id = message.id;
  }

  // ---- checks

  /** After an input and everything that came of it. */
  settle(broker: Broker, touched: Iterable<Peer>): void {
    reconcile(this.state, broker);
    checkDone(this.state, touched);
    checkBounds(this.state, broker);
  }

  /** From time to time: broker and model agree on what there is. */
  compare(broker: Broker): void {
    checkSame(this.state, broker);
  }

  /** After the last session: nothing is left. */
  finish(broker: Broker): void {
    checkEmpty(this.state, broker);
  }
}

function isSame(content: Content, message: Message): boolean {
  return (
    content.topic === message.topic &&
    content.payload.equals(message.payload) &&
    content.publisherId === message.publisherId &&
    content.tokenId === message.tokenId &&
    content.qos === message.qos &&
    content.retain === message.retain
  );
}
