import { readFileSync } from "node:fs";

/** Linux counts in hundredths of a second wherever Node runs (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** CPU seconds that the process has used so far, in user and system mode, over all of its threads (proc(5)). */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The second field is the program's name in parentheses and may contain anything; count from behind it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
