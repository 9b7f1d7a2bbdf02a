import { Chalk, type ChalkInstance } from "chalk";
import type { Environment } from "../environment.ts";

export type Colors = ChalkInstance;

/**
 * Whether a stream gets colours: `--[no-]color`, then FORCE_COLOR, then NO_COLOR, then TERM=dumb, then whether
 * it is a terminal. chalk alone does not know NO_COLOR, and judges standard output for all streams.
 */
export function wantsColors(flag: boolean | undefined, env: Environment, isTTY: boolean): boolean {
  if (flag !== undefined) return flag;
  const forced = env["FORCE_COLOR"];
  if (forced !== undefined && forced !== "") return forced !== "0" && forced !== "false";
  // https://no-color.org: present and not empty.
  if (env["NO_COLOR"]) return false;
  if (env["TERM"] === "dumb") return false;
  return isTTY;
}

/** The sixteen colours of the terminal's own theme, or none. */
export function createColors(enabled: boolean): Colors {
  return new Chalk({ level: enabled ? 1 : 0 });
}
