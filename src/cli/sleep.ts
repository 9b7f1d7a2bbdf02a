import { setTimeout as delay } from "node:timers/promises";

/** Waits; ends early, with the signal's reason, where it aborts. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch {
    signal.throwIfAborted();
  }
}

/** The pause before attempt number `attempt` (0, 1, …) to connect again: 0.25 s, doubling up to 5 s. */
export function retryDelayMs(attempt: number): number {
  return Math.min(250 * 2 ** attempt, 5_000);
}
