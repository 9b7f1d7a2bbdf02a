/** Numbers and tables, the same on the terminal and in RESULTS.md. */

/** Two significant digits below ten, whole numbers above. */
export function number(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  return value >= 10 ? Math.round(value).toLocaleString("en") : value.toPrecision(2);
}

export function percent(value: number | undefined): string {
  return value === undefined || !Number.isFinite(value) ? "–" : `${Math.round(value * 100)} %`;
}

export function times(value: number): string {
  return Number.isFinite(value) ? `${number(value)}×` : "–";
}

export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) => `| ${row.map((text, column) => text.padEnd(widths[column]!)).join(" | ")} |`;
  return [line(header), `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...rows.map(line)].join("\n");
}

/** The same without columns in which there is nothing. */
export function tableOfMeasured(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const isEmpty = (cell: string) => /^[–/ ]*$/.test(cell);
  const isMeasured = header.map((_, column) => rows.some((row) => !isEmpty(row[column]!)));
  const select = (row: readonly string[]) => row.filter((_, column) => isMeasured[column]);
  return table(select(header), rows.map(select));
}
