/** growth.svg: lines over logarithmic axes, side by side. */
import type { Growth, GrowthRow } from "./growth.ts";

interface Line {
  readonly name: string;
  readonly color: string;
  readonly value: (row: GrowthRow) => number | undefined;
}

interface Panel {
  readonly title: string;
  readonly lines: readonly Line[];
}

const WIDTH = 420;
const HEIGHT = 300;
const MARGIN = { left: 58, right: 40, top: 36, bottom: 74 };

const panels: readonly Panel[] = [
  {
    title: "Finding subscribers, ns",
    lines: [
      { name: "topic that came before", color: "#1f77b4", value: (row) => row.repeatedTopicNs },
      { name: "topic that never came", color: "#d62728", value: (row) => row.newTopicNs },
    ],
  },
  {
    title: "Memory, bytes each",
    lines: [
      { name: "subscription", color: "#1f77b4", value: (row) => row.bytesPerSubscription },
      { name: "session", color: "#2ca02c", value: (row) => row.bytesPerSession },
      { name: "retained message", color: "#d62728", value: (row) => row.bytesPerRetained },
    ],
  },
];

export function growthChart({ rows }: Growth): string {
  const width = WIDTH * panels.length;
  const body = panels.map((panel, index) => `<g transform="translate(${index * WIDTH} 0)">${draw(panel, rows)}</g>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${HEIGHT}" width="${width}" height="${HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="white"/>
${body.join("\n")}
</svg>
`;
}

function draw({ title, lines }: Panel, rows: readonly GrowthRow[]): string {
  const values = lines.flatMap(({ value }) => rows.map(value)).filter((value) => value !== undefined);
  const x = scale(
    rows.map(({ count }) => count),
    MARGIN.left,
    WIDTH - MARGIN.right,
  );
  const y = scale(values, HEIGHT - MARGIN.bottom, MARGIN.top);
  const bottom = HEIGHT - MARGIN.bottom;
  const parts = [`<text x="${MARGIN.left}" y="20" font-weight="bold">${title}</text>`];
  for (const decade of y.decades) {
    const at = y.place(decade);
    parts.push(`<path d="M${MARGIN.left} ${at}H${WIDTH - MARGIN.right}" stroke="#ddd"/>`);
    parts.push(`<text x="${MARGIN.left - 6}" y="${at + 4}" text-anchor="end">${decade.toLocaleString("en")}</text>`);
  }
  for (const { count } of rows) {
    parts.push(
      `<text x="${x.place(count)}" y="${bottom + 18}" text-anchor="middle">${count.toLocaleString("en")}</text>`,
    );
  }
  lines.forEach(({ name, color, value }, index) => {
    const points = rows.flatMap((row) => {
      const measured = value(row);
      return measured === undefined ? [] : [[x.place(row.count), y.place(measured)] as const];
    });
    const path = points.map(([left, top]) => `${left},${top}`).join(" ");
    parts.push(`<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2"/>`);
    for (const [left, top] of points) parts.push(`<circle cx="${left}" cy="${top}" r="3" fill="${color}"/>`);
    const legend = MARGIN.left + index * 115;
    parts.push(`<rect x="${legend}" y="${bottom + 42}" width="12" height="4" fill="${color}"/>`);
    parts.push(`<text x="${legend + 16}" y="${bottom + 48}" font-size="10">${name}</text>`);
  });
  return parts.join("\n");
}

/** A logarithmic axis that spans whole decades. */
function scale(values: readonly number[], from: number, to: number) {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  return {
    decades: Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index)),
    place: (value: number) => Math.round(from + ((Math.log10(value) - low) / (high - low)) * (to - from)),
  };
}
