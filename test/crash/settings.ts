import { parseArgs } from "node:util";

export const USAGE = `npm run crash -- [options]

  --seed N          who does what and when the server dies follows from it, as far as the machine's pace allows (default: from the clock)
  --kills K         how often it is killed (default: 30)
  --fsync WHEN      always, interval:<ms> or os, as for the server; only with always does it lose power, too (default: always)
  --program FILE    the server to start (default: bin/pubsub.js of this folder)
`;

export interface Settings {
  readonly seed: number;
  readonly kills: number;
  readonly fsync: string;
  readonly program: string | undefined;
}

/** @throws Error where an option makes no sense */
export function parseSettings(args: string[]): Settings {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: "string" },
      kills: { type: "string", default: "30" },
      fsync: { type: "string", default: "always" },
      program: { type: "string" },
    },
  });
  const { fsync, program } = values;
  if (!/^(?:always|os|interval:[1-9]\d*)$/.test(fsync)) throw new Error("--fsync takes always, interval:<ms> or os");
  return {
    seed: values.seed === undefined ? Date.now() >>> 0 : wholeNumber("seed", values.seed, 0, 0xffff_ffff),
    kills: wholeNumber("kills", values.kills, 1, 100_000),
    fsync,
    program,
  };
}

function wholeNumber(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new Error(`--${name} takes a whole number from ${min} to ${max}`);
}
