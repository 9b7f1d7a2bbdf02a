/** The rows that both engines get: few, with what is hard in them. */
import type { Point } from "../../../src/analytics/point.ts";
import type { Random } from "../../simulation/random.ts";

const WORDS = [
  "",
  "eu",
  "us",
  "EU",
  "ähre",
  "Ähre",
  "a_b%c",
  "12",
  "007",
  "-3",
  "x'y",
  "日本",
  "😀z",
  "GET /a/1",
  "GET /b/2",
];
const NUMBERS = [
  0, 1, -1, 2, 3, 7, 10, 0.5, -0.5, 1.5, 2.5, 0.1, 1e-7, 99.9, 1234.5678, -77, 255, 256, 65_536, 4e9, 1e15, 1e300,
];
/** Around the end of a summer in America and Europe. */
const BEGIN = 1_636_200_000;

export function makeRows(random: Random, count: number): Point[] {
  return Array.from({ length: count }, () => ({
    timestamp: BEGIN + random.below(40 * 86_400),
    index: random.pick(["c1", "c2", "c3"]),
    blobs: [random.pick(WORDS), random.pick(WORDS.slice(0, 4)), String(random.below(50))],
    doubles: [random.pick(NUMBERS), random.below(20), random.below(1000) / 8],
  }));
}
