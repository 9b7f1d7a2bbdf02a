/** A value as text: in answers, and where functions make strings of it. */
import type { Type } from "../types.ts";
import { type Value, formatFloat, quote } from "../values.ts";
import { formatDay } from "./calendar.ts";
import { formatDateTime } from "./moments.ts";

/** @returns for NULL, `\N`, as in TabSeparated */
export function textOf(value: Value, type: Type): string {
  if (value === null) return String.raw`\N`;
  switch (type.kind) {
    case "float":
      return formatFloat(Number(value));
    case "bool":
      return value === 0 ? "false" : "true";
    case "date":
      return formatDay(value as number);
    case "datetime":
      return formatDateTime(value as number, type.zone);
    case "array":
      return `[${(value as Value[]).map((item) => itemText(item, type.of)).join(",")}]`;
    default:
      return value.toString();
  }
}

function itemText(value: Value, type: Type): string {
  if (value === null) return "NULL";
  const isQuoted = type.kind === "string" || type.kind === "date" || type.kind === "datetime";
  return isQuoted ? quote(textOf(value, type)) : textOf(value, type);
}
