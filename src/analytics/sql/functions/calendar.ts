/** The Gregorian calendar, on days since 1970 and on months since year 0. */

export const SECONDS_PER_DAY = 86_400;

export interface Day {
  readonly year: number;
  /** 1 to 12 */
  readonly month: number;
  /** 1 to 31 */
  readonly day: number;
}

/** After Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days. */
export function dayOf(days: number): Day {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

/** Likewise, days_from_civil. Days beyond the month's end count on. */
export function daysOf({ year, month, day }: Day): number {
  const shiftedYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(shiftedYear / 400);
  const yearOfEra = shiftedYear - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

export function daysInMonth(year: number, month: number): number {
  return (
    daysOf(month === 12 ? { year: year + 1, month: 1, day: 1 } : { year, month: month + 1, day: 1 }) -
    daysOf({ year, month, day: 1 })
  );
}

/** The day some months later; of a month that is too short, its last. */
export function addMonths(days: number, months: number): number {
  const { year, month, day } = dayOf(days);
  const index = year * 12 + month - 1 + months;
  const newYear = Math.floor(index / 12);
  const newMonth = (index % 12) + 1;
  return daysOf({ year: newYear, month: newMonth, day: Math.min(day, daysInMonth(newYear, newMonth)) });
}

/** 1 (Monday) to 7 */
export function weekdayOf(days: number): number {
  return ((((days + 3) % 7) + 7) % 7) + 1;
}

/** 1 to 366 */
export function dayOfYear(days: number): number {
  return days - daysOf({ year: dayOf(days).year, month: 1, day: 1 }) + 1;
}

/** ISO 8601: weeks begin on Monday, and belong to the year of their Thursday. */
export function isoWeek(days: number): { year: number; week: number } {
  const thursday = days + 4 - weekdayOf(days);
  const { year } = dayOf(thursday);
  return { year, week: Math.floor((thursday - daysOf({ year, month: 1, day: 1 })) / 7) + 1 };
}

export function padded(value: number, width: number): string {
  return String(value).padStart(width, "0");
}

export function formatDay(days: number): string {
  const { year, month, day } = dayOf(days);
  return `${padded(year, 4)}-${padded(month, 2)}-${padded(day, 2)}`;
}
