/** Publishes that wait for their acknowledgement at the same time; more gains nothing. */
const INFLIGHT_MAX = 512;

/**
 * Publishes under way, so many at most. The first failure, of one of them or of the connection, is everybody's: what
 * comes after it would go nowhere.
 */
export class PublishWindow {
  readonly #limit: number;
  #size = 0;
  #failure: { error: unknown } | undefined;
  /** At most one caller waits at a time: the loop that publishes. */
  #waiting: { settled: () => void; failed: (error: unknown) => void } | undefined;

  /** @param receiveMaximum what the broker allows */
  constructor(receiveMaximum: number) {
    this.#limit = Math.min(receiveMaximum, INFLIGHT_MAX);
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#waiting?.failed(this.#failure.error);
  }

  /**
   * Counts one more.
   * @returns a promise to await before another one is added, where there is no room for it
   */
  add(): Promise<void> | undefined {
    this.#size++;
    return this.#size < this.#limit && !this.#failure ? undefined : this.#shrunkTo(this.#limit - 1);
  }

  /** One of them is done. The same function for all of them: there may be a million. */
  readonly settle = (error?: Error): void => {
    if (error !== undefined) {
      this.fail(error);
      return;
    }
    this.#size--;
    this.#waiting?.settled();
  };

  async drained(): Promise<void> {
    await this.#shrunkTo(0);
  }

  /** The task's result, unless something fails meanwhile: standard input may say nothing for hours. */
  async orFailure<T>(task: Promise<T>): Promise<T> {
    if (this.#failure) throw this.#failure.error;
    return await new Promise<T>((resolve, reject) => {
      this.#waiting = { settled: () => {}, failed: reject };
      task.then(resolve, reject);
    });
  }

  async #shrunkTo(size: number): Promise<void> {
    while (this.#size > size && !this.#failure) {
      await new Promise<void>((resolve, reject) => {
        this.#waiting = { settled: resolve, failed: reject };
      });
    }
    if (this.#failure) throw this.#failure.error;
  }
}
