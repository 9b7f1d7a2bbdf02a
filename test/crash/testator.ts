import type { Connect, Packet } from "../../src/codec/index.ts";
import type { Random } from "../simulation/random.ts";
import { Client, type Version, type World } from "./client.ts";
import { type Message, payloadOf } from "./ledger.ts";
import type { Subscription } from "./subscription.ts";
import { Violation } from "./violation.ts";

const THERE_MS = [30, 500] as const;
/** Seconds. */
const WILL_DELAY_MAX = 1;

/** How it ends a connection, and what becomes of the will then. */
const endings = {
  /** The will may be published, or not. */
  "drop, and return": 2,
  /** The will has to be published. */
  "drop, and stay away": 2,
  /** The will must not be published. */
  disconnect: 1,
};

/** Leaves a will with each connection, and ends them in all ways. */
export class Testator extends Client {
  /** Where wills are seen. */
  readonly #watched: Subscription;
  #will: Message | undefined;
  /** The will of the connection before, which ended with DISCONNECT while the server was in that life. */
  #disconnected: { readonly will: Message; readonly life: number } | undefined;
  /** It stays away until this is published. */
  #awaited: Message | undefined;
  #staysAway = false;
  #isSettling = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(world: World, name: string, version: Version, random: Random, watched: Subscription) {
    super(world, name, version, random);
    this.#watched = watched;
  }

  /** Does not come back once the will that it waits for is published, or ends its connection. */
  settle(): void {
    this.#isSettling = true;
    this.#staysAway = false;
  }

  get isSettled(): boolean {
    return this.isConnected && this.#awaited === undefined;
  }

  /** The will that must still be published. */
  get awaited(): Message | undefined {
    return this.#awaited;
  }

  override stop(): void {
    clearTimeout(this.#timer);
    super.stop();
  }

  /** To be called when a will was received. */
  willSeen(): void {
    if (this.#awaited === undefined || !this.#watched.received.has(this.#awaited)) return;
    this.#awaited = undefined;
    this.comeOnline();
  }

  protected override connectFields(): Partial<Connect> {
    const { random, version, name, world } = this;
    const will = world.ledger.create(`w/${name}`, random.chance(0.5) ? 1 : 2, random.between(20, 3000));
    will.timesSent = 1;
    this.#will = will;
    const properties = version === 5 ? { willDelayInterval: random.between(0, WILL_DELAY_MAX) } : undefined;
    return { will: { topic: will.topic, payload: payloadOf(will), qos: will.qos, retain: false, properties } };
  }

  protected override connected(): void {
    const before = this.#disconnected;
    this.#disconnected = undefined;
    if (before !== undefined && before.life === this.world.life) {
      before.will.isRevoked = true;
      if (this.#watched.received.has(before.will)) throw new Violation("a will was published after DISCONNECT");
    }
    this.#staysAway = !this.#isSettling && this.random.chance(0.3);
    this.#timer = setTimeout(() => this.#endConnection(), this.random.between(...THERE_MS));
  }

  /** By its own doing, or because the server died. */
  protected override lost(): void {
    clearTimeout(this.#timer);
    if (!this.#staysAway) return;
    this.#staysAway = false;
    this.#awaited = this.#will;
    this.goOffline();
    this.willSeen();
  }

  protected override handle(packet: Packet): void {
    throw new Violation(`a client without subscriptions got a packet of type ${packet.type}`);
  }

  #endConnection(): void {
    if (!this.isConnected || this.#isSettling) return;
    const ending = this.random.weighted(endings);
    this.#staysAway = ending === "drop, and stay away";
    if (ending === "disconnect") {
      this.#disconnected = { will: this.#will!, life: this.world.life };
      this.disconnect();
    } else this.drop();
  }
}
