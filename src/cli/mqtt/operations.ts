/** What waits for an answer of the broker: it settles with that, with the end of the connection, or when it took too long. */
import { noAnswer } from "./errors.ts";

export class Operations {
  readonly #timeoutMs: number;
  /** What to call for each of those under way when the connection ends. */
  readonly #pending = new Set<(error: Error) => void>();
  #end: { readonly error: Error } | undefined;

  /** @param timeoutMs that an answer may take */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /**
   * @param complaint what the broker did not do, where the time is up
   * @param start asks the broker; not called where the connection has ended
   */
  run<T>(complaint: string, start: (resolve: (value: T) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#end) {
        reject(this.#end.error);
        return;
      }
      const finish = () => {
        clearTimeout(timer);
        this.#pending.delete(fail);
      };
      const fail = (error: Error) => {
        finish();
        reject(error);
      };
      const timer = setTimeout(() => fail(noAnswer(complaint, this.#timeoutMs)), this.#timeoutMs);
      this.#pending.add(fail);
      start((value) => {
        finish();
        resolve(value);
      });
    });
  }

  /** No answer comes any more. */
  fail(error: Error): void {
    this.#end ??= { error };
    for (const fail of this.#pending) fail(error);
  }
}
