/** Points in columns: numbers in typed arrays, strings as numbers of entries in a list of the chunk's own. */
import { BLOBS_MAX, DOUBLES_MAX, type Point } from "./point.ts";
import { type Chunk, type ColumnData, DATETIME, FLOAT64, type RelationColumn, STRING, UINT32 } from "./sql/index.ts";

export const CHUNK_ROWS = 65_536;
const FIRST_ROWS = 256;

const numbered = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`);
const encoded = (name: string): RelationColumn => ({ name, type: STRING, isEncoded: true });
const hidden = (column: RelationColumn): RelationColumn => ({ ...column, isHidden: true });

const DATASET = 0;
const TIMESTAMP = 1;
const SAMPLE_INTERVAL = 2;
const INDEX = 3;
const BLOBS = 4;
const DOUBLES = BLOBS + BLOBS_MAX;
const OLD_NAMES = DOUBLES + DOUBLES_MAX;
const LABELS = OLD_NAMES + 1;
const METRICS = LABELS + BLOBS_MAX;

/** Those of Cloudflare's table, then the names of 2022 for the same. */
export const columns: readonly RelationColumn[] = [
  encoded("dataset"),
  { name: "timestamp", type: DATETIME },
  { name: "_sample_interval", type: UINT32 },
  encoded("index1"),
  ...numbered("blob", BLOBS_MAX).map(encoded),
  ...numbered("double", DOUBLES_MAX).map((name) => ({ name, type: FLOAT64 })),
  hidden({ name: "datetime", type: DATETIME }),
  ...numbered("label_", BLOBS_MAX).map((name) => hidden(encoded(name))),
  ...numbered("metric_", DOUBLES_MAX).map((name) => hidden({ name, type: FLOAT64 })),
];

/** Of columns that no point of a chunk has a value for. */
const ZEROS = new Float64Array(CHUNK_ROWS);
const NO_CODES = new Uint32Array(CHUNK_ROWS);
const NO_STRINGS = [""];
const ONES = new Uint32Array(CHUNK_ROWS).fill(1);

class StringColumn {
  codes = new Uint32Array(FIRST_ROWS);
  /** Rows that were never set have the first one. */
  readonly strings: string[] = [""];
  readonly #codeOf = new Map<string, number>([["", 0]]);

  set(row: number, text: string): void {
    let code = this.#codeOf.get(text);
    if (code === undefined) {
      code = this.strings.length;
      this.strings.push(text);
      this.#codeOf.set(text, code);
    }
    this.upTo(row + 1).codes[row] = code;
  }

  upTo(rows: number): this {
    if (rows > this.codes.length) this.codes = grown(this.codes, new Uint32Array(roomFor(rows)));
    return this;
  }

  /** No more values come: what finds the numbers of strings is not needed any more. */
  seal(): void {
    this.#codeOf.clear();
  }
}

class NumberColumn {
  values = new Float64Array(FIRST_ROWS);

  set(row: number, value: number): void {
    this.upTo(row + 1).values[row] = value;
  }

  upTo(rows: number): this {
    if (rows > this.values.length) this.values = grown(this.values, new Float64Array(roomFor(rows)));
    return this;
  }
}

function roomFor(rows: number): number {
  return Math.min(2 ** Math.ceil(Math.log2(rows)), CHUNK_ROWS);
}

function grown<Values extends Uint32Array | Float64Array>(from: Values, to: Values): Values {
  to.set(from);
  return to;
}

export class PointChunk implements Chunk {
  rows = 0;
  readonly #dataset: readonly string[];
  readonly #timestamps = new NumberColumn();
  readonly #strings = new Map<number, StringColumn>();
  readonly #numbers = new Map<number, NumberColumn>();

  constructor(dataset: string) {
    this.#dataset = [dataset];
  }

  get isFull(): boolean {
    return this.rows === CHUNK_ROWS;
  }

  add({ timestamp, index, blobs, doubles }: Point): void {
    const row = this.rows;
    this.#timestamps.set(row, timestamp);
    if (index !== "") this.#stringColumn(INDEX).set(row, index);
    for (const [at, blob] of blobs.entries()) if (blob !== "") this.#stringColumn(BLOBS + at).set(row, blob);
    for (const [at, double] of doubles.entries()) if (double !== 0) this.#numberColumn(DOUBLES + at).set(row, double);
    this.rows++;
    if (this.isFull) for (const column of this.#strings.values()) column.seal();
  }

  column(index: number): ColumnData {
    if (index >= LABELS) return this.column(index < METRICS ? index - LABELS + BLOBS : index - METRICS + DOUBLES);
    if (index === OLD_NAMES || index === TIMESTAMP) return this.#timestamps.upTo(this.rows);
    if (index === DATASET) return { codes: NO_CODES, strings: this.#dataset };
    if (index === SAMPLE_INTERVAL) return { values: ONES };
    if (index >= DOUBLES) return this.#numbers.get(index)?.upTo(this.rows) ?? { values: ZEROS };
    return this.#strings.get(index)?.upTo(this.rows) ?? { codes: NO_CODES, strings: NO_STRINGS };
  }

  /** What the points read now are; those that come later are not among them. */
  snapshot(): Chunk {
    return { rows: this.rows, column: (index) => this.column(index) };
  }

  #stringColumn(index: number): StringColumn {
    let column = this.#strings.get(index);
    if (column === undefined) this.#strings.set(index, (column = new StringColumn()));
    return column;
  }

  #numberColumn(index: number): NumberColumn {
    let column = this.#numbers.get(index);
    if (column === undefined) this.#numbers.set(index, (column = new NumberColumn()));
    return column;
  }
}
