/** `--time iso|unix|relative|delta`: how commands that print a line per event show its time. */
import { type Command, Option } from "commander";
import { formatClock } from "./time-format.ts";

const styles = ["local", "iso", "unix", "relative", "delta"] as const;
export type TimeStyle = (typeof styles)[number];

export function addTimeOption(command: Command): void {
  const meaning = "how to show times: local, iso (UTC), unix, relative to the first or delta to the one before";
  command.addOption(new Option("--time <style>", `${meaning} (default: local)`).choices(styles));
}

/** Formats RFC 3339 times one after the other. */
export function createTimeFormat(style: TimeStyle = "local"): (time: string) => string {
  let reference: number | undefined;
  return (text) => {
    const time = new Date(text);
    switch (style) {
      case "local":
        return formatClock(time);
      case "iso":
        return time.toISOString();
      case "unix":
        return (time.getTime() / 1000).toFixed(3);
      case "relative":
      case "delta": {
        const difference = time.getTime() - (reference ?? time.getTime());
        if (style === "delta" || reference === undefined) reference = time.getTime();
        return `+${(difference / 1000).toFixed(3)}`.padStart(10);
      }
    }
  };
}
