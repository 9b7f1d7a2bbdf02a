import type { JournalStore } from "../store/index.ts";
import { GatedStream } from "./gated-stream.ts";
import type { Stream } from "./runtime.ts";

/** Bytes that are not kept yet before clients who make more of them are not read any more. */
const UNCOMMITTED_BYTES_MAX = 16 * 1024 * 1024;

type Commits = Pick<JournalStore, "position" | "committed" | "watch">;

/**
 * Holds back what is written to the network until the journal has kept what it tells of (docs/adr/005). What a
 * turn writes before it changes anything leaves at once, unless earlier output of the same connection still waits.
 */
export class CommitGate {
  readonly #commits: Commits;
  /** Where the journal was when the present turn began. */
  #began: number;
  /** Have output of the present turn. */
  #written: GatedStream[] = [];
  readonly #waiting = new Set<GatedStream>();
  readonly #throttled = new Set<GatedStream>();
  readonly #callbacks: { readonly position: number; readonly done: () => void }[] = [];

  constructor(commits: Commits) {
    this.#commits = commits;
    this.#began = commits.position;
    commits.watch(() => this.#committed());
  }

  /** A stream whose output is held back. */
  guard(stream: Stream): Stream {
    return new GatedStream(this, stream);
  }

  get position(): number {
    return this.#commits.position;
  }

  /** True while so much is not kept yet that nobody should add to it. */
  get isBehind(): boolean {
    return this.#commits.position - this.#commits.committed > UNCOMMITTED_BYTES_MAX;
  }

  /** True once the present turn has changed something that is kept. */
  get hasChanges(): boolean {
    return this.#commits.position !== this.#began;
  }

  beginTurn(): void {
    this.#began = this.#commits.position;
  }

  /** The turn has written all that it has to write. */
  endTurn(): void {
    if (this.#written.length === 0) return;
    const { position, committed } = this.#commits;
    const until = this.hasChanges ? position : 0;
    const written = this.#written;
    this.#written = [];
    for (const stream of written) {
      stream.seal(until);
      this.#letGo(stream, committed);
    }
  }

  /** The stream has its first output of the present turn. */
  noteWritten(stream: GatedStream): void {
    this.#written.push(stream);
  }

  /** The stream is not read until the journal has caught up. */
  throttle(stream: GatedStream): void {
    this.#throttled.add(stream);
  }

  forget(stream: GatedStream): void {
    this.#waiting.delete(stream);
    this.#throttled.delete(stream);
  }

  /** Resolves once everything that has changed so far is kept. */
  kept(): Promise<void> {
    const { position, committed } = this.#commits;
    if (committed >= position) return Promise.resolve();
    return new Promise((done) => {
      this.#callbacks.push({ position, done });
    });
  }

  #letGo(stream: GatedStream, committed: number): void {
    stream.letGo(committed);
    if (stream.isHolding) this.#waiting.add(stream);
    else this.#waiting.delete(stream);
  }

  #committed(): void {
    const { position, committed } = this.#commits;
    for (const stream of this.#waiting) this.#letGo(stream, committed);
    while (this.#callbacks.length > 0 && this.#callbacks[0]!.position <= committed) this.#callbacks.shift()!.done();
    if (position - committed > UNCOMMITTED_BYTES_MAX / 2) return;
    for (const stream of this.#throttled) stream.endThrottle();
    this.#throttled.clear();
  }
}
