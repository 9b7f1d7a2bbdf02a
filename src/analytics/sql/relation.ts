/** What a query reads: columns in chunks of rows. */
import type { Bound } from "./bound.ts";
import type { Type } from "./types.ts";
import type { Value } from "./values.ts";

/** A column of one chunk: values, or for strings that repeat the numbers of entries in a list. */
export type ColumnData =
  | { readonly values: ArrayLike<Value> }
  | { readonly codes: ArrayLike<number>; readonly strings: readonly string[] };

export interface Chunk {
  readonly rows: number;
  /** By position in `Relation.columns`. */
  column(index: number): ColumnData;
}

export interface RelationColumn {
  readonly name: string;
  readonly type: Type;
  /** In every chunk as codes. */
  readonly isEncoded?: true;
  /** Not part of `*`. */
  readonly isHidden?: true;
}

export interface Relation {
  readonly columns: readonly RelationColumn[];
  readonly chunks: readonly Chunk[];
}

/** Relation of one row without columns: what a query without FROM reads. */
export const nothing: Relation = {
  columns: [],
  chunks: [
    {
      rows: 1,
      column: () => {
        throw new RangeError("no such column");
      },
    },
  ],
};

/** Rows that a query made, for the query around it. */
export function relationOf(columns: readonly RelationColumn[], rows: readonly (readonly Value[])[]): Relation {
  const chunk: Chunk = { rows: rows.length, column: (index) => ({ values: rows.map((row) => row[index]!) }) };
  return { columns, chunks: [chunk] };
}

interface EncodedSlot {
  codes: ArrayLike<number>;
  strings: readonly string[];
}

/** Stands on one chunk after the other; the columns that it gave out follow. */
export class Cursor {
  readonly #relation: Relation;
  readonly #bound = new Map<number, Bound>();
  readonly #slots = new Map<number, { values: ArrayLike<Value> }>();
  readonly #encoded = new Map<number, EncodedSlot>();
  #chunk: Chunk | undefined;

  constructor(relation: Relation) {
    this.#relation = relation;
  }

  seek(chunk: Chunk): void {
    if (chunk === this.#chunk) return;
    this.#chunk = chunk;
    for (const [index, slot] of this.#slots) {
      const data = chunk.column(index);
      if ("values" in data) slot.values = data.values;
    }
    for (const [index, slot] of this.#encoded) {
      const data = chunk.column(index);
      if ("codes" in data) ({ codes: slot.codes, strings: slot.strings } = data);
    }
  }

  column(index: number): Bound {
    let bound = this.#bound.get(index);
    if (bound === undefined) {
      bound = this.#bindColumn(index);
      this.#bound.set(index, bound);
    }
    return bound;
  }

  /** Of a column that is bound: its codes in the chunk, to work with in place of the strings. */
  encodedBy(bound: Bound): EncodedSlot | undefined {
    for (const [index, slot] of this.#encoded) if (this.#bound.get(index) === bound) return slot;
    return undefined;
  }

  #bindColumn(index: number): Bound {
    const { type, isEncoded } = this.#relation.columns[index]!;
    if (isEncoded) {
      const slot: EncodedSlot = { codes: [], strings: [] };
      this.#encoded.set(index, slot);
      return { type, at: (row) => slot.strings[slot.codes[row]!]! };
    }
    const slot: { values: ArrayLike<Value> } = { values: [] };
    this.#slots.set(index, slot);
    return { type, at: (row) => slot.values[row]! };
  }
}
