/** One call of `writeDataPoint`, as it is kept. */
export interface Point {
  /** UNIX seconds. */
  readonly timestamp: number;
  readonly index: string;
  /** At most 20. */
  readonly blobs: readonly string[];
  /** At most 20. */
  readonly doubles: readonly number[];
}

export const BLOBS_MAX = 20;
export const DOUBLES_MAX = 20;
