/** Adding intervals, and rounding to them. Days and more follow the calendar of the DateTime's zone. */
import { DATE, DATETIME, type IntervalUnit, type Type } from "../types.ts";
import { SECONDS_PER_DAY, addMonths, dayOf, daysOf } from "./calendar.ts";
import { fromLocal, offsetAt } from "./zones.ts";

const SECONDS: Partial<Record<IntervalUnit, number>> = { Second: 1, Minute: 60, Hour: 3600 };
const DAYS: Partial<Record<IntervalUnit, number>> = { Day: 1, Week: 7 };
/** 1970-01-05 */
const FIRST_MONDAY = 4;
const MONTHS: Partial<Record<IntervalUnit, number>> = { Month: 1, Quarter: 3, Year: 12 };

interface Shift {
  readonly type: Type;
  readonly apply: (time: number, count: number) => number;
}

export function addInterval(time: Type, unit: IntervalUnit, sign: 1 | -1): Shift {
  const seconds = SECONDS[unit];
  if (time.kind === "date") {
    if (seconds !== undefined) {
      return { type: DATETIME, apply: (days, count) => days * SECONDS_PER_DAY + sign * count * seconds };
    }
    return { type: DATE, apply: (days, count) => addDays(days, unit, sign * count) };
  }
  if (seconds !== undefined) return { type: time, apply: (moment, count) => moment + sign * count * seconds };
  const zone = time.kind === "datetime" ? time.zone : undefined;
  return { type: time, apply: (moment, count) => onDays(moment, zone, (days) => addDays(days, unit, sign * count)) };
}

function addDays(days: number, unit: IntervalUnit, count: number): number {
  const each = DAYS[unit];
  return each === undefined ? addMonths(days, count * MONTHS[unit]!) : days + count * each;
}

/** Changes the day of a moment and keeps the time that clocks show. */
function onDays(moment: number, zone: string | undefined, change: (days: number) => number): number {
  const local = moment + offsetAt(zone, moment);
  const days = Math.floor(local / SECONDS_PER_DAY);
  return fromLocal(zone, change(days) * SECONDS_PER_DAY + local - days * SECONDS_PER_DAY);
}

/** The day on which an interval began; weeks begin on Monday. */
export function startOfInterval(days: number, unit: IntervalUnit, count: number): number {
  if (unit === "Day") return Math.floor(days / count) * count;
  if (unit === "Week") return Math.floor((days - FIRST_MONDAY) / (7 * count)) * 7 * count + FIRST_MONDAY;
  const { year, month } = dayOf(days);
  // Years are counted from 0, months from 1900.
  if (unit === "Year") return daysOf({ year: Math.floor(year / count) * count, month: 1, day: 1 });
  const months = count * MONTHS[unit]!;
  const index = Math.floor(((year - 1900) * 12 + month - 1) / months) * months;
  return daysOf({ year: 1900 + Math.floor(index / 12), month: (index % 12) + 1, day: 1 });
}

/** Hours are counted from midnight, minutes and seconds from 1970; seconds from midnight where clocks differ by half an hour. */
export function startOfTime(moment: number, zone: string | undefined, unit: IntervalUnit, count: number): number {
  const seconds = count * SECONDS[unit]!;
  const offset = offsetAt(zone, moment);
  const isFromMidnight = unit === "Hour" || (unit === "Second" && offset % 3600 !== 0);
  if (!isFromMidnight) return Math.floor(moment / seconds) * seconds;
  const local = moment + offset;
  const midnight = Math.floor(local / SECONDS_PER_DAY) * SECONDS_PER_DAY;
  const rest = (local - midnight) % seconds;
  // Unless the clocks changed since then.
  return offsetAt(zone, moment - rest) === offset ? moment - rest : fromLocal(zone, local - rest);
}

export function isShort(unit: IntervalUnit): boolean {
  return unit in SECONDS;
}
