/** DateTimes as texts. */
import { SqlError } from "../error.ts";
import { SECONDS_PER_DAY, daysInMonth, daysOf, formatDay, padded } from "./calendar.ts";
import { fromLocal, offsetAt } from "./zones.ts";

export const SECONDS_MAX = 2 ** 32 - 1;

/** `2022-12-01 16:17:00` */
export function formatDateTime(seconds: number, zone?: string): string {
  const local = seconds + offsetAt(zone, seconds);
  const days = Math.floor(local / SECONDS_PER_DAY);
  const rest = local - days * SECONDS_PER_DAY;
  const time = [Math.floor(rest / 3600), Math.floor(rest / 60) % 60, rest % 60].map((part) => padded(part, 2));
  return `${formatDay(days)} ${time.join(":")}`;
}

const DATE_TIME = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2}):(\d{1,2}):(\d{1,2})Z?)?$/;

/** @param zone that the text is in. @throws {SqlError} */
export function parseDateTime(text: string, zone: string | undefined, position: number): number {
  // A UNIX time, as ClickHouse reads digits from five on.
  if (/^\d{5,10}$/.test(text)) return Math.min(Number(text), SECONDS_MAX);
  const parts = DATE_TIME.exec(text)
    ?.slice(1)
    .map((part) => Number(part ?? 0));
  if (parts !== undefined) {
    const [year, month, day, hour, minute, second] = parts as [number, number, number, number, number, number];
    const isDay = month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month);
    if (isDay && hour < 24 && minute < 60 && second < 60) {
      const local = daysOf({ year, month, day }) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
      return Math.min(Math.max(fromLocal(zone, local), 0), SECONDS_MAX);
    }
  }
  throw new SqlError(`'${text}' is no DateTime`, position, "write it as '2022-12-01 16:17:00'");
}

/** @returns days since 1970. @throws {SqlError} */
export function parseDate(text: string, position: number): number {
  const parts = /^(\d{4})-(\d{1,2})-(\d{1,2})$/.exec(text);
  if (parts === null) throw new SqlError(`'${text}' is no Date`, position, "write it as '2022-12-01'");
  const [year, month, day] = parts.slice(1).map(Number) as [number, number, number];
  return Math.max(daysOf({ year, month, day }), 0);
}
