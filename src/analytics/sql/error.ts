/** A query that cannot be answered, and where in its text that shows. */
export class SqlError extends Error {
  override readonly name = "SqlError";
  /** Offset in the query's text, in UTF-16 units. */
  readonly position: number;
  /** What to write instead. */
  readonly hint: string | undefined;

  constructor(message: string, position: number, hint?: string) {
    super(message);
    this.position = position;
    this.hint = hint;
  }
}

/** The message with the place and the remedy, for people: up to four lines. */
export function describeSqlError({ message, position, hint }: SqlError, query: string): string {
  const before = query.slice(0, position);
  const line = before.split("\n").length;
  const start = before.lastIndexOf("\n") + 1;
  const end = query.indexOf("\n", start);
  const column = position - start;
  // Of a long line what stands around the place.
  const from = Math.max(0, column - 60);
  const text = query.slice(start + from, Math.min(end === -1 ? query.length : end, start + column + 60));
  const place = `${text.replaceAll("\t", " ")}\n${" ".repeat(column - from)}^`;
  return `${message} (line ${line}, column ${column + 1})\n${place}${hint === undefined ? "" : `\n${hint}`}`;
}
