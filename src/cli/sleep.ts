import { setTimeout as delay } from "node:timers/promises";

/** Waits; ends early, with the signal's reason, where it aborts. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch {
    signal.throwIfAborted();
  }
}
