/** How commands end that watch something: after so many, after some time, or when the user has seen enough. */
import type { CommandContext } from "./context.ts";
import { InterruptedError } from "./errors.ts";

/** The reason with which such a command ends by itself, as intended. */
class Finished extends Error {}

export interface Lifetime {
  /** Aborted when it is over, for whatever reason. */
  readonly signal: AbortSignal;
  /** Ends it as a success. */
  finish(): void;
}

export interface LifetimeOptions {
  /** Ends it after so long, with the error that `timedOut` makes; as a success where there is none. */
  waitMs: number | undefined;
  timedOut: (() => Error) | undefined;
  /** True if it would end by itself, so that Ctrl-C interrupts something: exit code 130 instead of 0. */
  bounded: boolean;
}

/** Runs the task until it ends or its lifetime is over; then with the reason for that. */
export async function live(
  context: CommandContext,
  { waitMs, timedOut, bounded }: LifetimeOptions,
  task: (lifetime: Lifetime) => Promise<void>,
): Promise<void> {
  const ending = new AbortController();
  const abort = () => ending.abort(context.signal.reason);
  if (context.signal.aborted) abort();
  context.signal.addEventListener("abort", abort, { once: true });
  const timer =
    waitMs === undefined ? undefined : setTimeout(() => ending.abort(timedOut?.() ?? new Finished()), waitMs);
  try {
    await task({ signal: ending.signal, finish: () => ending.abort(new Finished()) });
  } catch (error) {
    const reason: unknown = ending.signal.aborted ? ending.signal.reason : error;
    if (reason instanceof Finished || (reason instanceof InterruptedError && !bounded)) return;
    throw reason;
  } finally {
    clearTimeout(timer);
    context.signal.removeEventListener("abort", abort);
  }
}
