/**
 * A moment at which something is due. Owned by whatever waits for it, and moved rather than replaced.
 */
export class Deadline {
  atMs = Infinity;
  /** Place in the heap, -1 while it is not set. */
  index = -1;
  /** Of equal times, the one that was set first falls due first. */
  sequence = 0;
  readonly due: (now: number) => void;

  constructor(due: (now: number) => void) {
    this.due = due;
  }
}

/**
 * All that a broker waits for, earliest first: a binary heap. It replaces timers, so that virtual time drives the
 * broker as well as a clock does. Equal times fall due in the order in which they were set.
 */
export class Deadlines {
  /** Told when what is due first has been set or moved. */
  onFirst: ((atMs: number) => void) | undefined;
  readonly #heap: Deadline[] = [];
  #sequence = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** UNIX milliseconds of the earliest deadline, Infinity if there is none. */
  get nextMs(): number {
    return this.#heap[0]?.atMs ?? Infinity;
  }

  /** Sets or moves a deadline; Infinity clears it. */
  set(deadline: Deadline, atMs: number): void {
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

  clear(deadline: Deadline): void {
    const { index } = deadline;
    if (index === -1) return;
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
      first.due(now);
    }
  }

  #up(deadline: Deadline): void {
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

  #down(deadline: Deadline): void {
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

function isBefore(one: Deadline, other: Deadline): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.sequence < other.sequence);
}
