/** What a hook is: the code that sees each message between its publisher and its subscribers. */
import type { ConsoleLine, Message, Verdict } from "../broker/ports.ts";

/** What a hook decided about a batch. */
export interface HookAnswer {
  /** One for each message of the batch, in its order. */
  readonly verdicts: readonly Verdict[];
  /** HTTP status of the answer, where there was one. */
  readonly status?: number;
  /** What it said meanwhile, where that is known. */
  readonly console?: readonly ConsoleLine[];
  /** How often it was asked, where that was more than once. */
  readonly attempts?: number;
}

/** One way to reach such code: over HTTP, or in a Worker beside the broker. */
export interface Hook {
  /** For people: tail, logs. Holds no secret. */
  readonly name: string;
  /**
   * Decides about a batch of 1..n messages. Failures of the hook are verdicts too (`drop` with a reason): a promise that
   * rejects counts as `hook-unreachable`.
   * @param signal aborted when the answer is no longer awaited; what comes after is ignored
   */
  onPublish(batch: readonly Message[], signal: AbortSignal): Promise<HookAnswer>;
  /** Lets go of connections. Nothing is asked of the hook afterwards. */
  close(): Promise<void>;
}
