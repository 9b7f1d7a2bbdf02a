/** workerd that crashes is started again at once; where it has not run for so long since, later each time. */
const STEADY_MS = 10_000;
const RESTART_MS = 500;
const RESTART_MS_MAX = 30_000;

export class RestartDelays {
  /** In a row. */
  #crashes = 0;
  /** When what runs now began to. */
  #startedAt = 0;

  started(): void {
    this.#startedAt = performance.now();
  }

  /** @returns milliseconds to wait before it is started again */
  crashed(): number {
    this.#crashes = performance.now() - this.#startedAt < STEADY_MS ? this.#crashes + 1 : 1;
    return this.#crashes === 1 ? 0 : Math.min(RESTART_MS * 2 ** (this.#crashes - 2), RESTART_MS_MAX);
  }
}
