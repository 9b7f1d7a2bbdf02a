/** A disk in memory that can be full, fail, and lose what was not synced. */
import type { JournalFile, JournalFolder } from "../../../src/store/journal/files.ts";

export function errorWithCode(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: by the test`), { code });
}

/** What a file has now, and what it would have after a power cut. */
interface Content {
  bytes: Buffer;
  synced: Buffer;
}

export type Operation = "create" | "write" | "sync" | "truncate" | "remove" | "sync folder";

export class FaultyFolder implements JournalFolder {
  readonly path = "/faulty";
  readonly files = new Map<string, Content>();
  /** Bytes that all files may have together. */
  capacity = Infinity;
  /** The reserve is a hundredth of it. */
  totalBytes = 1e6;
  /** Called before each operation; what it throws is its error. */
  before: (operation: Operation, name: string) => void | Promise<void> = () => {};
  #isGone = false;

  get usedBytes(): number {
    let used = 0;
    for (const { bytes } of this.files.values()) used += bytes.length;
    return used;
  }

  /** What a crash leaves: of what was not synced everything, or half of what was added last to each file. */
  crash(unsynced: "whole" | "torn"): FaultyFolder {
    this.#isGone = true;
    const next = new FaultyFolder();
    for (const [name, { bytes, synced }] of this.files) {
      const kept =
        unsynced === "whole" ? bytes : bytes.subarray(0, synced.length + ((bytes.length - synced.length) >> 1));
      // Where the process alone died, a power cut may still take it.
      next.files.set(name, { bytes: Buffer.from(kept), synced: Buffer.from(unsynced === "whole" ? synced : kept) });
    }
    return next;
  }

  async list(): Promise<string[]> {
    return [...this.files.keys()];
  }

  async create(name: string): Promise<JournalFile> {
    await this.#start("create", name);
    const content: Content = { bytes: Buffer.alloc(0), synced: Buffer.alloc(0) };
    this.files.set(name, content);
    return this.#file(name, content);
  }

  async open(name: string): Promise<JournalFile> {
    const content = this.files.get(name);
    if (content === undefined) throw errorWithCode("ENOENT");
    return this.#file(name, content);
  }

  async rename(from: string, to: string): Promise<void> {
    const content = this.files.get(from);
    if (content === undefined) throw errorWithCode("ENOENT");
    this.files.delete(from);
    this.files.set(to, content);
  }

  async remove(name: string): Promise<void> {
    await this.#start("remove", name);
    this.files.delete(name);
  }

  async sync(): Promise<void> {
    await this.#start("sync folder", "");
  }

  async space(): Promise<{ freeBytes: number; totalBytes: number } | undefined> {
    return { freeBytes: Math.min(this.capacity - this.usedBytes, this.totalBytes), totalBytes: this.totalBytes };
  }

  #file(name: string, content: Content): JournalFile {
    return {
      write: async (bytes, position) => {
        await this.#start("write", name);
        const grown = Math.max(0, position + bytes.length - content.bytes.length);
        const room = this.capacity - this.usedBytes;
        const length = Math.min(bytes.length, bytes.length - grown + Math.max(0, room));
        if (length <= 0) throw errorWithCode("ENOSPC");
        const next = Buffer.alloc(Math.max(content.bytes.length, position + length));
        content.bytes.copy(next);
        next.set(bytes.subarray(0, length), position);
        content.bytes = next;
        return length;
      },
      read: async (bytes, position) => content.bytes.copy(bytes, 0, position),
      size: async () => content.bytes.length,
      truncate: async (length) => {
        await this.#start("truncate", name);
        content.bytes = Buffer.from(content.bytes.subarray(0, length));
      },
      sync: async () => {
        const { bytes } = content;
        await this.#start("sync", name);
        content.synced = Buffer.from(bytes);
      },
      close: async () => {},
    };
  }

  /** Nothing that a killed process had begun ends. */
  async #start(operation: Operation, name: string): Promise<void> {
    await this.before(operation, name);
    if (this.#isGone) await new Promise(() => {});
  }
}
