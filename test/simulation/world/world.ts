import { Broker, type BrokerEvent, type Limits } from "../../../src/broker/index.ts";
import { MapJournal } from "../../broker/map-journal.ts";
import { Model } from "../model/model.ts";
import { type Peer, describe } from "../model/state.ts";
import { Random } from "../random.ts";
import { Schedule } from "../schedule.ts";
import { type Feature, type Settings, drawSettings } from "../settings.ts";
import { Trace } from "../trace.ts";
import { fail } from "../violation.ts";
import { Device } from "./device.ts";
import { checkRestorable } from "./durability.ts";
import { Link, type Receiver } from "./link.ts";
import { operate } from "./operator.ts";
import { SimulatedAuthenticator, SimulatedHooks } from "./ports.ts";

const START_MS = 1_700_000_000_000;

/** Inputs between two comparisons of all that broker and model have. */
const COMPARE_EVERY = 20;
/** Inputs between two brokers that are restored to see what they are like. */
const RESTORE_EVERY = 50;

/** One run: a broker, its model, the clients around it, and the time. */
export class World {
  readonly random: Random;
  readonly settings: Settings;
  readonly trace = new Trace();
  readonly model: Model;
  broker: Broker;
  journal = new MapJournal();
  readonly hooks: SimulatedHooks;
  readonly devices: Device[] = [];
  now = START_MS;
  /** Nothing goes wrong any more: the end of the run, in which everything must come right. */
  isCalm = false;
  /** Events so far. */
  step = 0;
  /**
   * The broker's process dies soon, and nothing that it does until then is committed. Since output waits for that, nobody
   * will ever know: the model is not told, and nothing leaves.
   */
  isDoomed = false;
  /** What the broker does is written, but nobody is told yet: it may be that the process dies before. */
  isStalled = false;
  /** How many processes there were. */
  lifetime = 1;
  /** What the next process finds; undefined where that is everything. */
  #committed: MapJournal | undefined;
  readonly #schedule = new Schedule(START_MS);
  readonly #open = new Set<Link>();
  /** Links with output that waits for the commit. */
  readonly #holding = new Set<Link>();
  readonly #resumed: Link[] = [];
  #links = 0;
  #inputs = 0;
  #clientIds = 0;

  constructor(seed: number, without: ReadonlySet<Feature>) {
    this.random = new Random(seed);
    this.settings = drawSettings(seed, this.random, without);
    const { limits, features, devices } = this.settings;
    this.model = new Model(limits, () => `assigned-${this.#clientIds + 1}`);
    this.broker = this.#newBroker(limits);
    this.hooks = new SimulatedHooks(this);
    this.#setHooks(features.has("hooks"));
    this.#changeHooksLater();
    this.trace.add(`seed ${seed}: ${JSON.stringify({ ...this.settings, features: [...features] })}`);
    for (let i = 0; i < devices; i++) this.devices.push(new Device(this, `device-${i}`));
    for (const device of this.devices) device.thinkLater();
    operate(this);
  }

  #newBroker(limits: Limits): Broker {
    const broker = new Broker({
      limits,
      journal: this.journal,
      random: { clientId: () => `assigned-${++this.#clientIds}` },
      authenticator: new SimulatedAuthenticator(this),
    });
    broker.observer = (event) => this.#observed(event);
    return broker;
  }

  // ---- processes that die

  /** From now on nothing is committed. */
  doom(): void {
    this.trace.add("nothing is committed any more");
    this.#committed = new MapJournal(this.journal.records);
    this.isDoomed = true;
  }

  /** From now on output waits. */
  stall(): void {
    this.trace.add("commits are slow");
    this.isStalled = true;
  }

  /** What waits may leave. */
  commit(): void {
    if (this.isDoomed) return;
    this.trace.add("everything is committed");
    this.isStalled = false;
    for (const link of this.#holding) link.letGo();
    this.#holding.clear();
  }

  /** The process dies, and the next one starts with what was committed. */
  crash(): void {
    const committed = this.#committed ?? this.journal;
    this.#committed = undefined;
    this.isDoomed = false;
    this.isStalled = false;
    this.#holding.clear();
    for (const link of this.#open) link.die();
    this.input(
      "crash",
      () => this.model.restart(this.now),
      () => this.startAnew(committed),
    );
  }

  /** The next process starts. */
  startAnew(journal: MapJournal): void {
    const before = this.broker;
    this.lifetime++;
    this.journal = new MapJournal(journal.records);
    this.broker = this.#newBroker(before.limits);
    // To the model, they are the names of messages in all processes.
    this.broker.passMessageId(before.nextMessageId());
    this.broker.hooks = before.hooks;
    this.broker.restore(this.journal.kept, this.now);
    this.broker.advance(this.now);
  }

  // ---- time

  at(atMs: number, run: () => void): void {
    this.#schedule.at(atMs, run);
  }

  later(delayMs: number, run: () => void): void {
    this.#schedule.at(this.now + delayMs, run);
  }

  /** How long the network takes. */
  drawDelayMs(): number {
    return this.random.below(this.isCalm ? 5 : this.settings.delayMsMax + 1);
  }

  /** One event. @returns false if nothing is left to happen */
  runStep(): boolean {
    const { nextMs } = this.#schedule;
    if (nextMs === Infinity) return false;
    this.#passTime(nextMs);
    const { atMs, run } = this.#schedule.shift()!;
    this.now = atMs;
    this.step++;
    run();
    while (this.#resumed.length > 0) this.#resumed.shift()!.handlePackets();
    for (const link of this.#open) if (link.isClosed) this.#open.delete(link);
    return true;
  }

  /** Lets everything happen that is under way. */
  runAll(): void {
    for (let left = 100_000; this.runStep(); left--) if (left === 0) fail("livelock", "it does not come to an end");
  }

  #passTime(untilMs: number): void {
    for (;;) {
      const dueMs = Math.min(this.broker.nextDeadline(), this.isDoomed ? Infinity : this.model.nextDueMs());
      if (dueMs > untilMs) return;
      this.now = this.#schedule.tick(dueMs);
      this.input(
        "time passes",
        () => this.model.advance(this.now),
        () => this.broker.advance(this.now),
      );
      if (this.broker.nextDeadline() <= this.now) fail("deadline", "it is still due after advance");
    }
  }

  // ---- inputs and outputs of the broker

  /** Tells the model, then the broker, of an input, and sees that everything was done. */
  input(line: string, forModel: (() => void) | undefined, forBroker: () => void): void {
    this.trace.add(`${(this.now - START_MS).toFixed(3)} ${line}`);
    if (this.isDoomed) {
      forBroker();
      return;
    }
    forModel?.();
    forBroker();
    const peers: Peer[] = [];
    for (const { peer } of this.#open) if (peer !== undefined) peers.push(peer);
    this.model.settle(this.broker, peers);
    this.#inputs++;
    if (this.#inputs % COMPARE_EVERY === 0) this.model.compare(this.broker);
    if (this.#inputs % RESTORE_EVERY === 0) checkRestorable(this.broker, this.journal, this.now);
  }

  /** The link has output that waits for the commit. */
  noteHolding(link: Link): void {
    this.#holding.add(link);
  }

  /** The broker reads again from the link, once the present input is over. */
  handleLater(link: Link): void {
    this.#resumed.push(link);
  }

  openLink(receiver: Receiver): Link {
    const link = new Link(this, ++this.#links, receiver);
    this.#open.add(link);
    return link;
  }

  #observed(event: BrokerEvent): void {
    if (this.isDoomed) return;
    if (event.type === "drop" || event.type === "expire") {
      const reason = event.type === "drop" ? event.reason : "expired";
      this.trace.add(`  drop for ${event.clientId}: ${describe(event.message)} ${reason}`);
    }
    this.model.observed(event, this.broker, this.now);
  }

  // ---- hooks come and go

  #setHooks(hasHooks: boolean): void {
    this.trace.add(hasHooks ? "hooks on" : "hooks off");
    this.broker.hooks = hasHooks ? this.hooks : undefined;
    this.model.setHooks(hasHooks);
  }

  #changeHooksLater(): void {
    if (!this.settings.features.has("hooks")) return;
    this.later(this.random.between(1000, 30_000), () => {
      if (this.isCalm) return;
      this.#setHooks(this.random.chance(0.7));
      this.#changeHooksLater();
    });
  }
}
