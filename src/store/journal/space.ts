/** Watches the room on the disk, and keeps a reserve for what is under way when it ends. */
import type { JournalFile, JournalFolder } from "./files.ts";
import { writeWhole } from "./files.ts";

const RESERVE_FILE = "reserve";
const RESERVE_BYTES_MAX = 4 * 1024 * 1024;
/** Share of the disk that the reserve takes at most. */
const RESERVE_SHARE_MAX = 0.01;
/** Making it takes as long as a tenth of a server's start: clients that wait come in before. */
const RESERVE_AFTER_MS = 50;

const OUT_OF_ROOM = new Set(["ENOSPC", "EDQUOT", "EFBIG", "EMFILE", "ENFILE"]);

/** True for errors of writing that end when somebody makes room: on the disk, of a quota, of open files. */
export function isOutOfRoom(error: unknown): boolean {
  return OUT_OF_ROOM.has((error as NodeJS.ErrnoException).code ?? "");
}

interface SpaceOptions {
  log(line: string): void;
  /** Between two looks at the disk. */
  readonly intervalMs: number;
}

export class Space {
  readonly #folder: JournalFolder;
  readonly #options: SpaceOptions;
  #isFull = false;
  #isClosed = false;
  /** Nothing was written yet, and there is no reserve. */
  #isUnused = true;
  #hasReserve = false;
  #reserveBytes = RESERVE_BYTES_MAX;
  /** A write waits for room. */
  #isWanted = false;
  #freeBytes = Infinity;
  #lookedAtMs = -Infinity;
  #looking: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #wake: (() => void) | undefined;

  constructor(folder: JournalFolder, options: SpaceOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  /** To be called first. Looks whether there is room; the reserve is made a moment later. */
  open(): void {
    this.#lookNow();
    this.#timer = setTimeout(() => void this.begin(), RESERVE_AFTER_MS).unref();
  }

  /** To be awaited before the first write: then there is a reserve. */
  async begin(): Promise<void> {
    await this.#looking;
    if (!this.#isUnused) return;
    this.#isUnused = false;
    this.#lookNow();
    await this.#looking;
  }

  /** True from when there is little room until the reserve is there again. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** As it was when somebody looked last; Infinity where the system does not say. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** Looks, unless somebody did lately. The result is in `isFull` later. */
  look(): void {
    if (this.#isClosed || this.#looking !== undefined) return;
    if (performance.now() - this.#lookedAtMs >= this.#options.intervalMs) this.#lookNow();
  }

  /**
   * To be called when a write has failed with an error that `isOutOfRoom`. Gives up the reserve; once that is gone, waits for a while.
   * @throws what it was given, when it is closed: nobody waits any longer
   */
  async makeRoom(error: unknown): Promise<void> {
    this.#isWanted = true;
    this.#becomeFull((error as NodeJS.ErrnoException).code ?? String(error));
    await this.#looking;
    if (this.#hasReserve) {
      this.#hasReserve = false;
      await this.#folder.remove(RESERVE_FILE);
      return;
    }
    if (this.#isClosed) throw error;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#options.intervalMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
    if (this.#isClosed) throw error;
  }

  /** To be called when a write has succeeded. */
  found(): void {
    this.#isWanted = false;
  }

  /** The reserve stays for the next start, but for the last writes. One that needs more fails. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#wake?.();
    await this.#looking;
  }

  #lookNow(): void {
    this.#lookedAtMs = performance.now();
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
  }

  async #look(): Promise<void> {
    try {
      const space = await this.#folder.space();
      this.#freeBytes = space?.freeBytes ?? Infinity;
      if (space !== undefined) {
        this.#reserveBytes = Math.min(RESERVE_BYTES_MAX, Math.floor(space.totalBytes * RESERVE_SHARE_MAX));
      }
      const maySpareReserve = !this.#isWanted && this.#freeBytes >= 2 * this.#reserveBytes;
      if (maySpareReserve && !this.#hasReserve && !this.#isUnused) await this.#makeReserve();
      const isRoomy = this.#hasReserve ? this.#freeBytes >= this.#reserveBytes : this.#isUnused && maySpareReserve;
      if (isRoomy && !this.#isWanted) this.#becomeRoomy();
      else this.#becomeFull(`${Math.floor(this.#freeBytes / 1024)} KiB are free`);
    } catch (error) {
      this.#becomeFull((error as NodeJS.ErrnoException).code ?? String(error));
    }
  }

  async #makeReserve(): Promise<void> {
    let file: JournalFile | undefined;
    try {
      file = await this.#folder.create(RESERVE_FILE);
      await writeWhole(file, Buffer.alloc(this.#reserveBytes), 0);
      this.#hasReserve = true;
    } finally {
      await file?.close();
      if (!this.#hasReserve) await this.#folder.remove(RESERVE_FILE);
    }
  }

  #becomeFull(why: string): void {
    if (!this.#isFull) {
      this.#isFull = true;
      this.#options.log(
        `no room in ${this.#folder.path} (${why}): what would have to be kept is refused until there is`,
      );
    }
    if (this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#lookNow(), this.#options.intervalMs).unref();
  }

  #becomeRoomy(): void {
    if (!this.#isFull) return;
    this.#isFull = false;
    this.#options.log(`there is room in ${this.#folder.path} again`);
  }
}
