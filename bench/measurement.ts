/** One round of one scenario against one broker. What a scenario does not tell is left out. */
export interface Measurement {
  /** Deliveries, or connections, per second. */
  readonly perSecond?: number;
  /** CPU seconds of the broker per million of them. */
  readonly cpuPerMillion?: number;
  /** The same of the load generator. */
  readonly generatorCpuPerMillion?: number;
  /** Share of a core that the broker and that the generator used: who was the bottleneck? */
  readonly brokerCore?: number;
  readonly generatorCore?: number;
  /** Deliveries that never came. */
  readonly lost?: number;
  /** Memory of the broker in RAM at the end. */
  readonly memoryBytes?: number;
  /** The most that it ever had there. */
  readonly peakBytes?: number;
  readonly bytesPerConnection?: number;
  /** Latency in µs. */
  readonly p50?: number;
  readonly p99?: number;
  readonly p999?: number;
  /** Time for the whole. */
  readonly ms?: number;
  /** CPU seconds of the broker for the whole. */
  readonly cpuSeconds?: number;
}

export type Metric = keyof Measurement;

/** What one process is asked to measure. */
export interface Timing {
  readonly warmUpMs: number;
  readonly measureMs: number;
}
