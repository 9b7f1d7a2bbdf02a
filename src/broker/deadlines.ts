/** What the heap needs of a deadline, whoever owns it. */
interface Due {
  atMs: number;
  index: number;
  sequence: number;
  fire(now: number): void;
}

/**
 * A moment at which something is due. Owned by whatever waits for it, and moved rather than replaced. There are several for
 * each connection, so all of a kind share one function.
 */
export class Deadline<Owner = undefined> implements Due {
  atMs = Infinity;
  /** Place in the heap, -1 while it is not set. */
  index = -1;
  /** Of equal times, the one that was set first falls due first. */
  sequence = 0;
  readonly #owner: Owner;
  readonly #due: (owner: Owner, now: number) => void;

  constructor(owner: Owner, due: (owner: Owner, now: number) => void) {
    this.#owner = owner;
    this.#due = due;
  }

  fire(now: number): void {
    this.#due(this.#owner, now);
  }
}

/**
 * All that a broker waits for, earliest first: a binary heap. It replaces timers, so that virtual time drives the
 * broker as well as a clock does. Equal times fall due in the order in which they were set.
 */
export class Deadlines {
  /** Told when what is due first has been set or moved. */
  onFirst: ((atMs: number) => void) | undefined;
  readonly #heap: Due[] = [];
  #sequence = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** UNIX milliseconds of the earliest deadline, Infinity if there is none. */
  get nextMs(): number {
    return this.#heap[0]?.atMs ?? Infinity;
  }

  /**
   * The same as `set` for a deadline that is made when it is needed first: most owners never need some of theirs.
   * @returns the deadline, if there is one by now
   */
  move<Owner>(
    deadline: Deadline<Owner> | undefined,
    atMs: number,
    owner: Owner,
    due: (owner: Owner, now: number) => void,
  ): Deadline<Owner> | undefined {
    if (deadline === undefined && atMs === Infinity) return undefined;
    const moved = deadline ?? new Deadline(owner, due);
    this.set(moved, atMs);
    return moved;
  }

  /** Sets or moves a deadline; Infinity clears it. */
  set(deadline: Due, atMs: number): void {
    if (atMs === Infinity) {
      this.clear(deadline);
      return;
    }
    const earlier = atMs < deadline.atMs;
    deadline.atMs = atMs;
    deadline.sequence = ++this.#sequence;
    if (deadline.index === -1) {
      deadline.index = this.#heap.length;
      this.#heap.push(deadline);
      this.#up(deadline);
    } else if (earlier) {
      this.#up(deadline);
    } else {
      this.#down(deadline);
    }
    if (deadline.index === 0) this.onFirst?.(atMs);
  }

  clear(deadline: Due | undefined): void {
    if (deadline === undefined || deadline.index === -1) return;
    const { index } = deadline;
    deadline.index = -1;
    deadline.atMs = Infinity;
    const last = this.#heap.pop()!;
    if (last === deadline) return;
    last.index = index;
    this.#heap[index] = last;
    this.#up(last);
    this.#down(last);
  }

  /** Calls `due` of everything that is due at `now`, including what becomes due on the way. */
  advance(now: number): void {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.atMs > now) return;
      this.clear(first);
      first.fire(now);
    }
  }

  #up(deadline: Due): void {
    const heap = this.#heap;
    let index = deadline.index;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex]!;
      if (!isBefore(deadline, parent)) break;
      heap[index] = parent;
      parent.index = index;
      index = parentIndex;
    }
    heap[index] = deadline;
    deadline.index = index;
  }

  #down(deadline: Due): void {
    const heap = this.#heap;
    let index = deadline.index;
    for (;;) {
      let childIndex = 2 * index + 1;
      if (childIndex >= heap.length) break;
      const right = heap[childIndex + 1];
      if (right !== undefined && isBefore(right, heap[childIndex]!)) childIndex++;
      const child = heap[childIndex]!;
      if (!isBefore(child, deadline)) break;
      heap[index] = child;
      child.index = index;
      index = childIndex;
    }
    heap[index] = deadline;
    deadline.index = index;
  }
}

function isBefore(one: Due, other: Due): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.sequence < other.sequence);
}
