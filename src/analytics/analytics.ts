/** Keeps what Workers write to Analytics Engine, and answers queries. */
import { setImmediate } from "node:timers/promises";
import { CHUNK_ROWS, columns } from "./chunk.ts";
import { Dataset } from "./dataset.ts";
import { DATASETS_MAX, NAME_BYTES_MAX, POINTS_MAX, QUERIES_MAX, QUERY_MS_MAX } from "./limits.ts";
import type { Point } from "./point.ts";
import { PointFiles, datasetsIn, makeFolder } from "./point-file.ts";
import {
  QUERY_CHARS_MAX,
  type Relation,
  SqlError,
  contentTypes,
  describeSqlError,
  formatAnswer,
  parse,
  run,
} from "./sql/index.ts";

export interface AnalyticsOptions {
  /** In memory only where it is not given. */
  readonly folder?: string | undefined;
  readonly log: (line: string) => void;
  /** UNIX milliseconds. */
  readonly now: () => number;
  readonly pointsMax?: number;
}

/** An answer in the format that the query asked for, or why there is none, with place and remedy. */
export type QueryAnswer =
  | {
      readonly body: string;
      readonly contentType: string;
      /** What of the query Cloudflare's documentation does not know. */
      readonly remarks: readonly string[];
    }
  | { readonly refused: string };

interface Kept {
  readonly dataset: Dataset;
  readonly files: PointFiles | undefined;
}

/** The name that the documentation of 2022 gives to all datasets together. */
const ALL_DATASETS = "analytics_engine";

/** Others may have the processor when a query has had it for so long. */
const SLICE_MS = 8;

export class Analytics {
  readonly #options: AnalyticsOptions;
  readonly #pointsMax: number;
  readonly #kept = new Map<string, Kept>();
  /** Reading the files, once somebody wants to know what is in them. */
  #loaded: Promise<void> | undefined;
  /** The end of what is being written. */
  #writing: Promise<void> = Promise.resolve();
  /** The end of the queries that run or wait. */
  #querying: Promise<unknown> = Promise.resolve();
  #queries = 0;
  readonly #told = new Set<string>();

  constructor(options: AnalyticsOptions) {
    this.#options = options;
    this.#pointsMax = options.pointsMax ?? POINTS_MAX;
  }

  /** Resolves when the points are in the files; never rejects. */
  async write(dataset: string, points: readonly Point[]): Promise<void> {
    const before = this.#writing;
    this.#writing = this.#writeAfter(before, dataset, points);
    await this.#writing;
  }

  /** A full disk is told and costs what it costs: the points are still in memory. */
  async #writeAfter(before: Promise<void>, dataset: string, points: readonly Point[]): Promise<void> {
    await before;
    try {
      await this.#load();
      await this.#append(dataset, points);
    } catch (error) {
      this.#tellOnce(`analytics: points could not be written: ${(error as Error).message}`);
    }
  }

  async query(text: string): Promise<QueryAnswer> {
    if (text.length > QUERY_CHARS_MAX) return { refused: `the query has more than ${QUERY_CHARS_MAX} characters` };
    if (this.#queries >= QUERIES_MAX) return { refused: `${QUERIES_MAX} queries are waiting already; try again` };
    this.#queries++;
    const answer = this.#answerAfter(this.#querying, text);
    this.#querying = answer.catch(() => {});
    try {
      return await answer;
    } finally {
      this.#queries--;
    }
  }

  async #answerAfter(before: Promise<unknown>, text: string): Promise<QueryAnswer> {
    await before;
    await this.#writing;
    await this.#load();
    return await this.#answer(text);
  }

  /** Once what was written before is in the files. */
  async close(): Promise<void> {
    await this.#writing;
    await this.#querying;
  }

  async #answer(text: string): Promise<QueryAnswer> {
    try {
      const statement = parse(text);
      const source = {
        table: (name: string) => this.#relation(name),
        tableNames: () => [...this.#kept.keys()].toSorted(),
      };
      const running = run(statement, source, { nowMs: this.#options.now() });
      const startedAt = performance.now();
      let sliceAt = startedAt;
      let step = running.next();
      while (!step.done) {
        if (performance.now() - sliceAt > SLICE_MS) {
          if (performance.now() - startedAt > QUERY_MS_MAX) throw tooSlow();
          await setImmediate();
          sliceAt = performance.now();
        }
        step = running.next();
      }
      const { format } = statement;
      const body = formatAnswer(step.value, format);
      return { body, contentType: contentTypes[format], remarks: step.value.remarks };
    } catch (error) {
      if (!(error instanceof SqlError)) throw error;
      return { refused: describeSqlError(error, text) };
    }
  }

  #relation(name: string): Relation | undefined {
    const kept = this.#kept.get(name);
    if (kept !== undefined) return kept.dataset.relation();
    if (name !== ALL_DATASETS) return undefined;
    return { columns, chunks: [...this.#kept.values()].flatMap(({ dataset }) => dataset.relation().chunks) };
  }

  async #load(): Promise<void> {
    this.#loaded ??= this.#read();
    await this.#loaded;
  }

  async #read(): Promise<void> {
    const { folder, log } = this.#options;
    if (folder === undefined) return;
    await makeFolder(folder);
    for (const name of await datasetsIn(folder)) {
      const { dataset, files } = this.#open(name);
      let dropped = 0;
      const unreadable = await files!.read((points) => {
        for (const point of points) dropped += dataset.add(point);
      });
      for (let index = 0; index < dropped; index++) await files!.dropOldest();
      if (unreadable > 0) log(`analytics: ${unreadable} points of ${name} could not be read, and are left out`);
      // Between files, clients are served.
      await setImmediate();
    }
  }

  #open(name: string): Kept {
    let kept = this.#kept.get(name);
    if (kept === undefined) {
      const { folder } = this.#options;
      const files = folder === undefined ? undefined : new PointFiles(folder, name);
      kept = { dataset: new Dataset(name, this.#pointsMax), files };
      this.#kept.set(name, kept);
    }
    return kept;
  }

  async #append(name: string, points: readonly Point[]): Promise<void> {
    const isNew = !this.#kept.has(name);
    if (isNew && (this.#kept.size >= DATASETS_MAX || Buffer.byteLength(name) > NAME_BYTES_MAX)) {
      const limit = `${DATASETS_MAX} datasets with names of up to ${NAME_BYTES_MAX} bytes`;
      this.#tellOnce(`analytics: points of ${JSON.stringify(name.slice(0, 40))} are not kept: there are ${limit}`);
      return;
    }
    const { dataset, files } = this.#open(name);
    for (let from = 0; from < points.length;) {
      const room = CHUNK_ROWS - (dataset.points % CHUNK_ROWS);
      const part = points.slice(from, from + room);
      const startsFile = room === CHUNK_ROWS;
      const dropped = part.reduce((sum, point) => sum + dataset.add(point), 0);
      await files?.append(part, startsFile);
      for (let index = 0; index < dropped; index++) await files?.dropOldest();
      from += room;
    }
  }

  #tellOnce(text: string): void {
    if (this.#told.has(text)) return;
    this.#told.add(text);
    this.#options.log(text);
  }
}

function tooSlow(): SqlError {
  return new SqlError(`the query takes longer than ${QUERY_MS_MAX / 1000} s`, 0, "ask for less: WHERE timestamp > …");
}
