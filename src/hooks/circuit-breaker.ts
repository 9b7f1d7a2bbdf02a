/** Counts failures in a row, and says when a hook is not to be asked. Pure: the time is an argument. */
import type { CircuitBreakerSettings } from "./settings.ts";

/** `half-open`: one batch is under way that shows whether the hook is back. */
type State = "closed" | "open" | "half-open";

/** How a circuit breaker stands at some moment. */
export interface Circuit {
  readonly state: State;
  /** How long it has been so. */
  readonly forMs: number;
  /** In a row, up to now. */
  readonly failures: number;
  /** Of `open`: until the hook may be asked whether it is back; 0 where the next message decides. */
  readonly probeInMs: number | undefined;
}

export class CircuitBreaker {
  readonly #settings: CircuitBreakerSettings;
  #state: State = "closed";
  #sinceMs: number;
  #failures = 0;
  #probeAtMs = 0;

  constructor(settings: CircuitBreakerSettings, now: number) {
    this.#settings = settings;
    this.#sinceMs = now;
  }

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  at(now: number): Circuit {
    const probeInMs = this.#state === "open" ? Math.max(0, this.#probeAtMs - now) : undefined;
    return { state: this.#state, forMs: now - this.#sinceMs, failures: this.#failures, probeInMs };
  }

  /** True if the hook may be asked now; whoever gets it tells how that went. */
  tryAcquire(now: number): boolean {
    if (this.#state === "closed") return true;
    if (this.#state === "half-open" || now < this.#probeAtMs) return false;
    this.#enter("half-open", now);
    return true;
  }

  /** The hook answered. @returns true if it may be asked again from now on */
  succeeded(now: number): boolean {
    this.#failures = 0;
    if (this.isClosed) return false;
    this.#enter("closed", now);
    return true;
  }

  /** @returns true if it is not to be asked from now on */
  failed(now: number): boolean {
    this.#failures++;
    // What was under way when it opened changes nothing.
    if (this.#state === "open") return false;
    const opens = this.#state === "closed" && this.#failures >= this.#settings.failures;
    if (opens || this.#state === "half-open") {
      this.#enter("open", now);
      this.#probeAtMs = now + this.#settings.openMs;
    }
    return opens;
  }

  /** The hook was given up before it could answer. */
  released(now: number): void {
    if (this.#state === "half-open") this.#enter("open", now);
  }

  #enter(state: State, now: number): void {
    this.#state = state;
    this.#sinceMs = now;
  }
}
