/** Gives each row its group: rows with equal keys share a number, counted from 0. */
import type { Bound } from "./bound.ts";
import type { Chunk, Cursor } from "./relation.ts";
import type { Value } from "./values.ts";

/** Two numbers of keys make one: enough for all rows of a dataset, and exact. */
const PAIR = 2 ** 26;

/** Numbers the values of one key. */
class KeyNumbers {
  readonly values: Value[] = [];
  readonly #bound: Bound;
  readonly #cursor: Cursor;
  readonly #numbers = new Map<Value, number>();
  /** Of an encoded column: code → number + 1, in this chunk. */
  #byCode: Int32Array | undefined;
  #codes: ArrayLike<number> = [];

  constructor(bound: Bound, cursor: Cursor) {
    this.#bound = bound;
    this.#cursor = cursor;
  }

  startChunk(): void {
    const slot = this.#cursor.encodedBy(this.#bound);
    this.#byCode = slot && new Int32Array(slot.strings.length);
    if (slot !== undefined) this.#codes = slot.codes;
  }

  numberOf(row: number): number {
    if (this.#byCode === undefined) return this.#numberOfValue(this.#bound.at(row));
    const code = this.#codes[row]!;
    const known = this.#byCode[code]!;
    if (known !== 0) return known - 1;
    const number = this.#numberOfValue(this.#bound.at(row));
    this.#byCode[code] = number + 1;
    return number;
  }

  #numberOfValue(value: Value): number {
    let number = this.#numbers.get(value);
    if (number === undefined) {
      number = this.values.length;
      this.#numbers.set(value, number);
      this.values.push(value);
    }
    return number;
  }
}

export class Groups {
  readonly #keys: readonly KeyNumbers[];
  /** From the second key on: pair → number. */
  readonly #pairs: readonly Map<number, number>[];
  /** Group → numbers of its keys. */
  readonly #members: number[][] = [];
  #chunk: Chunk | undefined;

  constructor(keys: readonly Bound[], cursor: Cursor) {
    this.#keys = keys.map((key) => new KeyNumbers(key, cursor));
    this.#pairs = keys.slice(1).map(() => new Map());
  }

  get count(): number {
    return this.#members.length;
  }

  /** Before the rows of a chunk. */
  startChunk(chunk: Chunk): void {
    if (chunk === this.#chunk) return;
    this.#chunk = chunk;
    for (const key of this.#keys) key.startChunk();
  }

  groupOf(row: number): number {
    const keys = this.#keys;
    let group = keys[0]!.numberOf(row);
    for (let index = 1; index < keys.length; index++) {
      const pair = group * PAIR + keys[index]!.numberOf(row);
      const pairs = this.#pairs[index - 1]!;
      const known = pairs.get(pair);
      group = known ?? pairs.size;
      if (known === undefined) pairs.set(pair, group);
    }
    if (group === this.#members.length) this.#members.push(keys.map((key) => key.numberOf(row)));
    return group;
  }

  valueOf(group: number, key: number): Value {
    return this.#keys[key]!.values[this.#members[group]![key]!]!;
  }
}
