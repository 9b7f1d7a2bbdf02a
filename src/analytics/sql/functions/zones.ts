/** Time zones: how far local time is from UTC, from JavaScript's own tables. */
import { SqlError } from "../error.ts";
import { SECONDS_PER_DAY, daysOf } from "./calendar.ts";

const QUARTER_HOUR = 900;
/** Kept offsets of a zone: a year of quarters of an hour. */
const OFFSETS_MAX = 40_000;

interface Zone {
  readonly format: Intl.DateTimeFormat;
  /** Quarter of an hour since 1970 → seconds. Clocks change at no other times. */
  readonly offsets: Map<number, number>;
}

const zones = new Map<string, Zone>();
const UTC = new Set(["UTC", "Etc/UTC"]);

/** @throws {SqlError} where there is no such zone */
export function checkZone(name: string, position: number): void {
  if (!UTC.has(name)) zoneNamed(name, position);
}

function zoneNamed(name: string, position: number): Zone {
  let zone = zones.get(name);
  if (zone !== undefined) return zone;
  try {
    const format = new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      hourCycle: "h23",
      ...{ year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" },
    });
    zone = { format, offsets: new Map() };
  } catch {
    throw new SqlError(`no time zone ${name}`, position, "SHOW TIMEZONES lists them, such as Europe/Berlin");
  }
  zones.set(name, zone);
  return zone;
}

/** Seconds to add to UNIX time for local time. */
export function offsetAt(zone: string | undefined, seconds: number): number {
  if (zone === undefined || UTC.has(zone)) return 0;
  const { format, offsets } = zoneNamed(zone, 0);
  const quarter = Math.floor(seconds / QUARTER_HOUR);
  let offset = offsets.get(quarter);
  if (offset === undefined) {
    const moment = quarter * QUARTER_HOUR;
    const parts: Record<string, number> = {};
    for (const { type, value } of format.formatToParts(moment * 1000)) parts[type] = Number(value);
    const { year, month, day, hour, minute, second } = parts;
    const days = daysOf({ year: year!, month: month!, day: day! });
    offset = days * SECONDS_PER_DAY + hour! * 3600 + minute! * 60 + second! - moment;
    if (offsets.size >= OFFSETS_MAX) offsets.clear();
    offsets.set(quarter, offset);
  }
  return offset;
}

/** From local time to UNIX time; of times that a clock shows twice, the first. */
export function fromLocal(zone: string | undefined, local: number): number {
  const guess = local - offsetAt(zone, local);
  const earlier = local - offsetAt(zone, guess - 7200);
  if (earlier + offsetAt(zone, earlier) === local) return Math.min(earlier, guess);
  return local - offsetAt(zone, guess);
}

/** All that there are, in order. */
export function zoneNames(): string[] {
  return [...new Set([...Intl.supportedValuesOf("timeZone"), "Etc/UTC", "UTC"])].toSorted();
}
