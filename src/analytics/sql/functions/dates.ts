/** Functions of dates and times. */
import type { Call } from "../ast.ts";
import type { Bind, Bound, Functions } from "../bound.ts";
import { SqlError } from "../error.ts";
import {
  DATE,
  DATETIME,
  type IntervalUnit,
  STRING,
  type Type,
  UINT16,
  UINT32,
  UINT8,
  isNumeric,
  isTime,
} from "../types.ts";
import type { Whole } from "../values.ts";
import { SECONDS_PER_DAY, type Day, dayOf, dayOfYear, isoWeek, weekdayOf } from "./calendar.ts";
import { constantString, expectTime, wrongType } from "./check.ts";
import { dateTimeFormatter } from "./date-format.ts";
import { isShort, startOfInterval, startOfTime } from "./intervals.ts";
import { SECONDS_MAX, parseDate, parseDateTime } from "./moments.ts";
import { checkZone, fromLocal, offsetAt } from "./zones.ts";

function zoneOf(type: Type): string | undefined {
  return type.kind === "datetime" ? type.zone : undefined;
}

/** The zone that an argument names, or else that of a DateTime. */
function namedZone(args: readonly Bound[], index: number, call: Call): string | undefined {
  const name = constantString(args[index], call, index);
  if (name === undefined) return zoneOf(args[0]!.type);
  checkZone(name, call.args[index]!.position);
  return name;
}

/** Local days and seconds of the day. */
function localTime(value: number, { kind }: Type, zone: string | undefined): { days: number; seconds: number } {
  if (kind === "date") return { days: value, seconds: 0 };
  const local = value + offsetAt(zone, value);
  const days = Math.floor(local / SECONDS_PER_DAY);
  return { days, seconds: local - days * SECONDS_PER_DAY };
}

/** A number that a clock shows: dates have none. */
function clockPart(pick: (seconds: number) => number): Functions[string] {
  const definition = part(UINT8, (_, __, seconds) => pick(seconds));
  const bind: Bind = (args, call, environment) => {
    if (args[0]!.type.kind === "date") throw wrongType(call, 0, args[0]!.type, "a DateTime");
    return definition.bind(args, call, environment);
  };
  return { ...definition, bind };
}

/** A number that a calendar or a clock shows. */
function part(
  type: Type,
  pick: (day: Day, days: number, seconds: number) => number,
  isDocumented = true,
): Functions[string] {
  return {
    arity: [1, 2],
    isDocumented,
    bind: (args, call) => {
      expectTime(args[0]!, call);
      const from = args[0]!.type;
      const zone = namedZone(args, 1, call);
      const apply = (value: number): number => {
        const { days, seconds } = localTime(value, from, zone);
        return pick(dayOf(days), days, seconds);
      };
      return { type, apply };
    },
  };
}

/** The start of an interval: a Date from weeks on, a DateTime else. */
function start(unit: IntervalUnit, count = 1): Functions[string] {
  return {
    arity: [1, 2],
    isDocumented: true,
    bind: (args, call) => {
      expectTime(args[0]!, call);
      return rounding(args[0]!.type, namedZone(args, 1, call), unit, count, call);
    },
  };
}

function rounding(
  from: Type,
  zone: string | undefined,
  unit: IntervalUnit,
  count: number,
  call: Call,
): ReturnType<Bind> {
  if (isShort(unit)) {
    if (from.kind === "date") throw wrongType(call, 0, from, "a DateTime");
    return { type: { ...DATETIME, zone } as Type, apply: (moment: number) => startOfTime(moment, zone, unit, count) };
  }
  const startDay = (value: number): number => startOfInterval(localTime(value, from, zone).days, unit, count);
  if (unit !== "Day") return { type: DATE, apply: (value: number) => Math.max(startDay(value), 0) };
  const type = { ...DATETIME, zone } as Type;
  return { type, apply: (value: number) => fromLocal(zone, startDay(value) * SECONDS_PER_DAY) };
}

const toStartOfInterval: Bind = (args, call) => {
  expectTime(args[0]!, call);
  const { type, constant } = args[1]!;
  if (type.kind !== "interval" || constant === undefined) {
    throw wrongType(call, 1, type, "an interval", "such as INTERVAL '15' MINUTE");
  }
  const count = constant.value as number;
  if (count < 1) throw new SqlError("the interval has to be longer than nothing", call.args[1]!.position);
  return rounding(args[0]!.type, namedZone(args, 2, call), type.unit, count, call);
};

type Apply = NonNullable<ReturnType<Bind>["apply"]>;

/** To UNIX seconds. */
function secondsOf({ type }: Bound, zone: string | undefined, call: Call): Apply {
  if (type.kind === "datetime") return (value: number) => value;
  if (type.kind === "date") return (days: number) => days * SECONDS_PER_DAY;
  if (type.kind === "string") return (text: string) => parseDateTime(text, zone, call.position);
  if (isNumeric(type)) return (value: Whole) => Math.min(Math.max(Math.trunc(Number(value)), 0), SECONDS_MAX);
  throw wrongType(call, 0, type, "a UNIX time, a string like '2022-12-01 16:17:00' or a Date");
}

const toDateTime: Bind = (args, call) => {
  const zone = namedZone(args, 1, call);
  return {
    type: (zone === undefined ? DATETIME : { ...DATETIME, zone }) as Type,
    apply: secondsOf(args[0]!, zone, call),
  };
};

const toDate: Bind = (args, call) => {
  const { type } = args[0]!;
  const zone = namedZone(args, 1, call);
  if (isTime(type)) return { type: DATE, apply: (value: number) => localTime(value, type, zone).days };
  if (type.kind === "string") return { type: DATE, apply: (text: string) => parseDate(text, call.position) };
  if (!isNumeric(type)) throw wrongType(call, 0, type, "a string, a number or a DateTime");
  // Small numbers are days, large ones seconds.
  const apply = (value: Whole): number => {
    const number = Math.max(Math.trunc(Number(value)), 0);
    return number <= 65_535 ? number : Math.floor(number / SECONDS_PER_DAY);
  };
  return { type: DATE, apply };
};

export const dates: Functions = {
  now: {
    arity: [0, 0],
    isDocumented: true,
    bind: (_, __, { nowMs }) => ({ type: DATETIME, apply: () => Math.floor(nowMs / 1000) }),
  },
  today: {
    arity: [0, 0],
    isDocumented: true,
    bind: (_, __, { nowMs }) => ({ type: DATE, apply: () => Math.floor(nowMs / 1000 / SECONDS_PER_DAY) }),
  },
  yesterday: {
    arity: [0, 0],
    isDocumented: false,
    bind: (_, __, { nowMs }) => ({ type: DATE, apply: () => Math.floor(nowMs / 1000 / SECONDS_PER_DAY) - 1 }),
  },
  toDateTime: { arity: [1, 2], isDocumented: true, bind: toDateTime },
  toDate: { arity: [1, 2], isDocumented: false, bind: toDate },
  toUnixTimestamp: {
    arity: [1, 2],
    isDocumented: true,
    bind: (args, call) => ({ type: UINT32, apply: secondsOf(args[0]!, namedZone(args, 1, call), call) }),
  },
  formatDateTime: {
    arity: [2, 3],
    isDocumented: true,
    bind: (args, call) => {
      expectTime(args[0]!, call);
      const format = dateTimeFormatter(constantString(args[1], call, 1)!, call.args[1]!.position);
      const from = args[0]!.type;
      const zone = namedZone(args, 2, call);
      const apply = (value: number): string => {
        const { days, seconds } = localTime(value, from, zone);
        const offset = from.kind === "date" ? 0 : offsetAt(zone, value);
        return format({ days, seconds, offset });
      };
      return { type: STRING, apply };
    },
  },
  toYear: part(UINT16, ({ year }) => year),
  toQuarter: part(UINT8, ({ month }) => Math.ceil(month / 3), false),
  toMonth: part(UINT8, ({ month }) => month),
  toDayOfMonth: part(UINT8, ({ day }) => day),
  toDayOfWeek: part(UINT8, (_, days) => weekdayOf(days)),
  toDayOfYear: part(UINT16, (_, days) => dayOfYear(days), false),
  toISOWeek: part(UINT8, (_, days) => isoWeek(days).week, false),
  toHour: clockPart((seconds) => Math.floor(seconds / 3600)),
  toMinute: clockPart((seconds) => Math.floor(seconds / 60) % 60),
  toSecond: clockPart((seconds) => seconds % 60),
  toYYYYMM: part(UINT32, ({ year, month }) => year * 100 + month),
  toYYYYMMDD: part(UINT32, ({ year, month, day }) => year * 10_000 + month * 100 + day, false),
  toStartOfInterval: { arity: [2, 3], isDocumented: true, bind: toStartOfInterval },
  toStartOfYear: start("Year"),
  toStartOfQuarter: { ...start("Quarter"), isDocumented: false },
  toStartOfMonth: start("Month"),
  // Cloudflare's begins on Monday; ClickHouse's on Sunday, unless told otherwise.
  toStartOfWeek: start("Week"),
  toMonday: { ...start("Week"), isDocumented: false },
  toStartOfDay: start("Day"),
  toStartOfHour: start("Hour"),
  toStartOfFifteenMinutes: start("Minute", 15),
  toStartOfTenMinutes: start("Minute", 10),
  toStartOfFiveMinutes: start("Minute", 5),
  toStartOfMinute: start("Minute"),
};
