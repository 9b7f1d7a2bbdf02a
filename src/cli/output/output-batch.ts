/** Collects small pieces of output: what is written within one turn leaves in one write. */
import type { OutputStream } from "./output.ts";

const BATCH_BYTES = 64 * 1024;

export class OutputBatch {
  readonly #stream: OutputStream;
  #buffer: Buffer | undefined;
  #start = 0;
  #end = 0;
  #isScheduled = false;

  constructor(stream: OutputStream) {
    this.#stream = stream;
  }

  add(data: string | Uint8Array): void {
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    if (this.#buffer === undefined || this.#end + bytes.length > BATCH_BYTES) {
      this.flush();
      if (bytes.length > BATCH_BYTES) {
        this.#stream.write(Buffer.from(bytes));
        return;
      }
      this.#buffer = Buffer.allocUnsafe(BATCH_BYTES);
      this.#start = 0;
      this.#end = 0;
    }
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
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
    this.#stream.write(bytes);
  }
}
