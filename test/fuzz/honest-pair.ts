import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Publish, QoS } from "../../src/codec/index.ts";
import { HonestClient } from "./honest-client.ts";
import { Violation } from "./violation.ts";

const EVERY_MS = 30;
export const LATENCY_MS_MAX = 2_000;

interface Flow {
  readonly qos: QoS;
  sent: number;
  received: number;
  /** When each message that is under way was sent, the oldest first. */
  readonly sentAt: number[];
}

/** A publisher and a subscriber that have nothing to do with anyone else: every message must arrive, in order, once, soon. */
export class HonestPair {
  latencyMsMax = 0;
  readonly #prefix = `honest-${randomBytes(8).toString("hex")}`;
  readonly #flows: readonly Flow[] = ([0, 1, 2] as const).map((qos) => ({ qos, sent: 0, received: 0, sentAt: [] }));
  readonly #onViolation: (violation: Violation) => void;
  #publisher!: HonestClient;
  #subscriber!: HonestClient;
  #timer: NodeJS.Timeout | undefined;
  #lastTickAt = 0;
  /** How late our own timer was lately: that is not the server's doing. */
  #ownLagMs = 0;

  constructor(onViolation: (violation: Violation) => void) {
    this.#onViolation = onViolation;
  }

  get messages(): number {
    return this.#flows.reduce((sum, { received }) => sum + received, 0);
  }

  async start(port: number): Promise<void> {
    this.#subscriber = await HonestClient.connect(port, 5, { clientId: `${this.#prefix}-sub` });
    this.#publisher = await HonestClient.connect(port, 4, { clientId: `${this.#prefix}-pub` });
    this.#subscriber.onPublish = (packet) => this.#receive(packet);
    for (const client of [this.#subscriber, this.#publisher]) client.onFailure = this.#onViolation;
    await this.#subscriber.subscribe(`${this.#prefix}/#`);
    this.go();
  }

  go(): void {
    this.#lastTickAt = performance.now();
    this.#timer = setInterval(() => this.#tick(), EVERY_MS);
  }

  /** Sends no more, and waits until all has arrived. */
  async pause(): Promise<void> {
    clearInterval(this.#timer);
    const dueAt = performance.now() + LATENCY_MS_MAX;
    while (this.#flows.some(({ sent, received }) => received < sent) || this.#publisher.unacknowledged > 0) {
      if (performance.now() > dueAt) {
        this.#onViolation(new Violation(`an honest message is lost, or not acknowledged: ${this.#describe()}`));
        return;
      }
      await sleep(20);
    }
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#publisher?.close();
    this.#subscriber?.close();
  }

  #tick(): void {
    const now = performance.now();
    this.#ownLagMs = Math.max(this.#ownLagMs * 0.95, now - this.#lastTickAt - EVERY_MS);
    this.#lastTickAt = now;
    for (const flow of this.#flows) {
      const oldest = flow.sentAt[0];
      if (oldest !== undefined && now - oldest > LATENCY_MS_MAX + 2 * this.#ownLagMs) {
        this.#onViolation(
          new Violation(
            `an honest message of QoS ${flow.qos} has not arrived in ${Math.round(now - oldest)} ms (our own timers are ${Math.round(this.#ownLagMs)} ms late): ${this.#describe()}`,
          ),
        );
        return;
      }
      flow.sentAt.push(now);
      this.#publisher.publish(`${this.#prefix}/${flow.qos}`, Buffer.from(String(flow.sent++)), flow.qos);
    }
  }

  #receive({ topic, payload, retain }: Publish): void {
    const flow = this.#flows.find(({ qos }) => topic === `${this.#prefix}/${qos}`);
    if (flow === undefined) {
      this.#onViolation(
        new Violation(`an honest subscriber got a message that is not for it: ${JSON.stringify(topic)}`),
      );
      return;
    }
    const expected = flow.received++;
    if (retain || payload.toString() !== String(expected)) {
      const got = payload.subarray(0, 40).toString();
      this.#onViolation(
        new Violation(
          `message ${expected} of QoS ${flow.qos} is due for an honest subscriber, not ${JSON.stringify(got)}`,
        ),
      );
      return;
    }
    const latencyMs = performance.now() - flow.sentAt.shift()!;
    this.latencyMsMax = Math.max(this.latencyMsMax, latencyMs);
  }

  #describe(): string {
    return this.#flows.map(({ qos, sent, received }) => `QoS ${qos}: ${received} of ${sent}`).join(", ");
  }
}
