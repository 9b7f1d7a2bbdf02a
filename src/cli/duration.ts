import type { UserError } from "../errors.ts";
import { usageError } from "./errors.ts";

const SECOND = 1;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Seconds per unit. A month is 30 days and a year 365: wrangler's own parser makes them seven times as long. */
const units: readonly (readonly [seconds: number, names: readonly string[]])[] = [
  [SECOND, ["s", "sec", "secs", "second", "seconds"]],
  [MINUTE, ["m", "min", "mins", "minute", "minutes"]],
  [HOUR, ["h", "hr", "hrs", "hour", "hours"]],
  [DAY, ["d", "day", "days"]],
  [7 * DAY, ["w", "week", "weeks"]],
  [30 * DAY, ["mo", "month", "months"]],
  [365 * DAY, ["y", "yr", "year", "years"]],
];
const secondsByName = new Map(units.flatMap(([seconds, names]) => names.map((name) => [name, seconds] as const)));

/** About 100 years: more is a mistake, and the sum with the present time must stay an exact number. */
const DURATION_SECONDS_MAX = 100 * 365 * DAY;

/**
 * Reads `90s`, `48h`, `7d`, `1y`, `6 days`, `1h30m`; a bare number means seconds.
 * @returns seconds, a whole number
 * @throws {UserError} `usage`
 */
export function parseDuration(text: string): number {
  const compact = text.trim().toLowerCase();
  const wrong = () =>
    usageError(`"${text}" is not a duration`, "write a number and a unit, such as 90s, 48h, 7d, 1mo or 1y");
  if (/^\d+$/.test(compact)) return withinLimit(Number(compact), text);
  if (!/^(?:\d+(?:\.\d+)?\s*[a-z]+\s*)+$/.test(compact)) throw wrong();

  let seconds = 0;
  for (const [, amount, unit] of compact.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)/g)) {
    const secondsPerUnit = secondsByName.get(unit!);
    if (secondsPerUnit === undefined) throw wrong();
    seconds += Number(amount) * secondsPerUnit;
  }
  return withinLimit(Math.round(seconds), text);
}

function withinLimit(seconds: number, text: string): number {
  if (seconds < 1) throw usageError(`the duration "${text}" is shorter than a second`);
  if (seconds > DURATION_SECONDS_MAX) throw usageError(`the duration "${text}" is longer than 100 years`);
  return seconds;
}

/** As `parseDuration`; null for `none`, `never` and `-1`, which mean that there is no limit. */
export function parseExpiration(text: string): number | null {
  if (["none", "never", "-1"].includes(text.trim().toLowerCase())) return null;
  try {
    return parseDuration(text);
  } catch (error) {
    const { message, hint = 'write "none" for no limit' } = error as UserError;
    throw usageError(message, hint);
  }
}

/** In the two largest units that say something: `2 days`, `1 h 30 min`. */
export function formatDuration(seconds: number): string {
  const parts: string[] = [];
  let rest = Math.round(seconds);
  const steps: readonly (readonly [number, (n: number) => string])[] = [
    [DAY, (n) => (n === 1 ? "1 day" : `${n} days`)],
    [HOUR, (n) => `${n} h`],
    [MINUTE, (n) => `${n} min`],
    [SECOND, (n) => `${n} s`],
  ];
  for (const [size, say] of steps) {
    const amount = Math.floor(rest / size);
    rest -= amount * size;
    if (amount > 0) parts.push(say(amount));
  }
  return parts.slice(0, 2).join(" ") || "0 s";
}

const millisecondsByUnit: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Reads `200ms`, `1.5s`, `2m`, `1h`. @returns a whole number of milliseconds; NaN for anything else */
export function parseMilliseconds(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)$/.exec(text.trim()) ?? [];
  return unit === undefined ? Number.NaN : Math.round(Number(amount) * millisecondsByUnit[unit]!);
}

/** `200 ms`, `1.5 s`, `2 min`, `1 h` */
export function formatMilliseconds(ms: number): string {
  if (ms < 1000) return `${ms} ms`;
  return ms < 60_000 || ms % 1000 !== 0 ? `${ms / 1000} s` : formatDuration(ms / 1000);
}
