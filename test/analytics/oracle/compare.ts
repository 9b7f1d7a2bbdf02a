/** Whether two answers in FORMAT JSON are the same, up to the last digits of broken numbers. */

export interface JsonAnswer {
  readonly meta: readonly { readonly name: string; readonly type: string }[];
  readonly data: readonly Readonly<Record<string, unknown>>[];
  readonly rows: number;
}

/** Sums depend on the order of their parts. */
const TOLERANCE = 1e-9;

/** @returns what differs, or undefined */
export function difference(ours: JsonAnswer, theirs: JsonAnswer, isOrdered: boolean): string | undefined {
  const [meta, otherMeta] = [JSON.stringify(ours.meta), JSON.stringify(theirs.meta)];
  if (meta !== otherMeta) return `columns\n  ours:   ${meta}\n  theirs: ${otherMeta}`;
  if (ours.rows !== theirs.rows) return `${ours.rows} rows, theirs ${theirs.rows}`;
  const [left, right] = [rowsOf(ours, isOrdered), rowsOf(theirs, isOrdered)];
  for (const [index, row] of left.entries()) {
    const other = right[index]!;
    const at = row.findIndex((value, column) => !isSame(value, other[column]));
    if (at !== -1) return `row ${index}\n  ours:   ${JSON.stringify(row)}\n  theirs: ${JSON.stringify(other)}`;
  }
  return undefined;
}

function rowsOf({ meta, data }: JsonAnswer, isOrdered: boolean): unknown[][] {
  const rows = data.map((row) => meta.map(({ name }) => row[name]));
  if (isOrdered) return rows;
  const key = (row: unknown[]): string =>
    JSON.stringify(row.map((value) => (typeof value === "number" ? Number(value.toPrecision(9)) : value)));
  return rows.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, index) => isSame(item, b[index]));
  if (typeof a !== "number" || typeof b !== "number") return false;
  return Math.abs(a - b) <= TOLERANCE * Math.max(Math.abs(a), Math.abs(b));
}
