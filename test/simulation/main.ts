/**
 * `npm run simulate -- --seed N --steps M`, or `--seeds A..B`: runs simulations and reports the first that fails.
 * `--without feature,…` leaves features of test/simulation/settings.ts out; `--keep-going` runs the other seeds, too.
 */
import { parseArgs } from "node:util";
import { minimise } from "./minimise.ts";
import { type Feature, features } from "./settings.ts";
import { type Outcome, simulate } from "./simulate.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string" },
    steps: { type: "string", default: "2000" },
    without: { type: "string", default: "" },
    "keep-going": { type: "boolean", default: false },
  },
});

const [first, last] = range();
const steps = number(values.steps, "--steps");
const without = new Set(values.without.split(",").filter((name) => name !== "") as Feature[]);
for (const name of without) if (!features.includes(name)) stop(`--without knows ${features.join(", ")}; not ${name}`);

let failures = 0;
for (let seed = first; seed <= last; seed++) {
  const outcome = simulate(seed, steps, without);
  if (outcome.failure === undefined) {
    print(`seed ${seed}: ${steps} steps, ${outcome.hash}`);
    continue;
  }
  failures++;
  report(outcome);
  if (!values["keep-going"]) break;
}
process.exitCode = failures === 0 ? 0 : 1;

function report(outcome: Outcome): void {
  const { seed } = outcome;
  const short = without.size === 0 ? minimise(outcome, steps) : { outcome, steps, without };
  const { rule, message, step, isFinal, tail } = short.outcome.failure!;
  print(tail.join("\n"));
  print(`\nseed ${seed} fails at step ${step}${isFinal ? ", in the finale" : ""}: ${rule}\n${message}\n`);
  const left = short.without.size === 0 ? "" : ` --without ${[...short.without].join(",")}`;
  print(`replay: npm run simulate -- --seed ${seed} --steps ${short.steps}${left}`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function range(): [number, number] {
  if (values.seeds === undefined) {
    const seed = number(values.seed ?? "1", "--seed");
    return [seed, seed];
  }
  const [from, to] = values.seeds.split("..");
  return [number(from, "--seeds"), number(to, "--seeds")];
}

function number(text: string | undefined, option: string): number {
  const value = Number(text);
  return Number.isSafeInteger(value) && value >= 0 ? value : stop(`${option} wants a whole number, not ${text}`);
}

function stop(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}
