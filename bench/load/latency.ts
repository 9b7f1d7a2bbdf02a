/**
 * Latency from when a message was due to be sent to its arrival. With a fixed rate (open loop) a message that is sent late,
 * because the broker held up the ones before it, counts from when it was due: waiting is not left out of the figures
 * (coordinated omission). The generator does not sleep meanwhile: timers have a resolution of 1 ms.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Measurement, Timing } from "../measurement.ts";
import type { Latency } from "../scenarios.ts";
import { Client } from "./client.ts";
import { publishRing, type PublishRing } from "./frames.ts";
import { percentiles } from "./percentiles.ts";
import { between, sample, type Target, type Workload } from "./workload.ts";

const PAYLOAD_BYTES = 64;
const STAMP_BYTES = 8;
const RING_FRAMES = 4096;
const DRAIN_MS = 2000;

export class LatencyLoop implements Workload {
  readonly #target: Target;
  readonly #rate: number;
  readonly #ring: PublishRing;
  #publisher!: Client;
  #subscriber!: Client;
  #sent = 0;
  #isSending = false;
  #isMeasuring = false;
  #latencies: number[] = [];

  private constructor(target: Target, { rate }: Latency) {
    this.#target = target;
    this.#rate = rate;
    const options = { topicNames: ["bench/latency"], payloadBytes: PAYLOAD_BYTES, qos: 0, version: 4 } as const;
    this.#ring = publishRing({ ...options, withProperties: false, count: RING_FRAMES });
  }

  static async create(target: Target, latency: Latency): Promise<LatencyLoop> {
    const loop = new LatencyLoop(target, latency);
    loop.#subscriber = await Client.connect(target.port, "sub");
    await loop.#subscriber.subscribe(["bench/latency"], 0);
    // Ping-pong is played by one client with itself.
    loop.#publisher = latency.rate === 0 ? loop.#subscriber : await Client.connect(target.port, "pub");
    loop.#subscriber.counter.onPublish = (bytes, end) => loop.#arrived(bytes.readDoubleLE(end - STAMP_BYTES));
    return loop;
  }

  async measure({ warmUpMs, measureMs }: Timing): Promise<Measurement> {
    const { counter } = this.#subscriber;
    const lostBefore = this.#sent - counter.publishes;
    this.#latencies = [];
    this.#isSending = true;
    if (this.#rate === 0) this.#send(performance.now(), 1);
    else this.#keepRate(performance.now(), 0);
    await sleep(warmUpMs);
    this.#isMeasuring = true;
    const before = sample(this.#target, counter.publishes);
    await sleep(measureMs);
    const after = sample(this.#target, counter.publishes);
    this.#isMeasuring = false;
    this.#isSending = false;
    for (let waitedMs = 0; waitedMs < DRAIN_MS && counter.publishes < this.#sent; waitedMs += 5) await sleep(5);
    return {
      ...between(before, after, this.#target),
      lost: this.#sent - counter.publishes - lostBefore,
      ...percentiles(this.#latencies),
    };
  }

  #arrived(dueMs: number): void {
    const nowMs = performance.now();
    if (this.#isMeasuring) this.#latencies.push((nowMs - dueMs) * 1000);
    if (this.#rate === 0 && this.#isSending) this.#send(nowMs, 1);
  }

  #keepRate(startMs: number, sent: number): void {
    if (!this.#isSending) return;
    const due = Math.floor(((performance.now() - startMs) / 1000) * this.#rate) - sent;
    const count = Math.min(due, RING_FRAMES / 2);
    if (count > 0) this.#send(startMs + (sent / this.#rate) * 1000, count);
    setImmediate(() => this.#keepRate(startMs, sent + Math.max(0, count)));
  }

  /** @param dueMs when the first of them was due */
  #send(dueMs: number, count: number): void {
    const { bytes, frameBytes } = this.#ring;
    const at = this.#sent % RING_FRAMES;
    const run = Math.min(count, RING_FRAMES - at);
    const stepMs = this.#rate === 0 ? 0 : 1000 / this.#rate;
    for (let index = 0; index < run; index++) {
      bytes.writeDoubleLE(dueMs + index * stepMs, (at + index + 1) * frameBytes - STAMP_BYTES);
    }
    this.#sent += run;
    this.#publisher.write(bytes.subarray(at * frameBytes, (at + run) * frameBytes));
    if (run < count) this.#send(dueMs + run * stepMs, count - run);
  }
}
