/** Points in files: a line of JSON each, in files of as many as a chunk has. */
import { appendFile, chmod, mkdir, readFile, readdir, truncate, unlink } from "node:fs/promises";
import path from "node:path";
import type { Point } from "./point.ts";

type Line = readonly [
  timestamp: number,
  index: string,
  blobs: readonly string[],
  doubles: readonly (number | string)[],
];

/** JSON has no numbers for NaN and infinity. */
function toLine({ timestamp, index, blobs, doubles }: Point): string {
  const line: Line = [
    timestamp,
    index,
    blobs,
    doubles.map((value) => (Number.isFinite(value) ? value : String(value))),
  ];
  return `${JSON.stringify(line)}\n`;
}

function fromLine(text: string): Point | undefined {
  try {
    const [timestamp, index, blobs, doubles] = JSON.parse(text) as Line;
    return {
      timestamp,
      index,
      blobs,
      doubles: doubles.map(Number),
    };
  } catch {
    return undefined;
  }
}

/** The files of one dataset. */
export class PointFiles {
  readonly #folder: string;
  /** Number of the file of the oldest chunk. */
  #first = 1;
  #last = 0;

  /** @param folder of all datasets */
  constructor(folder: string, dataset: string) {
    this.#folder = path.join(folder, folderOf(dataset));
  }

  /**
   * Reads what there is, file by file. What a crash left unfinished is cut off.
   * @param onPoints called for each file
   * @returns lines that nobody can read
   */
  async read(onPoints: (points: readonly Point[]) => void): Promise<number> {
    const numbers = (await readdir(this.#folder).catch(() => []))
      .flatMap((name) => /^(\d{6})\.ndjson$/.exec(name)?.[1] ?? [])
      .map(Number)
      .toSorted((a, b) => a - b);
    let unreadable = 0;
    for (const number of numbers) {
      const file = this.#file(number);
      const bytes = await readFile(file);
      const end = bytes.lastIndexOf("\n") + 1;
      if (end < bytes.length) await truncate(file, end);
      const lines = bytes.toString("utf8", 0, end).split("\n").slice(0, -1);
      const points = lines.map(fromLine);
      const readable = points.filter((point) => point !== undefined);
      unreadable += points.length - readable.length;
      onPoints(readable);
    }
    this.#first = numbers[0] ?? 1;
    this.#last = numbers.at(-1) ?? 0;
    return unreadable;
  }

  async append(points: readonly Point[], startsFile: boolean): Promise<void> {
    if (startsFile) {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      this.#last++;
    }
    await appendFile(this.#file(this.#last), points.map(toLine).join(""), { mode: 0o600 });
  }

  async dropOldest(): Promise<void> {
    await unlink(this.#file(this.#first)).catch(() => {});
    this.#first++;
  }

  #file(number: number): string {
    return path.join(this.#folder, `${String(number).padStart(6, "0")}.ndjson`);
  }
}

/** A name for a folder on any file system; it tells the dataset's. */
function folderOf(dataset: string): string {
  return encodeURIComponent(dataset).replaceAll(".", "%2E");
}

/** The datasets that have files. */
export async function datasetsIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.flatMap((entry) => {
    if (!entry.isDirectory()) return [];
    try {
      return [decodeURIComponent(entry.name)];
    } catch {
      return [];
    }
  });
}

/** Makes the folder of all datasets, for its owner only. */
export async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
}
