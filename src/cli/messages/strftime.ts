/** strftime(3) in the C locale, for the `@X` sequences of `sub -F`. One conversion at a time, local time. */

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

const two = (value: number) => String(value).padStart(2, "0");
const blank = (value: number) => String(value).padStart(2, " ");
const hour12 = (time: Date) => time.getHours() % 12 || 12;

function dayOfYear(time: Date): number {
  const start = Date.UTC(time.getFullYear(), 0, 1);
  return Math.floor((Date.UTC(time.getFullYear(), time.getMonth(), time.getDate()) - start) / 86_400_000) + 1;
}

/** Year and number of the week that ISO 8601 counts the day to: the one that its Thursday is in. */
function isoWeek(time: Date): { year: number; week: number } {
  const thursday = new Date(time.getFullYear(), time.getMonth(), time.getDate() + 4 - (time.getDay() || 7));
  return { year: thursday.getFullYear(), week: Math.ceil(dayOfYear(thursday) / 7) };
}

/** `+0100` */
export function zoneOffset(time: Date): string {
  const minutes = -time.getTimezoneOffset();
  const size = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}${two(size % 60)}`;
}

const conversions: Readonly<Record<string, (time: Date) => string>> = {
  a: (time) => DAYS[time.getDay()]!.slice(0, 3),
  A: (time) => DAYS[time.getDay()]!,
  b: (time) => MONTHS[time.getMonth()]!.slice(0, 3),
  h: (time) => MONTHS[time.getMonth()]!.slice(0, 3),
  B: (time) => MONTHS[time.getMonth()]!,
  c: (time) => strftime("a b e T Y", time),
  C: (time) => two(Math.floor(time.getFullYear() / 100)),
  d: (time) => two(time.getDate()),
  D: (time) => `${two(time.getMonth() + 1)}/${two(time.getDate())}/${two(time.getFullYear() % 100)}`,
  e: (time) => blank(time.getDate()),
  F: (time) => `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`,
  g: (time) => two(isoWeek(time).year % 100),
  G: (time) => String(isoWeek(time).year),
  H: (time) => two(time.getHours()),
  I: (time) => two(hour12(time)),
  j: (time) => String(dayOfYear(time)).padStart(3, "0"),
  k: (time) => blank(time.getHours()),
  l: (time) => blank(hour12(time)),
  m: (time) => two(time.getMonth() + 1),
  M: (time) => two(time.getMinutes()),
  n: () => "\n",
  N: (time) => `${String(time.getMilliseconds()).padStart(3, "0")}000000`,
  p: (time) => (time.getHours() < 12 ? "AM" : "PM"),
  P: (time) => (time.getHours() < 12 ? "am" : "pm"),
  r: (time) =>
    `${two(hour12(time))}:${two(time.getMinutes())}:${two(time.getSeconds())} ${time.getHours() < 12 ? "AM" : "PM"}`,
  R: (time) => `${two(time.getHours())}:${two(time.getMinutes())}`,
  s: (time) => String(Math.floor(time.getTime() / 1000)),
  S: (time) => two(time.getSeconds()),
  t: () => "\t",
  T: (time) => `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`,
  u: (time) => String(time.getDay() || 7),
  U: (time) => two(Math.floor((dayOfYear(time) + 6 - time.getDay()) / 7)),
  V: (time) => two(isoWeek(time).week),
  w: (time) => String(time.getDay()),
  W: (time) => two(Math.floor((dayOfYear(time) + 6 - ((time.getDay() + 6) % 7)) / 7)),
  x: (time) => strftime("D", time),
  X: (time) => strftime("T", time),
  y: (time) => two(time.getFullYear() % 100),
  Y: (time) => String(time.getFullYear()),
  z: zoneOffset,
  Z: (time) => /\(([^)]*)\)/.exec(time.toString())?.[1] ?? zoneOffset(time),
};

function strftime(letters: string, time: Date): string {
  return letters
    .split(" ")
    .map((letter) => conversions[letter]!(time))
    .join(" ");
}

/** The conversion for a letter after `@`; undefined where strftime has none. */
export function timeConversion(letter: string): ((time: Date) => string) | undefined {
  return Object.hasOwn(conversions, letter) ? conversions[letter] : undefined;
}
