/** A file to which objects are written, a line of JSON each, as they come. */
import { type FileHandle, open } from "node:fs/promises";
import { UserError } from "../../errors.ts";

/** Bytes that wait for the disk before whoever writes has to. */
const WAITING_BYTES_MAX = 1024 * 1024;

export class LineFile {
  readonly #file: FileHandle;
  readonly #name: string;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> | undefined;

  private constructor(file: FileHandle, name: string) {
    this.#file = file;
    this.#name = name;
  }

  /** Begins the file anew. @throws {UserError} `file-unwritable` */
  static async create(name: string): Promise<LineFile> {
    try {
      return new LineFile(await open(name, "w"), name);
    } catch (error) {
      throw unwritable(name, error);
    }
  }

  /** @returns a promise to await before more is written, where the disk does not keep up or fails */
  write(object: object): Promise<void> | undefined {
    const line = `${JSON.stringify(object)}\n`;
    this.#waiting.push(line);
    this.#waitingBytes += line.length;
    if (this.#writing === undefined) {
      this.#writing = this.#writeWaiting();
      // Whoever writes next, or closes, learns of it.
      this.#writing.catch(() => {});
    }
    return this.#waitingBytes > WAITING_BYTES_MAX ? this.#writing : undefined;
  }

  /** Once everything is written. @throws {UserError} `file-unwritable` */
  async close(): Promise<void> {
    try {
      await this.#writing;
    } finally {
      await this.#file.close();
    }
  }

  async #writeWaiting(): Promise<void> {
    // What is written in one turn leaves together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const text = this.#waiting.join("");
      this.#waiting = [];
      this.#waitingBytes = 0;
      try {
        await this.#file.appendFile(text);
      } catch (error) {
        throw unwritable(this.#name, error);
      }
    }
    this.#writing = undefined;
  }
}

export function unwritable(file: string, error: unknown): UserError {
  const { code = String(error) } = error as NodeJS.ErrnoException;
  const reasons: Record<string, string> = {
    ENOENT: "there is no such folder",
    EISDIR: "it is a folder",
    EACCES: "it may not be written",
    ENOSPC: "the disk is full",
  };
  return new UserError("file-unwritable", `cannot write ${file}: ${reasons[code] ?? code}`, "check the path", {
    cause: error,
  });
}
