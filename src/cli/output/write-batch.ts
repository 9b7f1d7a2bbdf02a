/** Collects small pieces of output: what is added within one turn leaves in one write. */
const BATCH_BYTES = 64 * 1024;

export class WriteBatch {
  readonly #write: (bytes: Buffer) => void;
  #buffer: Buffer | undefined;
  /** What is before `#start` belongs to the stream, what is between it and `#end` waits. */
  #start = 0;
  #end = 0;
  #isScheduled = false;

  constructor(write: (bytes: Buffer) => void) {
    this.#write = write;
  }

  /** @param fill puts so many bytes into the buffer, from the offset on; where it throws, nothing is added */
  add(length: number, fill: (buffer: Buffer, offset: number) => void): void {
    if (this.#buffer === undefined || this.#end + length > BATCH_BYTES) {
      this.flush();
      if (length > BATCH_BYTES) {
        const bytes = Buffer.allocUnsafe(length);
        fill(bytes, 0);
        this.#write(bytes);
        return;
      }
      this.#buffer = Buffer.allocUnsafe(BATCH_BYTES);
      this.#start = 0;
      this.#end = 0;
    }
    fill(this.#buffer, this.#end);
    this.#end += length;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }

  flush(): void {
    if (this.#buffer === undefined || this.#start === this.#end) return;
    const bytes = this.#buffer.subarray(this.#start, this.#end);
    this.#start = this.#end;
    this.#write(bytes);
  }
}
