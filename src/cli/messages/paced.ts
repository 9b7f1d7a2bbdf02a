/** Recorded messages at the pace at which they came, or another one. */
import type { Messages } from "./publish-source.ts";
import type { RecordedMessage } from "./recording.ts";

export interface Pace {
  /** 2 is twice as fast; Infinity waits for nothing. */
  speed: number;
  /** Pauses of the recording are not longer than this, before they are made faster. */
  maxGapMs: number;
}

export interface PaceClock {
  /** Milliseconds; never goes back. */
  now(): number;
  /** @throws where it is to end */
  sleep(ms: number): Promise<void>;
}

/**
 * Yields each message when its time has come, together with what is due by then. Those without a time, or with one that
 * lies before the last one's, follow at once.
 */
export async function* paced(
  recording: AsyncIterable<RecordedMessage[]>,
  { speed, maxGapMs }: Pace,
  clock: PaceClock,
): Messages {
  let dueAt = clock.now();
  let lastMs: number | undefined;
  for await (const group of recording) {
    let ready: RecordedMessage[] = [];
    for (const message of group) {
      const { atMs } = message;
      if (atMs !== undefined) {
        dueAt += Math.min(Math.max(0, atMs - (lastMs ?? atMs)), maxGapMs) / speed;
        lastMs = Math.max(atMs, lastMs ?? atMs);
      }
      // A timer may be early by a fraction of a millisecond, and is never more exact than one.
      if (dueAt - clock.now() >= 1) {
        if (ready.length > 0) yield ready;
        ready = [];
        await clock.sleep(dueAt - clock.now());
      }
      ready.push(message);
    }
    yield ready;
  }
}
