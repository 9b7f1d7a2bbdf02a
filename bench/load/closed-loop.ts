/** Messages as fast as the windows allow. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Measurement, Timing } from "../measurement.ts";
import type { Traffic } from "../scenarios.ts";
import { Client, connectAll } from "./client.ts";
import { publishRing, type PublishRing } from "./frames.ts";
import { plan, type Plan } from "./topics.ts";
import { between, sample, type Target, type Workload } from "./workload.ts";

/** More frames than can wait for an acknowledgement, so that a packet id is free when its turn comes again. */
const RING_FRAMES_MAX = 4096;
const RING_BYTES = 1024 * 1024;
/** A closed loop whose messages were dropped stands still; after this long the missing ones count as lost. */
const STALL_MS = 1000;
const DRAIN_MS = 3000;
/** A warm-up without so many deliveries takes longer, but not much. */
const WARM_UP_DELIVERIES = 10_000;
const WARM_UP_MORE_MS = 2000;
/** In a deep window, a turn of the event loop that brought less than this share of it is followed by a short pause. */
const DEEP_WINDOW = 400;
const COLLECT_SHARE = 0.1;
const COLLECT_MS = 0.1;
const pause = new Int32Array(new SharedArrayBuffer(4));
const SUBSCRIPTION_IDENTIFIER = 5;

interface Publisher {
  readonly client: Client;
  readonly ring: PublishRing;
  /** Publishes at a time. */
  readonly window: number;
  next: number;
  sent: number;
}

/** Publishers and subscribers with a common window. */
interface Group {
  readonly publishers: readonly Publisher[];
  readonly subscribers: readonly Client[];
  /** Deliveries. */
  readonly window: number;
  turn: number;
  sent: number;
  lost: number;
  /** Deliveries when the watch for stalls last looked. */
  seen: number;
}

export class ClosedLoop implements Workload {
  readonly #target: Target;
  readonly #traffic: Traffic;
  readonly #plan: Plan;
  #groups: Group[] = [];
  #pumpIsDue = false;
  #running = false;
  #deliveriesBefore = 0;

  private constructor(target: Target, traffic: Traffic) {
    this.#target = target;
    this.#traffic = traffic;
    this.#plan = plan(traffic);
  }

  static async create(target: Target, traffic: Traffic): Promise<ClosedLoop> {
    const loop = new ClosedLoop(target, traffic);
    await loop.#connect();
    return loop;
  }

  async measure({ warmUpMs, measureMs }: Timing): Promise<Measurement> {
    const lostBefore = this.#lost;
    this.#running = true;
    this.#pumpAll();
    const watch = setInterval(() => this.#watchForStalls(), STALL_MS);
    const warm = this.#deliveries + WARM_UP_DELIVERIES;
    await sleep(warmUpMs);
    for (let waitedMs = 0; waitedMs < WARM_UP_MORE_MS && this.#deliveries < warm; waitedMs += 20) await sleep(20);
    const before = sample(this.#target, this.#deliveries);
    await sleep(measureMs);
    const after = sample(this.#target, this.#deliveries);
    clearInterval(watch);
    await this.#stop();
    return { ...between(before, after, this.#target), lost: this.#lost - lostBefore };
  }

  async #connect(): Promise<void> {
    const { port } = this.#target;
    const { publishers, subscribers, qos, mqtt5, lasting = false, windowDeliveries } = this.#traffic;
    const version = mqtt5 ? 5 : 4;
    const onRead = () => this.#pumpSoon();
    const listening = await connectAll(subscribers, async (index) => {
      const client = await Client.connect(port, `sub-${index}`, { version, lasting, onRead });
      await client.subscribe(this.#plan.topicFilters(index), qos, mqtt5 ? SUBSCRIPTION_IDENTIFIER : undefined);
      return client;
    });
    const publishing = await connectAll(publishers, async (index): Promise<Publisher> => {
      const client = await Client.connect(port, `pub-${index}`, { version, onRead });
      return { client, ring: this.#ring(index), window: this.#publisherWindow, next: 0, sent: 0 };
    });
    const isPaired = this.#plan.isPaired;
    const group = (publishers: Publisher[], subscribers: Client[]): Group => {
      const window = windowDeliveries / (isPaired ? publishing.length : 1);
      return { publishers, subscribers, window, turn: 0, sent: 0, lost: 0, seen: -1 };
    };
    const subscribersOf = (publisher: number) => listening.filter((_, index) => index % publishers === publisher);
    if (isPaired) this.#groups = publishing.map((publisher, index) => group([publisher], subscribersOf(index)));
    else this.#groups = [group(publishing, listening)];
  }

  get #publisherWindow(): number {
    const { publishers, qos, windowDeliveries, windowUnacknowledged } = this.#traffic;
    const share = windowDeliveries / Math.max(1, this.#plan.deliveriesPerPublish) / publishers;
    return Math.max(1, Math.floor(Math.min(share, qos > 0 ? windowUnacknowledged : Infinity)));
  }

  #ring(publisher: number): PublishRing {
    const { payloadBytes, qos, mqtt5 = false, windowUnacknowledged } = this.#traffic;
    const fitting = Math.floor(RING_BYTES / (payloadBytes + 64));
    return publishRing({
      topicNames: this.#plan.topicNames(publisher),
      payloadBytes,
      qos,
      version: mqtt5 ? 5 : 4,
      withProperties: mqtt5,
      count: Math.max(2 * windowUnacknowledged, Math.min(RING_FRAMES_MAX, fitting)),
    });
  }

  get #deliveries(): number {
    return this.#groups.reduce((sum, group) => sum + this.#deliveriesTo(group), 0);
  }

  get #lost(): number {
    return this.#groups.reduce((sum, group) => sum + group.lost, 0);
  }

  #deliveriesTo({ subscribers, publishers }: Group): number {
    let sum = 0;
    if (this.#plan.deliveriesPerPublish === 0)
      for (const { client } of publishers) sum += client.counter.acknowledgements;
    else for (const { counter } of subscribers) sum += counter.publishes;
    return sum;
  }

  #inFlight(group: Group): number {
    return group.sent * Math.max(1, this.#plan.deliveriesPerPublish) - this.#deliveriesTo(group) - group.lost;
  }

  /** Sends nothing more, waits for what is on its way, and counts what does not come. */
  async #stop(): Promise<void> {
    this.#running = false;
    const isDrained = () => this.#groups.every((group) => this.#inFlight(group) <= 0);
    for (let waitedMs = 0; waitedMs < DRAIN_MS && !isDrained(); waitedMs += 5) await sleep(5);
    for (const group of this.#groups) group.lost += this.#inFlight(group);
  }

  #watchForStalls(): void {
    for (const group of this.#groups) {
      const deliveries = this.#deliveriesTo(group);
      if (deliveries === group.seen) group.lost += this.#inFlight(group);
      group.seen = deliveries;
    }
    this.#pumpAll();
  }

  /** Once per turn of the event loop, after all sockets were read: few and large writes. */
  #pumpSoon(): void {
    if (this.#pumpIsDue || !this.#running) return;
    this.#pumpIsDue = true;
    setImmediate(() => {
      this.#pumpIsDue = false;
      this.#letMessagesCollect();
      this.#pumpAll();
    });
  }

  /**
   * A broker that writes each message by itself would wake this process for each, and then both were busy with waking
   * and being woken. A moment's pause, when a turn brought little, measures what the broker can do.
   */
  #letMessagesCollect(): void {
    const { windowDeliveries, windowUnacknowledged } = this.#traffic;
    if (windowDeliveries < DEEP_WINDOW || windowUnacknowledged === 1) return;
    const deliveries = this.#deliveries;
    if (deliveries - this.#deliveriesBefore < windowDeliveries * COLLECT_SHARE) Atomics.wait(pause, 0, 0, COLLECT_MS);
    this.#deliveriesBefore = deliveries;
  }

  #pumpAll(): void {
    if (this.#running) for (const group of this.#groups) this.#pump(group);
  }

  /** Publishes as much as the windows allow, in runs of at least half of a publisher's window. */
  #pump(group: Group): void {
    const { publishers, window } = group;
    let free = Math.floor((window - this.#inFlight(group)) / Math.max(1, this.#plan.deliveriesPerPublish));
    for (let tries = publishers.length; tries > 0; tries--) {
      const publisher = publishers[group.turn]!;
      const burst = Math.ceil(publisher.window / 2);
      if (free < burst) return;
      group.turn = (group.turn + 1) % publishers.length;
      const unacknowledged = publisher.sent - publisher.client.counter.acknowledgements;
      const allowed = this.#traffic.qos > 0 ? this.#traffic.windowUnacknowledged - unacknowledged : Infinity;
      const count = Math.min(free, publisher.window, allowed);
      if (count < burst) continue;
      free -= count;
      group.sent += count;
      this.#publish(publisher, count);
    }
  }

  #publish(publisher: Publisher, count: number): void {
    const { ring, client } = publisher;
    let left = count;
    if (publisher.sent === 0 && ring.prelude !== undefined) {
      client.write(ring.prelude);
      left--;
    }
    publisher.sent += count;
    while (left > 0) {
      const run = Math.min(left, ring.count - publisher.next);
      client.write(ring.bytes.subarray(publisher.next * ring.frameBytes, (publisher.next + run) * ring.frameBytes));
      publisher.next = (publisher.next + run) % ring.count;
      left -= run;
    }
  }
}
