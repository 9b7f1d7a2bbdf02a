/** What the project wants to reach, as ratios to its peers in the same run. */
import type { Metric } from "./measurement.ts";

export interface Goal {
  readonly scenario: string;
  readonly metric: Metric;
  /** `atLeast`: more is better. */
  readonly sense: "atLeast" | "atMost";
  readonly mosquitto?: number;
  readonly nats?: number;
  readonly aedes?: number;
  /** Whose figure it is, where it is not simply our broker's. */
  readonly subject?: string;
  /** Against the time of a Node that does nothing. */
  readonly node?: number;
  /** For our own figure, whatever the others have. */
  readonly absolute?: number;
}

const rate = (scenario: string, mosquitto: number, aedes: number, nats?: number): Goal => ({
  scenario,
  metric: "perSecond",
  sense: "atLeast",
  mosquitto,
  aedes,
  ...(nats !== undefined && { nats }),
});

export const goals: readonly Goal[] = [
  rate("fan-out-10", 15, 50, 2.5),
  rate("fan-out-100", 15, 50, 2.5),
  rate("fan-out-100-deep", 15, 50, 2.5),
  rate("fan-in-10", 15, 30, 2.5),
  rate("fan-in-100", 15, 30, 2.5),
  rate("fan-in-100-deep", 15, 30, 2.5),
  rate("pairs-qos0", 20, 30, 3),
  rate("pairs-qos1", 12, 20, 25),
  rate("pairs-qos2", 15, 25),
  // A cluster in the field is proud of a million messages in and three million out.
  { scenario: "one-to-three", metric: "perSecond", sense: "atLeast", absolute: 3_000_000 },
  rate("fan-out-10-4k", 4, 5, 4),
  rate("wildcards-1000", 5, 8, 2),
  rate("wildcards-10000", 5, 8, 2),
  { scenario: "retained-10k", metric: "ms", sense: "atMost", mosquitto: 0.2, nats: 1, aedes: 0.1 },
  { scenario: "fan-out-10", metric: "cpuPerMillion", sense: "atMost", mosquitto: 0.07, nats: 0.4, aedes: 0.02 },
  { scenario: "pairs-qos0", metric: "cpuPerMillion", sense: "atMost", mosquitto: 0.07, nats: 0.4, aedes: 0.02 },
  rate("shallow-10", 0.8, 1.3, 0.9),
  rate("shallow-qos1", 0.95, 2, 0.9),
  { scenario: "ping-pong", metric: "p50", sense: "atMost", mosquitto: 1.1, nats: 1.1, aedes: 0.9 },
  rate("connects", 3, 4, 1.5),
  { scenario: "idle", metric: "bytesPerConnection", sense: "atMost", nats: 0.4, aedes: 0.45, absolute: 10_240 },
  { scenario: "startup", metric: "ms", sense: "atMost", subject: "pubsub-cli + disk", node: 3 },
  { scenario: "recovery-queued", metric: "cpuSeconds", sense: "atMost", subject: "pubsub-cli + disk", absolute: 3 },
  { scenario: "recovery-retained", metric: "cpuSeconds", sense: "atMost", subject: "pubsub-cli + disk", absolute: 3 },
  { scenario: "commands", metric: "ms", sense: "atMost", subject: "pubsub --version", node: 1.3 },
  { scenario: "commands", metric: "ms", sense: "atMost", subject: "pubsub pub", node: 3 },
];
