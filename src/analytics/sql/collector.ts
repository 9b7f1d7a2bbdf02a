/** The rows of an answer: sorted, each once if asked, and no more than are wanted. */
import type { Bound } from "./bound.ts";
import { SqlError } from "./error.ts";
import { RESULT_VALUES_MAX } from "./limits.ts";
import type { Chunk } from "./relation.ts";
import { type Value, compare } from "./values.ts";

export interface OrderKey {
  readonly bound: Bound;
  readonly isDescending: boolean;
  readonly nullsFirst: boolean;
}

export interface CollectorOptions {
  readonly outputs: readonly Bound[];
  readonly order: readonly OrderKey[];
  readonly isDistinct: boolean;
  readonly limit: number;
  readonly offset: number;
  /** Goes back to the chunk of a row that was offered. */
  readonly seek: (chunk: Chunk | undefined) => void;
  /** Of the query, for errors. */
  readonly position: number;
}

/** A row of which only its place in the order is known, until it is clear that it is wanted. */
interface Entry {
  readonly keys: readonly Value[];
  readonly chunk: Chunk | undefined;
  readonly row: number;
}

/** Of a sorted answer with a limit, so many more are kept before the rest is thrown away. */
const SPARE = 4096;

export class Collector {
  /** Rows that were offered: those before LIMIT, or at least so many. */
  offered = 0;
  readonly #options: CollectorOptions;
  readonly #wanted: number;
  readonly #seen = new Set<string>();
  readonly #entries: Entry[] = [];
  /** Whoever comes behind it is not wanted. */
  #last: readonly Value[] | undefined;

  constructor(options: CollectorOptions) {
    this.#options = options;
    this.#wanted = options.limit + options.offset;
  }

  /** Whether further rows can make no difference. */
  get isFull(): boolean {
    return this.#options.order.length === 0 && this.#entries.length >= this.#wanted;
  }

  /** @throws {SqlError} when the answer gets too large */
  offer(row: number, chunk?: Chunk): void {
    const { outputs, order, isDistinct } = this.#options;
    if (isDistinct && !this.#isNew(row)) return;
    this.offered++;
    const keys = order.map(({ bound }) => bound.at(row));
    if (this.#last !== undefined && compareRows(keys, this.#last, order) >= 0) return;
    this.#entries.push({ keys, chunk, row });
    if (order.length > 0 && this.#entries.length >= this.#wanted * 2 + SPARE) this.#cut();
    if (this.#entries.length * outputs.length > RESULT_VALUES_MAX) {
      const text = `the answer would have more than ${RESULT_VALUES_MAX.toLocaleString("en")} values`;
      throw new SqlError(text, this.#options.position, "add LIMIT, or name the columns that you need");
    }
  }

  rows(): Value[][] {
    this.#cut();
    const { outputs, offset, seek } = this.#options;
    return this.#entries.slice(offset).map(({ chunk, row }) => {
      seek(chunk);
      return outputs.map(({ at }) => at(row));
    });
  }

  #isNew(row: number): boolean {
    const values = this.#options.outputs.map(({ at }) => at(row));
    const key = JSON.stringify(values, (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value));
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    return true;
  }

  #cut(): void {
    const { order } = this.#options;
    if (order.length > 0) this.#entries.sort((a, b) => compareRows(a.keys, b.keys, order));
    if (this.#entries.length < this.#wanted) return;
    this.#entries.length = this.#wanted;
    this.#last = this.#entries.at(-1)?.keys;
  }
}

export function compareRows(a: readonly Value[], b: readonly Value[], order: readonly OrderKey[]): number {
  for (let index = 0; index < order.length; index++) {
    const result = compareKeys(a[index]!, b[index]!, order[index]!);
    if (result !== 0) return result;
  }
  return 0;
}

/** NULL and NaN go to the end in both directions, unless asked otherwise. */
function compareKeys(a: Value, b: Value, { isDescending, nullsFirst }: OrderKey): number {
  const [aIsNone, bIsNone] = [a === null || a !== a, b === null || b !== b];
  if (aIsNone || bIsNone) return aIsNone === bIsNone ? 0 : aIsNone === nullsFirst ? -1 : 1;
  return isDescending ? compare(b, a) : compare(a, b);
}
