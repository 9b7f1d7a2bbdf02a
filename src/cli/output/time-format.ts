import { formatDuration } from "../duration.ts";

const two = (value: number) => String(value).padStart(2, "0");

/** Local time for people, `2026-11-20 23:56:02`; the text itself where it is no time. */
export function formatLocalTime(time: string | number | Date): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return String(time);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${formatClock(date).slice(0, 8)}`;
}

/** `23:56:02.123`, local time. */
export function formatClock(date: Date): string {
  const milliseconds = String(date.getMilliseconds()).padStart(3, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${milliseconds}`;
}

/** `in 2 days`, `3 h 5 min ago` */
export function formatRelative(time: Date, now: Date): string {
  const seconds = Math.round((time.getTime() - now.getTime()) / 1000);
  if (seconds === 0) return "now";
  return seconds > 0 ? `in ${formatDuration(seconds)}` : `${formatDuration(-seconds)} ago`;
}
