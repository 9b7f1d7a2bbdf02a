/** A clock that stands still until it is moved by hand, with what is due on the way done in its order. */
import { usageError } from "../cli/errors.ts";
import type { Runtime } from "../runtime/index.ts";

export class HandClock {
  #nowMs: number;

  /** @param nowMs UNIX milliseconds at which it begins */
  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  readonly now = (): number => this.#nowMs;

  /** @param runtime the one that has this clock */
  advance(runtime: Runtime, byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (let dueMs = runtime.advance(); dueMs <= untilMs; dueMs = runtime.advance()) {
      // Never for ever at the same time.
      this.#nowMs = Math.min(untilMs, Math.max(dueMs, this.#nowMs + 1));
    }
    this.#nowMs = untilMs;
    runtime.advance();
  }
}

const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const DURATION_MS_MAX = 100 * 366 * 86_400_000;

/**
 * Reads `250ms`, `1.5s`, `90m`, `1h 30m`, `7d`; a number is milliseconds.
 * @throws {UserError} `usage`
 */
export function parseMilliseconds(value: string | number): number {
  const parts = typeof value === "number" ? [] : [...value.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)\s*/gy)];
  const length = parts.reduce((sum, [whole]) => sum + whole.length, 0);
  const sum = parts.reduce((ms, [, amount, unit]) => ms + Number(amount) * (UNITS_MS[unit!] ?? Number.NaN), 0);
  const isWhole = typeof value === "number" || (parts.length > 0 && length === value.length);
  const ms = typeof value === "number" ? value : sum;
  if (isWhole && ms >= 0 && ms <= DURATION_MS_MAX) return ms;
  throw usageError(
    `${JSON.stringify(value)} is not a duration`,
    "write a number and a unit, such as 250ms, 10s, 5m, 1h or 7d",
  );
}
