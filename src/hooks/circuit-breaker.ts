/** Counts failures in a row, and says when a hook is not to be asked. Pure: the time is an argument. */
import type { CircuitBreakerSettings } from "./settings.ts";

export class CircuitBreaker {
  readonly #settings: CircuitBreakerSettings;
  /** `half-open`: one batch is under way that shows whether the hook is back. */
  #state: "closed" | "open" | "half-open" = "closed";
  #failures = 0;
  #probeAtMs = 0;

  constructor(settings: CircuitBreakerSettings) {
    this.#settings = settings;
  }

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  /** True if the hook may be asked now; whoever gets it tells how that went. */
  tryAcquire(now: number): boolean {
    if (this.#state === "closed") return true;
    if (this.#state === "half-open" || now < this.#probeAtMs) return false;
    this.#state = "half-open";
    return true;
  }

  /** The hook answered. @returns true if it may be asked again from now on */
  succeeded(): boolean {
    const wasClosed = this.isClosed;
    this.#failures = 0;
    this.#state = "closed";
    return !wasClosed;
  }

  /** @returns true if it is not to be asked from now on */
  failed(now: number): boolean {
    this.#failures++;
    // What was under way when it opened changes nothing.
    if (this.#state === "open") return false;
    const opens = this.#state === "closed" && this.#failures >= this.#settings.failures;
    if (opens || this.#state === "half-open") {
      this.#state = "open";
      this.#probeAtMs = now + this.#settings.openMs;
    }
    return opens;
  }

  /** The hook was given up before it could answer. */
  released(): void {
    if (this.#state === "half-open") this.#state = "open";
  }
}
