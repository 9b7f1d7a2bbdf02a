/** What was lost and may come back: how long to wait, and for what. */
import { UserError } from "../errors.ts";

/** How often a server that was lost may refuse us, with pauses that grow, before that is its answer. */
const REFUSALS_WHILE_STARTING_MAX = 5;

/** The pause before attempt number `attempt` (0, 1, …) to connect again: 0.25 s, doubling up to 5 s. */
export function retryDelayMs(attempt: number): number {
  return Math.min(250 * 2 ** attempt, 5_000);
}

/** A server that is just starting is not there, or not yet known with its new token and brokers. */
export function mayComeBack(error: unknown, attempt: number): boolean {
  const isAway = error instanceof UserError && ["server-not-running", "connection-lost"].includes(error.code);
  return isAway || attempt < REFUSALS_WHILE_STARTING_MAX;
}
