/** Tells of changes to files, also to those that an editor replaces rather than writes, or that are not there yet. */
import { type FSWatcher, watch } from "node:fs";
import path from "node:path";

/** An editor that saves makes several events; the first may find the file empty. */
const SETTLE_MS = 15;
/** Folders that are watched: one handle each. */
const FOLDERS_MAX = 256;

export class FileWatcher {
  readonly #onChange: () => void;
  /** Folder → its watcher. */
  readonly #watchers = new Map<string, FSWatcher>();
  #files: ReadonlySet<string> = new Set();
  #watchesNew = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param onChange called a moment after the last of several changes */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Watches these files, absolute paths, and no others. Those of one's own before those of packages. */
  watch(files: readonly string[]): void {
    this.#files = new Set(files);
    this.#watchesNew = false;
    const own = (file: string) => (file.includes(`${path.sep}node_modules${path.sep}`) ? 1 : 0);
    const folders = new Set(files.toSorted((a, b) => own(a) - own(b)).map((file) => path.dirname(file)));
    const wanted = new Set([...folders].slice(0, FOLDERS_MAX));
    for (const [folder, watcher] of this.#watchers) {
      if (wanted.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of wanted) if (!this.#watchers.has(folder)) this.#watchFolder(folder);
  }

  /** From now on, until `watch` says otherwise, new files beside those that are watched count, too. */
  watchNew(): void {
    this.#watchesNew = true;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#files = new Set();
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #watchFolder(folder: string): void {
    const forget = (): void => {
      this.#watchers.get(folder)?.close();
      this.#watchers.delete(folder);
    };
    try {
      const watcher = watch(folder, (event, name) => {
        const isNew = this.#watchesNew && event === "rename";
        const counts = isNew || name === null || this.#files.has(path.join(folder, name));
        if (!counts) return;
        clearTimeout(this.#timer);
        this.#timer = setTimeout(this.#onChange, SETTLE_MS);
      });
      // The folder is gone: the next build says so.
      watcher.on("error", forget);
      this.#watchers.set(folder, watcher);
    } catch {
      forget();
    }
  }
}
