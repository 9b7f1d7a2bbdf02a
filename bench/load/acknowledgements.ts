/**
 * Latency from when a message was due to be published to its PUBACK, at a fixed rate (open loop, as in latency.ts), where a client with a
 * lasting session subscribed to each topic: the broker has to keep what it acknowledges.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Measurement, Timing } from "../measurement.ts";
import type { Acknowledgements } from "../scenarios.ts";
import { Client, connectAll } from "./client.ts";
import { publishRing, type PublishRing } from "./frames.ts";
import { percentiles } from "./percentiles.ts";
import { between, sample, type Target, type Workload } from "./workload.ts";

const PAYLOAD_BYTES = 64;
const RING_FRAMES = 4096;
/** What a broker may leave unacknowledged; who is slower is sent less, which counts as waiting. */
const WINDOW = 500;
const DRAIN_MS = 5000;

const topicOf = (index: number) => `bench/kept/${index}`;

class Publisher {
  readonly #client: Client;
  readonly #ring: PublishRing;
  readonly #dueMs = new Float64Array(RING_FRAMES);
  sent = 0;
  acknowledged = 0;

  private constructor(client: Client, ring: PublishRing) {
    this.#client = client;
    this.#ring = ring;
  }

  /** @param onLatency told of each acknowledgement, in milliseconds */
  static async connect(port: number, index: number, onLatency: (ms: number) => void): Promise<Publisher> {
    let onRead = () => {};
    const client = await Client.connect(port, `pub-${index}`, { onRead: () => onRead() });
    const options = { topicNames: [topicOf(index)], payloadBytes: PAYLOAD_BYTES, qos: 1, version: 4 } as const;
    const publisher = new Publisher(client, publishRing({ ...options, withProperties: false, count: RING_FRAMES }));
    onRead = () => publisher.#read(onLatency);
    return publisher;
  }

  /** Sends what is due since `startMs`, one message each `stepMs`. */
  keepRate(startMs: number, stepMs: number, before: number): void {
    const due = Math.floor((performance.now() - startMs) / stepMs) - (this.sent - before);
    const at = this.sent % RING_FRAMES;
    const count = Math.min(due, WINDOW - (this.sent - this.acknowledged), RING_FRAMES - at);
    if (count <= 0) return;
    for (let index = 0; index < count; index++) {
      this.#dueMs[at + index] = startMs + (this.sent - before + index) * stepMs;
    }
    this.sent += count;
    const { bytes, frameBytes } = this.#ring;
    this.#client.write(bytes.subarray(at * frameBytes, (at + count) * frameBytes));
  }

  #read(onLatency: (ms: number) => void): void {
    const nowMs = performance.now();
    const { acknowledgements } = this.#client.counter;
    for (; this.acknowledged < acknowledgements; this.acknowledged++) {
      onLatency(nowMs - this.#dueMs[this.acknowledged % RING_FRAMES]!);
    }
  }
}

export class AcknowledgementLoop implements Workload {
  readonly #target: Target;
  readonly #work: Acknowledgements;
  #publishers: Publisher[] = [];
  #isSending = false;
  #isMeasuring = false;
  #latencies: number[] = [];

  private constructor(target: Target, work: Acknowledgements) {
    this.#target = target;
    this.#work = work;
  }

  static async create(target: Target, work: Acknowledgements): Promise<AcknowledgementLoop> {
    const loop = new AcknowledgementLoop(target, work);
    await connectAll(work.publishers, async (index) => {
      const subscriber = await Client.connect(target.port, `sub-${index}`, { lasting: true });
      await subscriber.subscribe([topicOf(index)], 1);
    });
    const onLatency = (ms: number) => {
      if (loop.#isMeasuring) loop.#latencies.push(ms * 1000);
    };
    loop.#publishers = await connectAll(work.publishers, (index) => Publisher.connect(target.port, index, onLatency));
    return loop;
  }

  async measure({ warmUpMs, measureMs }: Timing): Promise<Measurement> {
    this.#latencies = [];
    this.#isSending = true;
    const startMs = performance.now();
    const before = this.#publishers.map(({ sent }) => sent);
    this.#keepRate(startMs, before);
    await sleep(warmUpMs);
    this.#isMeasuring = true;
    const first = sample(this.#target, this.#acknowledged);
    await sleep(measureMs);
    const last = sample(this.#target, this.#acknowledged);
    this.#isMeasuring = false;
    this.#isSending = false;
    for (let waitedMs = 0; waitedMs < DRAIN_MS && this.#missing > 0; waitedMs += 5) await sleep(5);
    return { ...between(first, last, this.#target), lost: this.#missing, ...percentiles(this.#latencies) };
  }

  get #acknowledged(): number {
    return this.#publishers.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  }

  get #missing(): number {
    return this.#publishers.reduce((sum, { sent, acknowledged }) => sum + sent - acknowledged, 0);
  }

  #keepRate(startMs: number, before: readonly number[]): void {
    if (!this.#isSending) return;
    const { rate, publishers } = this.#work;
    const stepMs = (1000 * publishers) / rate;
    for (const [index, publisher] of this.#publishers.entries()) {
      publisher.keepRate(startMs + (index * 1000) / rate, stepMs, before[index]!);
    }
    setImmediate(() => this.#keepRate(startMs, before));
  }
}
