/** The format strings of formatDateTime. */
import { SqlError } from "../error.ts";
import { dayOf, dayOfYear, formatDay, isoWeek, padded, weekdayOf } from "./calendar.ts";

interface Moment {
  /** Since 1970, local. */
  readonly days: number;
  /** Of the day, local. */
  readonly seconds: number;
  /** Seconds from UTC. */
  readonly offset: number;
}

const WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS = [
  ...["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November"],
  "December",
];

const hour = ({ seconds }: Moment): number => Math.floor(seconds / 3600);
const hour12 = (moment: Moment): number => hour(moment) % 12 || 12;
const minute = ({ seconds }: Moment): number => Math.floor(seconds / 60) % 60;
const second = ({ seconds }: Moment): number => seconds % 60;
const half = (moment: Moment): string => (hour(moment) < 12 ? "AM" : "PM");
const weekday = ({ days }: Moment): string => WEEKDAYS[weekdayOf(days) - 1]!;
const month = ({ days }: Moment): string => MONTHS[dayOf(days).month - 1]!;
const clock = (moment: Moment): string => `${padded(hour(moment), 2)}:${padded(minute(moment), 2)}`;
const twoDigits = (value: number): string => padded(value, 2);

const SPECIFIERS: Readonly<Record<string, (moment: Moment) => string>> = {
  a: (moment) => weekday(moment).slice(0, 3),
  b: (moment) => month(moment).slice(0, 3),
  C: ({ days }) => twoDigits(Math.floor(dayOf(days).year / 100)),
  c: ({ days }) => String(dayOf(days).month),
  D: ({ days }) => {
    const { year, month: number, day } = dayOf(days);
    return [number, day, year % 100].map(twoDigits).join("/");
  },
  d: ({ days }) => twoDigits(dayOf(days).day),
  e: ({ days }) => String(dayOf(days).day),
  F: ({ days }) => formatDay(days),
  f: () => "000000",
  G: ({ days }) => padded(isoWeek(days).year, 4),
  g: ({ days }) => twoDigits(isoWeek(days).year % 100),
  H: (moment) => twoDigits(hour(moment)),
  h: (moment) => twoDigits(hour12(moment)),
  I: (moment) => twoDigits(hour12(moment)),
  i: (moment) => twoDigits(minute(moment)),
  j: ({ days }) => padded(dayOfYear(days), 3),
  k: (moment) => twoDigits(hour(moment)),
  l: (moment) => twoDigits(hour12(moment)),
  // As ClickHouse has it: the minute is %i.
  M: month,
  m: ({ days }) => twoDigits(dayOf(days).month),
  n: () => "\n",
  p: half,
  Q: ({ days }) => String(Math.ceil(dayOf(days).month / 3)),
  R: clock,
  r: (moment) => `${twoDigits(hour12(moment))}:${twoDigits(minute(moment))} ${half(moment)}`,
  S: (moment) => twoDigits(second(moment)),
  s: (moment) => twoDigits(second(moment)),
  T: (moment) => `${clock(moment)}:${twoDigits(second(moment))}`,
  t: () => "\t",
  u: ({ days }) => String(weekdayOf(days)),
  V: ({ days }) => twoDigits(isoWeek(days).week),
  W: weekday,
  w: ({ days }) => String(weekdayOf(days) % 7),
  Y: ({ days }) => padded(dayOf(days).year, 4),
  y: ({ days }) => twoDigits(dayOf(days).year % 100),
  z: ({ offset }) => {
    const minutes = Math.abs(offset) / 60;
    return `${offset < 0 ? "-" : "+"}${twoDigits(Math.floor(minutes / 60))}${twoDigits(minutes % 60)}`;
  },
  "%": () => "%",
};

/** @throws {SqlError} */
export function dateTimeFormatter(format: string, position: number): (moment: Moment) => string {
  const pieces = [...format.matchAll(/%([^])?|[^%]+/gu)].map(([text, letter]) => {
    if (!text.startsWith("%")) return () => text;
    const specifier = letter === undefined ? undefined : SPECIFIERS[letter];
    if (specifier !== undefined) return specifier;
    throw new SqlError(`the format has an unknown ${text}`, position, "for a percent sign, write %%");
  });
  return (moment) => pieces.map((piece) => piece(moment)).join("");
}
