import { parseArgs } from "node:util";
import type { Case, Transport } from "./sequence.ts";

export const USAGE = `npm run fuzz -- [options]

  --seed N              what is sent follows from it (default: from the clock)
  --seconds S           how long (default: 60; 0 is for ever)
  --transport T         tcp, ws or both (default: both)
  --sequences A[-B]     these sequences of the seed alone, each once
  --workers N           sequences that run at the same time (default: 12)
  --program FILE        the server to start (default: bin/pubsub.js of this folder)
  --print               prints the sequences in hex instead of sending them
`;

export interface Settings {
  readonly seed: number;
  readonly seconds: number;
  readonly transports: readonly Transport[];
  /** Undefined: from 0 on, until the time is up. */
  readonly range: { readonly first: number; readonly last: number } | undefined;
  readonly workers: number;
  readonly program: string | undefined;
  readonly print: boolean;
}

/** @throws Error where an option makes no sense */
export function parseSettings(args: string[]): Settings {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: "string" },
      seconds: { type: "string", default: "60" },
      transport: { type: "string", default: "both" },
      sequences: { type: "string" },
      workers: { type: "string", default: "12" },
      program: { type: "string" },
      print: { type: "boolean", default: false },
    },
  });
  const { transport, program, print } = values;
  if (transport !== "tcp" && transport !== "ws" && transport !== "both") throw new Error(`no transport ${transport}`);
  return {
    seed: values.seed === undefined ? Date.now() >>> 0 : wholeNumber("seed", values.seed, 0, 0xffff_ffff),
    seconds: wholeNumber("seconds", values.seconds, 0, 1e7),
    transports: transport === "both" ? ["tcp", "ws"] : [transport],
    range: values.sequences === undefined ? undefined : parseRange(values.sequences),
    workers: wholeNumber("workers", values.workers, 1, 64),
    program,
    print,
  };
}

/** The cases of a seed, all or those of a range. */
export function* casesOf(seed: number, range?: { first: number; last: number }): Generator<Case> {
  for (let index = range?.first ?? 0; index <= (range?.last ?? Infinity); index++) yield { seed, index };
}

function parseRange(text: string): { first: number; last: number } {
  const [first, last = first, ...rest] = text.split("-");
  if (rest.length > 0) throw new Error(`no sequences: ${text}`);
  return { first: wholeNumber("sequences", first!, 0, 1e9), last: wholeNumber("sequences", last!, 0, 1e9) };
}

function wholeNumber(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new Error(`--${name} takes a whole number from ${min} to ${max}`);
}
