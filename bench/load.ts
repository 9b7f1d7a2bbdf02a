/**
 * The load generator, a process of its own: connects, runs one scenario in a closed loop and prints one JSON line.
 *
 *   node load.mjs '{"port":1883,"pid":4711,"scenario":{…},"warmUpMs":1000,"measureMs":2000}'
 */
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { cpuSeconds } from "./cpu.ts";
import { connectFrame, FrameCounter, publishRing, subscribeFrame, type PublishRing } from "./frames.ts";
import type { Scenario } from "./scenarios.ts";

export interface Job {
  readonly port: number;
  /** Process of the broker. */
  readonly pid: number;
  readonly scenario: Scenario;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

export interface Measurement {
  readonly deliveriesPerSecond: number;
  /** CPU seconds of the broker per million deliveries. */
  readonly cpuPerMillion: number;
  /** Share of a core that the broker and that the generator used: who was the bottleneck? */
  readonly brokerCore: number;
  readonly generatorCore: number;
  /** Deliveries that never came. */
  readonly lost: number;
}

/** More frames than can wait for PUBACK, so that a packet id is free when its turn comes again. */
const RING_FRAMES = 4096;
const HANDSHAKE_TIMEOUT_MS = 5000;
/** A closed loop whose messages were dropped stands still; after this long the missing ones count as lost. */
const STALL_MS = 250;
/** A turn of the event loop that brought less than this share of the window is followed by a pause of this length. */
const COLLECT_SHARE = 0.1;
const COLLECT_MS = 0.1;
const pause = new Int32Array(new SharedArrayBuffer(4));

interface Connection {
  readonly socket: net.Socket;
  readonly counter: FrameCounter;
}

interface Publisher extends Connection {
  readonly ring: PublishRing;
  next: number;
  sent: number;
}

class Load {
  readonly #scenario: Scenario;
  readonly #subscribers: Connection[] = [];
  readonly #publishers: Publisher[] = [];
  readonly #deliveriesPerPublish: number;
  readonly #inFlightMax: number;
  #sent = 0;
  lost = 0;
  #pumpIsDue = false;
  #stopped = false;
  #deliveriesBefore = 0;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.#deliveriesPerPublish = scenario.topics === "one" ? scenario.subscribers : 1;
    const unacknowledged = scenario.qos ? scenario.publishers * scenario.windowUnacknowledged : Infinity;
    this.#inFlightMax = Math.min(scenario.windowDeliveries, unacknowledged * this.#deliveriesPerPublish);
  }

  async connect(port: number): Promise<void> {
    const scenario = this.#scenario;
    for (let index = 0; index < scenario.subscribers; index++) {
      const connection = await this.#open(port, `sub-${index}`);
      connection.socket.write(subscribeFrame(this.#topic(index), scenario.qos));
      await handshake(connection, 2);
      this.#subscribers.push(connection);
    }
    for (let index = 0; index < scenario.publishers; index++) {
      const connection = await this.#open(port, `pub-${index}`);
      const ring = publishRing(this.#topic(index), scenario.payloadBytes, scenario.qos, RING_FRAMES);
      this.#publishers.push({ ...connection, ring, next: 0, sent: 0 });
    }
  }

  start(): void {
    this.#pump();
    let seen = -1;
    setInterval(() => {
      if (seen === this.deliveries && !this.#stopped) {
        this.lost = this.#expected - this.deliveries;
        this.#pump();
      }
      seen = this.deliveries;
    }, STALL_MS).unref();
  }

  /** Sends nothing more, and waits for what is on its way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (let waitedMs = 0; waitedMs < 2000 && this.deliveries < this.#expected; waitedMs += 10) await sleep(10);
    this.lost = this.#expected - this.deliveries;
  }

  get deliveries(): number {
    let sum = 0;
    for (const { counter } of this.#subscribers) sum += counter.publishes;
    return sum;
  }

  get #expected(): number {
    return this.#sent * this.#deliveriesPerPublish;
  }

  #topic(index: number): string {
    return this.#scenario.topics === "one" ? "bench/topic" : `bench/topic/${index}`;
  }

  async #open(port: number, clientId: string): Promise<Connection> {
    const counter = new FrameCounter();
    const socket = net.connect({
      port,
      host: "127.0.0.1",
      noDelay: true,
      onread: {
        buffer: counter.chunk,
        callback: (length) => {
          counter.read(length);
          const answers = counter.takeAnswers();
          if (answers) socket.write(answers);
          this.#pumpSoon();
          return true;
        },
      },
    });
    socket.on("error", fail);
    socket.on("close", () => fail(new Error(`the broker closed the connection of ${clientId}`)));
    socket.write(connectFrame(clientId));
    const connection = { socket, counter };
    await handshake(connection, 1);
    return connection;
  }

  /** Once per turn of the event loop, after all sockets were read: few and large writes. */
  #pumpSoon(): void {
    if (this.#pumpIsDue) return;
    this.#pumpIsDue = true;
    setImmediate(() => {
      this.#pumpIsDue = false;
      this.#letMessagesCollect();
      this.#pump();
    });
  }

  /**
   * A broker that writes each message by itself would wake this process for each, and then both were busy with waking
   * and being woken. A moment's pause, when a turn brought little, measures what the broker can do.
   */
  #letMessagesCollect(): void {
    const deliveries = this.deliveries;
    if (deliveries - this.#deliveriesBefore < this.#inFlightMax * COLLECT_SHARE) Atomics.wait(pause, 0, 0, COLLECT_MS);
    this.#deliveriesBefore = deliveries;
  }

  /** Publishes as much as the windows allow, divided evenly among the publishers. */
  #pump(): void {
    if (this.#stopped) return;
    const { windowDeliveries, windowUnacknowledged, qos } = this.#scenario;
    const inFlight = this.#expected - this.deliveries - this.lost;
    const free = Math.floor((windowDeliveries - inFlight) / this.#deliveriesPerPublish / this.#publishers.length);
    for (const publisher of this.#publishers) {
      const unacknowledged = publisher.sent - publisher.counter.pubacks;
      const count = qos ? Math.min(free, windowUnacknowledged - unacknowledged) : free;
      if (count > 0) this.#publish(publisher, count);
    }
  }

  #publish(publisher: Publisher, count: number): void {
    const { ring, socket } = publisher;
    publisher.sent += count;
    this.#sent += count;
    for (let left = count; left > 0;) {
      const run = Math.min(left, ring.count - publisher.next);
      socket.write(ring.bytes.subarray(publisher.next * ring.frameBytes, (publisher.next + run) * ring.frameBytes));
      publisher.next = (publisher.next + run) % ring.count;
      left -= run;
    }
  }
}

async function handshake({ counter }: Connection, answers: number): Promise<void> {
  for (let waitedMs = 0; counter.others < answers; waitedMs++) {
    if (waitedMs > HANDSHAKE_TIMEOUT_MS) throw new Error("the broker did not answer CONNECT or SUBSCRIBE");
    await sleep(1);
  }
}

function fail(error: Error): never {
  console.error(`load: ${error.message}`);
  process.exit(1);
}

async function run(job: Job): Promise<Measurement> {
  const load = new Load(job.scenario);
  await load.connect(job.port);
  load.start();
  await sleep(job.warmUpMs);
  const before = sample(load, job.pid);
  await sleep(job.measureMs);
  const after = sample(load, job.pid);
  await load.stop();

  const seconds = (after.atMs - before.atMs) / 1000;
  const deliveries = after.deliveries - before.deliveries;
  const brokerSeconds = after.brokerSeconds - before.brokerSeconds;
  return {
    deliveriesPerSecond: deliveries / seconds,
    cpuPerMillion: (brokerSeconds / deliveries) * 1e6,
    brokerCore: brokerSeconds / seconds,
    generatorCore: (after.generatorSeconds - before.generatorSeconds) / seconds,
    lost: load.lost,
  };
}

function sample(load: Load, pid: number) {
  return {
    atMs: performance.now(),
    deliveries: load.deliveries,
    brokerSeconds: cpuSeconds(pid),
    generatorSeconds: cpuSeconds(process.pid),
  };
}

try {
  const measurement = await run(JSON.parse(process.argv[2] ?? "{}") as Job);
  process.stdout.write(`${JSON.stringify(measurement)}\n`, () => process.exit(0));
} catch (error) {
  fail(error as Error);
}
