/** `--time iso|unix|relative|delta`: how commands show times to people. With `--json` they are always RFC 3339. */
import { type Command, Option } from "commander";
import type { CommandContext } from "../context.ts";
import { formatClock, formatLocalTime, formatRelative } from "./time-format.ts";

const momentStyles = ["local", "iso", "unix", "relative"] as const;
const styles = [...momentStyles, "delta"] as const;
export type MomentStyle = (typeof momentStyles)[number];
export type TimeStyle = (typeof styles)[number];

const DEFAULT = "(default: local on a terminal, iso otherwise)";

export interface MomentOptions {
  time?: MomentStyle;
}

/** For commands that print a line per event. */
export function addTimeOption(command: Command): void {
  const meaning = "how to show times: local, iso (UTC), unix, relative to the first or delta to the one before";
  command.addOption(new Option("--time <style>", `${meaning} ${DEFAULT}`).choices(styles));
}

/** For commands that print what is there. */
export function addMomentOption(command: Command): void {
  const meaning = "how to show times: local, iso (UTC), unix or relative to now";
  command.addOption(new Option("--time <style>", `${meaning} ${DEFAULT}`).choices(momentStyles));
}

/** Formats times of events, one after the other. */
export function createTimeFormat(style: TimeStyle): (time: string | Date) => string {
  let reference: number | undefined;
  return (text) => {
    const time = new Date(text);
    switch (style) {
      case "local":
        return formatClock(time);
      case "iso":
        return time.toISOString();
      case "unix":
        return unixTime(time);
      case "relative":
      case "delta": {
        const difference = time.getTime() - (reference ?? time.getTime());
        if (style === "delta" || reference === undefined) reference = time.getTime();
        return `+${(difference / 1000).toFixed(3)}`.padStart(10);
      }
    }
  };
}

/** The style of a command whose user named none: nobody knows the time zone of a file or pipe. */
export function defaultTimeStyle(isTerminal: boolean): "local" | "iso" {
  return isTerminal ? "local" : "iso";
}

/** Formats times of what is there. */
export function createMomentFormat(
  context: CommandContext,
  style: MomentStyle = defaultTimeStyle(context.output.isTerminal),
): (time: string | Date) => string {
  return (text) => {
    const time = new Date(text);
    switch (style) {
      case "local":
        return formatLocalTime(time);
      case "iso":
        return time.toISOString();
      case "unix":
        return unixTime(time);
      case "relative":
        return formatRelative(time, context.now());
    }
  };
}

/** As `createMomentFormat`, and how far that is from now: `2026-11-20 23:56:02 (3 h ago)`. */
export function createMomentWithDistance(
  context: CommandContext,
  style?: MomentStyle,
): (time: string | Date) => string {
  const format = createMomentFormat(context, style);
  if (style === "relative") return format;
  return (time) => `${format(time)} (${formatRelative(new Date(time), context.now())})`;
}

/** Seconds, with milliseconds. */
function unixTime(time: Date): string {
  return (time.getTime() / 1000).toFixed(3);
}
