/** What a server can do without until somebody asks for it: clients wait for it to listen. */

/** Not for ever: who replaces the package while the server runs takes the files away that it has not read. */
const LOAD_AFTER_MS = 1_000;

/** Something that is made once, when it is first needed or else after a second. */
export class Lazy<T> {
  readonly #make: () => Promise<T>;
  readonly #timer: NodeJS.Timeout;
  #made: Promise<T> | undefined;
  #value: T | undefined;

  constructor(make: () => Promise<T>) {
    this.#make = make;
    // Who needs it will see what is wrong.
    this.#timer = setTimeout(() => void this.load().catch(() => {}), LOAD_AFTER_MS).unref();
  }

  /** undefined until it is there. */
  get value(): T | undefined {
    return this.#value;
  }

  async load(): Promise<T> {
    clearTimeout(this.#timer);
    this.#made ??= this.#make();
    try {
      return (this.#value = await this.#made);
    } catch (error) {
      this.#made = undefined;
      throw error;
    }
  }

  /** It is not needed any more. */
  close(): void {
    clearTimeout(this.#timer);
  }
}
