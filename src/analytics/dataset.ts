/** The points of one dataset, in memory. */
import { CHUNK_ROWS, PointChunk, columns } from "./chunk.ts";
import type { Point } from "./point.ts";
import type { Relation } from "./sql/index.ts";

export class Dataset {
  readonly name: string;
  readonly #pointsMax: number;
  readonly #chunks: PointChunk[] = [];

  /** @param pointsMax before there are more, the oldest go, a chunk at a time */
  constructor(name: string, pointsMax: number) {
    this.name = name;
    this.#pointsMax = pointsMax;
  }

  get points(): number {
    return this.#chunks.reduce((sum, { rows }) => sum + rows, 0);
  }

  /** @returns how many of the oldest chunks had to go */
  add(point: Point): number {
    let last = this.#chunks.at(-1);
    if (last === undefined || last.isFull) this.#chunks.push((last = new PointChunk(this.name)));
    last.add(point);
    if (last.rows > 1) return 0;
    let dropped = 0;
    while (this.#chunks.length > 1 && this.#chunks.length * CHUNK_ROWS > this.#pointsMax) {
      this.#chunks.shift();
      dropped++;
    }
    return dropped;
  }

  /** What there is now, to be queried while more comes. */
  relation(): Relation {
    return { columns, chunks: this.#chunks.map((chunk) => chunk.snapshot()) };
  }
}
