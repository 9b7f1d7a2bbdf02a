import { type Connect, type Packet, PacketType, type Publish } from "../../src/codec/index.ts";
import type { Random } from "../simulation/random.ts";
import { Client, type Version, type World } from "./client.ts";
import { type Message, describeMessage } from "./ledger.ts";
import type { Subscription } from "./subscription.ts";
import { Violation } from "./violation.ts";

type Range = readonly [min: number, max: number];

export interface SubscriberOptions {
  readonly subscriptions: readonly Subscription[];
  /** How long it is there and away in turn, in milliseconds; always there where it is not given. */
  readonly rhythm?: { readonly thereMs: Range; readonly awayMs: Range };
  /** It sometimes begins a new session when it comes back. MQTT 5 only: before, such a session ends with its connection. */
  readonly isForgetful?: boolean;
  /** MQTT 5 only. */
  readonly receiveMaximum?: number;
  /** Called after each message that arrived for the first time. */
  readonly onReceived?: () => void;
}

const NO_SUBSCRIPTION_EXISTED = 0x11;
const TOGGLE_MS: Range = [10, 150];
const ANSWER_MS_MAX = 8;

/** Receives, and checks each message against what was promised. */
export class Subscriber extends Client {
  readonly subscriptions: readonly Subscription[];
  readonly #options: SubscriberOptions;
  /** Messages of QoS 2 that are not released yet, by packet identifier. */
  readonly #unreleased = new Map<number, Message>();
  /** By topic, the position of the last first copy. */
  readonly #last = new Map<string, number>();
  /** By packet identifier: SUBSCRIBE and UNSUBSCRIBE without an answer. */
  readonly #requests = new Map<number, { subscription: Subscription; isFirst: boolean }>();
  #answers: Packet[] = [];
  #lastPacketId = 0;
  #answerTimer: NodeJS.Timeout | undefined;
  #toggleTimer: NodeJS.Timeout | undefined;
  #rhythmTimer: NodeJS.Timeout | undefined;

  constructor(world: World, name: string, version: Version, random: Random, options: SubscriberOptions) {
    super(world, name, version, random);
    this.#options = options;
    this.subscriptions = options.subscriptions;
  }

  start(): void {
    this.comeOnline();
    if (this.#options.rhythm !== undefined) this.#later(this.#options.rhythm.thereMs, () => this.#goAway());
    if (this.subscriptions.some(({ isFickle }) => isFickle)) this.#toggleLater();
  }

  /** From now on it is there, and leaves its subscriptions as they are. */
  settle(): void {
    clearTimeout(this.#rhythmTimer);
    clearTimeout(this.#toggleTimer);
    this.comeOnline();
  }

  get isSettled(): boolean {
    return this.isConnected && this.subscriptions.every(({ isPending }) => !isPending);
  }

  override stop(): void {
    clearTimeout(this.#rhythmTimer);
    clearTimeout(this.#toggleTimer);
    clearTimeout(this.#answerTimer);
    super.stop();
  }

  /** @returns messages that it should have received */
  missing(): Message[] {
    const { ledger } = this.world;
    return this.subscriptions.flatMap((subscription) =>
      [...ledger.topics()]
        .filter((topic) => subscription.matches(topic))
        .flatMap((topic) => ledger.messages(topic))
        .filter((message) => subscription.isOwed(message) && !subscription.received.has(message)),
    );
  }

  protected override connectFields(): Partial<Connect> {
    const { receiveMaximum } = this.#options;
    return this.version === 5 && receiveMaximum !== undefined ? { properties: { receiveMaximum } } : {};
  }

  protected override forgotten(): void {
    this.#unreleased.clear();
    const now = this.world.ledger.tick();
    for (const subscription of this.subscriptions) if (subscription.isPending) subscription.leaveConfirmed(now);
  }

  protected override connected(): void {
    for (const subscription of this.subscriptions) {
      if (subscription.isPending) this.#request(subscription, false);
      else if (!subscription.isWanted && !subscription.isFickle) this.#toggle(subscription);
    }
  }

  protected override lost(): void {
    this.#requests.clear();
    this.#answers = [];
  }

  protected override handle(packet: Packet): void {
    switch (packet.type) {
      case PacketType.PUBLISH:
        this.#receive(packet);
        return;
      case PacketType.PUBREL:
        this.#unreleased.delete(packet.packetId);
        this.#answer({ type: PacketType.PUBCOMP, packetId: packet.packetId, reasonCode: 0 });
        return;
      case PacketType.SUBACK:
        this.#subscribed(packet.packetId, packet.reasonCodes);
        return;
      case PacketType.UNSUBACK:
        this.#unsubscribed(packet.packetId, packet.reasonCodes);
        return;
      default:
        throw new Violation(`a subscriber got a packet of type ${packet.type}`);
    }
  }

  // ---- messages

  #receive(packet: Publish): void {
    const { packetId } = packet;
    const message = this.world.ledger.find(packet);
    const known = packet.qos === 2 ? this.#unreleased.get(packetId) : undefined;
    if (known === undefined) this.#check(packet, message);
    else if (known !== message) {
      throw new Violation(
        `packet id ${packetId} stands for ${describeMessage(known)}, not for ${describeMessage(message)}`,
      );
    }
    if (packet.qos === 2) this.#unreleased.set(packetId, message);
    this.#answer({ type: packet.qos === 2 ? PacketType.PUBREC : PacketType.PUBACK, packetId, reasonCode: 0 });
  }

  #check(packet: Publish, message: Message): void {
    const subscription = this.subscriptions.find((one) => one.matches(message.topic) && one.mayGet(message));
    if (subscription === undefined) throw this.#violation("nobody subscribed to", message);
    if (message.isRevoked) throw this.#violation("a will that was taken back was published:", message);
    if (packet.qos !== subscription.qosOf(message)) throw this.#violation(`QoS ${packet.qos} for`, message);
    if (packet.retain) throw this.#violation("marked as retained:", message);
    const { ledger } = this.world;
    if (!subscription.received.has(message)) {
      ledger.delivered++;
      this.#checkOrder(subscription, message);
      subscription.received.add(message);
      this.#options.onReceived?.();
      return;
    }
    ledger.repeated++;
    // The server got it once: so whatever comes again comes under the same packet identifier, as a repetition.
    const isOne = message.qos === 2 || message.timesSent === 1;
    if (isOne && (packet.qos === 2 || (!packet.dup && !subscription.isShared))) {
      throw this.#violation("doubled:", message);
    }
  }

  /** By publisher and topic, for each message that arrives for the first time. [MQTT-4.6.0-6] */
  #checkOrder(subscription: Subscription, message: Message): void {
    if (subscription.isShared) return;
    const { topic, position } = message;
    const last = this.#last.get(topic) ?? -1;
    if (position < last) {
      if (subscription.mayHaveMissed(message)) return;
      throw this.#violation(`overtaken by message ${last}:`, message);
    }
    this.#last.set(topic, position);
    const messages = this.world.ledger.messages(topic);
    for (let index = last + 1; index < position; index++) {
      const skipped = messages[index]!;
      if (subscription.isOwed(skipped) && !subscription.received.has(skipped)) {
        throw this.#violation(`lost, or overtaken by message ${position}:`, skipped);
      }
    }
  }

  #violation(what: string, message: Message): Violation {
    const subscriptions = this.subscriptions.filter((one) => one.matches(message.topic));
    return new Violation(describeTrouble(what, message, subscriptions));
  }

  /** Sometimes at once, mostly later: many are then under way when the server dies. */
  #answer(packet: Packet): void {
    this.#answers.push(packet);
    if (this.#answerTimer !== undefined) return;
    this.#answerTimer = setTimeout(() => {
      this.#answerTimer = undefined;
      if (!this.isConnected) return;
      for (const answer of this.#answers) this.send(answer);
      this.#answers = [];
    }, this.random.below(ANSWER_MS_MAX));
  }

  // ---- subscriptions

  #toggleLater(): void {
    this.#toggleTimer = setTimeout(
      () => {
        const ready = this.subscriptions.filter(({ isFickle, isPending }) => isFickle && !isPending);
        if (this.isConnected && ready.length > 0) this.#toggle(this.random.pick(ready));
        this.#toggleLater();
      },
      this.random.between(...TOGGLE_MS),
    );
  }

  #toggle(subscription: Subscription): void {
    const now = this.world.ledger.tick();
    if (subscription.isWanted) subscription.left(now);
    else subscription.asked(now);
    this.#request(subscription, true);
  }

  #request(subscription: Subscription, isFirst: boolean): void {
    const { topicFilter, qos, isWanted } = subscription;
    const packetId = (this.#lastPacketId = (this.#lastPacketId % 0xffff) + 1);
    this.#requests.set(packetId, { subscription, isFirst });
    if (!isWanted) {
      this.send({ type: PacketType.UNSUBSCRIBE, packetId, topicFilters: [topicFilter] });
      return;
    }
    // What is retained is the reader's business.
    const rest = { noLocal: false, retainAsPublished: false, retainHandling: 2 } as const;
    this.send({ type: PacketType.SUBSCRIBE, packetId, subscriptions: [{ topicFilter, qos, ...rest }] });
  }

  #subscribed(packetId: number, reasonCodes: readonly number[]): void {
    const { subscription } = this.#takeRequest(packetId);
    if (reasonCodes[0] !== subscription.qos) {
      throw new Violation(`SUBACK with 0x${reasonCodes[0]?.toString(16)} for ${subscription.describe()}`);
    }
    subscription.granted(this.world.ledger.tick());
  }

  #unsubscribed(packetId: number, [reasonCode]: readonly number[]): void {
    const { subscription, isFirst } = this.#takeRequest(packetId);
    if (reasonCode === NO_SUBSCRIPTION_EXISTED && isFirst) {
      throw new Violation(`a subscription is gone: ${subscription.describe()}`);
    }
    subscription.leaveConfirmed(this.world.ledger.tick());
  }

  #takeRequest(packetId: number): { subscription: Subscription; isFirst: boolean } {
    const request = this.#requests.get(packetId);
    if (request === undefined) throw new Violation(`an answer with packet id ${packetId}, which no request has`);
    this.#requests.delete(packetId);
    return request;
  }

  // ---- coming and going

  #goAway(): void {
    const { thereMs, awayMs } = this.#options.rhythm!;
    this.goOffline();
    this.#later(awayMs, () => {
      if (this.#options.isForgetful && !this.isConnected && this.random.chance(0.4)) this.#giveUpSession();
      this.comeOnline();
      this.#later(thereMs, () => this.#goAway());
    });
  }

  #giveUpSession(): void {
    this.startAnew();
    const now = this.world.ledger.tick();
    for (const subscription of this.subscriptions) subscription.givenUp(now);
  }

  #later(range: Range, action: () => void): void {
    this.#rhythmTimer = setTimeout(action, this.random.between(...range));
  }
}

export function describeTrouble(what: string, message: Message, subscriptions: readonly Subscription[]): string {
  return [
    `${what} ${describeMessage(message)}`,
    ...subscriptions.map((one) => `  subscription: ${one.describe()}`),
  ].join("\n");
}
