/** Answers as text: JSON, JSONEachRow, TabSeparated. */
import type { Format } from "./ast.ts";
import { SqlError } from "./error.ts";
import { textOf } from "./functions/text.ts";
import { RESULT_CHARS_MAX } from "./limits.ts";
import type { Answer } from "./run.ts";
import { type Type, typeName } from "./types.ts";
import { type Value, formatFloat } from "./values.ts";

export const contentTypes: Readonly<Record<Format, string>> = {
  JSON: "application/json",
  JSONEachRow: "application/x-ndjson",
  TabSeparated: "text/tab-separated-values; charset=utf-8",
};

/** @throws {SqlError} when it gets too large */
export function formatAnswer(answer: Answer, format: Format): string {
  const { columns, rows, rowsBeforeLimit } = answer;
  const types = columns.map(({ type }) => type);
  if (format === "TabSeparated") {
    return joined(rows, (row) => `${row.map((value, index) => tabText(value, types[index]!)).join("\t")}\n`);
  }
  const names = columns.map(({ name }) => `${JSON.stringify(name)}:`);
  const object = (row: readonly Value[]): string =>
    `{${row.map((value, index) => names[index]! + jsonText(value, types[index]!)).join(",")}}`;
  if (format === "JSONEachRow") return joined(rows, (row) => `${object(row)}\n`);
  const meta = JSON.stringify(columns.map(({ name, type }) => ({ name, type: typeName(type) })));
  const data = joined(rows, (row, index) => (index === 0 ? object(row) : `,${object(row)}`));
  return `{"meta":${meta},"data":[${data}],"rows":${rows.length},"rows_before_limit_at_least":${rowsBeforeLimit}}`;
}

function joined(rows: Answer["rows"], text: (row: readonly Value[], index: number) => string): string {
  const pieces: string[] = [];
  let length = 0;
  for (const [index, row] of rows.entries()) {
    const piece = text(row, index);
    length += piece.length;
    if (length > RESULT_CHARS_MAX) {
      const size = `${RESULT_CHARS_MAX / 1024 / 1024} Mi characters`;
      throw new SqlError(`the answer would have more than ${size}`, 0, "add LIMIT, or name the columns that you need");
    }
    pieces.push(piece);
  }
  return pieces.join("");
}

/** 64 bits are strings, as JavaScript would round them; what JSON has no number for is null. */
function jsonText(value: Value, type: Type): string {
  if (value === null) return "null";
  switch (type.kind) {
    case "integer":
      return type.bits === 64 ? `"${value.toString()}"` : value.toString();
    case "interval":
      return `"${value.toString()}"`;
    case "float":
      return Number.isFinite(Number(value)) ? formatFloat(Number(value)) : "null";
    case "bool":
      return textOf(value, type);
    case "array":
      return `[${(value as readonly Value[]).map((item) => jsonText(item, type.of)).join(",")}]`;
    default:
      return JSON.stringify(textOf(value, type));
  }
}

const TAB_ESCAPES: Readonly<Record<string, string>> = {
  ...{ "\\": String.raw`\\`, "\t": String.raw`\t`, "\n": String.raw`\n`, "\r": String.raw`\r`, "\0": String.raw`\0` },
  ...{ "\b": String.raw`\b`, "\f": String.raw`\f`, "'": String.raw`\'` },
};

function tabText(value: Value, type: Type): string {
  const text = textOf(value, type);
  return type.kind === "string" && value !== null
    ? text.replaceAll(/[\\\t\n\r\0\b\f']/g, (found) => TAB_ESCAPES[found]!)
    : text;
}
