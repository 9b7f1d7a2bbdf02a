/** What is measured, as data. */

export interface Scenario {
  readonly name: string;
  readonly publishers: number;
  readonly subscribers: number;
  /** `one`: everybody on one topic. `own`: publisher and subscriber number i on topic number i. */
  readonly topics: "one" | "own";
  readonly qos: 0 | 1;
  readonly payloadBytes: number;
  /** Deliveries that may be on their way at any time, over all subscribers. */
  readonly windowDeliveries: number;
  /** Publishes of one publisher that may wait for PUBACK. */
  readonly windowUnacknowledged: number;
}

const common = { payloadBytes: 64, windowDeliveries: 2000, windowUnacknowledged: 100 } as const;
const fanOut = { ...common, publishers: 1, subscribers: 10, topics: "one" } as const;
const fanIn = { ...common, publishers: 10, subscribers: 1, topics: "one" } as const;
const pairs = { ...common, publishers: 10, subscribers: 10, topics: "own" } as const;

export const scenarios: readonly Scenario[] = [
  { name: "fan-out-10-qos0", ...fanOut, qos: 0 },
  { name: "fan-out-10-qos1", ...fanOut, qos: 1 },
  { name: "fan-in-10-qos0", ...fanIn, qos: 0 },
  { name: "fan-in-10-qos1", ...fanIn, qos: 1 },
  { name: "pairs-10-qos0", ...pairs, qos: 0 },
  { name: "pairs-10-qos1", ...pairs, qos: 1 },
];
