import type { QoS } from "../../src/codec/index.ts";
import type { Message } from "./ledger.ts";

/** A time during which a client subscribed; Infinity for what has not happened. */
interface Interval {
  askedAt: number;
  grantedAt: number;
  leftAt: number;
  leaveConfirmedAt: number;
  /** The session was given up, and with it what was still to come. */
  isGivenUp: boolean;
}

/** What arrived of a subscription, or of all members of a shared one. */
export type Received = Set<Message>;

/** One topic filter of a client, and when it was subscribed to. */
export class Subscription {
  readonly topicFilter: string;
  readonly qos: 1 | 2;
  /** It comes and goes. */
  readonly isFickle: boolean;
  readonly received: Received;
  readonly isShared: boolean;
  readonly #levels: string[];
  readonly #intervals: Interval[] = [];

  /** @param shared what all members of the group have received; undefined where it is not shared */
  constructor(topicFilter: string, qos: 1 | 2, { isFickle = false, shared }: SubscriptionOptions = {}) {
    this.topicFilter = topicFilter;
    this.qos = qos;
    this.isFickle = isFickle;
    this.isShared = shared !== undefined;
    this.received = shared ?? new Set();
    this.#levels = topicFilter.replace(/^\$share\/[^/]+\//, "").split("/");
  }

  matches(topic: string): boolean {
    const levels = topic.split("/");
    const isMatch = this.#levels.every((level, index) => level === "#" || level === "+" || level === levels[index]);
    return isMatch && (this.#levels.at(-1) === "#" || this.#levels.length === levels.length);
  }

  /** The QoS at which it gets a message. */
  qosOf(message: Message): QoS {
    return message.qos < this.qos ? message.qos : this.qos;
  }

  // ---- what happens to it

  /** The client is subscribed, or asks for it. */
  get isWanted(): boolean {
    return this.#last !== undefined && this.#last.leftAt === Infinity;
  }

  get isGranted(): boolean {
    return this.#last !== undefined && this.#last.grantedAt !== Infinity;
  }

  /** Asked for, or taken back, without an answer. */
  get isPending(): boolean {
    const last = this.#last;
    if (last === undefined) return false;
    return last.leftAt === Infinity ? last.grantedAt === Infinity : last.leaveConfirmedAt === Infinity;
  }

  asked(now: number): void {
    this.#intervals.push({
      askedAt: now,
      grantedAt: Infinity,
      leftAt: Infinity,
      leaveConfirmedAt: Infinity,
      isGivenUp: false,
    });
  }

  granted(now: number): void {
    this.#last!.grantedAt = now;
  }

  left(now: number): void {
    this.#last!.leftAt = now;
  }

  leaveConfirmed(now: number): void {
    this.#last!.leaveConfirmedAt = now;
  }

  /** The session ends: nothing is owed any more. */
  givenUp(now: number): void {
    if (this.isWanted) this.left(now);
    for (const interval of this.#intervals) interval.isGivenUp = true;
  }

  // ---- what follows from that

  /** The server has to deliver it: it was sent after SUBACK, and acknowledged before UNSUBSCRIBE. */
  isOwed({ sentAt, acknowledgedAt }: Message): boolean {
    return this.#intervals.some(
      ({ grantedAt, leftAt, isGivenUp }) => !isGivenUp && sentAt > grantedAt && acknowledgedAt < leftAt,
    );
  }

  /** The server may have met it while there was the subscription. */
  mayGet({ sentAt, acknowledgedAt }: Message): boolean {
    return this.#intervals.some(
      ({ askedAt, leaveConfirmedAt, isGivenUp }) => !isGivenUp && acknowledgedAt > askedAt && sentAt < leaveConfirmedAt,
    );
  }

  /** The server may have met it before there was the subscription; a copy that is sent again comes after others then. */
  mayHaveMissed({ qos, sentAt, timesSent }: Message): boolean {
    return qos === 1 && timesSent > 1 && sentAt < this.#last!.grantedAt;
  }

  describe(): string {
    const intervals = this.#intervals.slice(-4).map((interval) => Object.values(interval).join("/"));
    return `${this.topicFilter} at QoS ${this.qos}, asked/granted/left/confirmed at ${intervals.join(", ")}`;
  }

  get #last(): Interval | undefined {
    return this.#intervals.at(-1);
  }
}

interface SubscriptionOptions {
  isFickle?: boolean;
  shared?: Received;
}
