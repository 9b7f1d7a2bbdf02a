import {
  type Fault,
  callInChaos,
  createKey,
  faults,
  openHook,
  readKey,
  startChaosProxy,
} from "../../../hook-testing/index.ts";
import { UserError } from "../../../errors.ts";
import { defineCommand } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { InterruptedError, usageError } from "../../errors.ts";
import { type HookOptions, hookLocation } from "../../hook/hook-options.ts";
import { collect, collectList, seconds, wholeNumber } from "../../option-parsers.ts";
import { untilAborted } from "../../server/server-command.ts";
import { padEnd } from "../../output/table.ts";
import { version } from "../../version.ts";

interface Options extends Pick<HookOptions, "url" | "worker" | "service" | "key" | "timeout" | "json"> {
  upstream?: string;
  port: number;
  fault?: string[];
  seed?: number;
}

/** Of requests, for each fault, where none is named. */
const DEFAULT_SHARE = 0.02;
const SEED_MAX = 2 ** 32 - 1;

const FAULT_HELP = `
Faults of --upstream:
${Object.entries(faults)
  .map(([name, text]) => `  ${name.padEnd(9)} ${text}\n`)
  .join("")}`;

export default defineCommand<Options>({
  examples: [
    "hook chaos --worker src/worker.ts                       is it safe from strangers, and does it survive a bad day?",
    "hook chaos --url http://127.0.0.1:8787/ --key hook-key.json",
    "hook chaos --upstream http://127.0.0.1:8787/ --port 9000 --fault timeout=5%,status=10% --seed 7",
    "broker update --on-publish-url http://127.0.0.1:9000/   then the broker asks through it",
  ],

  configure(command) {
    command
      .description(
        "With --url or --worker: call the hook with wrong signatures, damaged bodies and odd messages, and say how it answers; exit code 7 if " +
          "it takes what it should refuse, or does not go on. With --upstream: serve a hook that asks the real one and misbehaves " +
          "now and then, to see how broker and subscribers cope; until Ctrl-C.",
      )
      .option("--url <url>", "hook to call")
      .option("--worker <path>", "Worker to start and call; it needs a fetch handler")
      .option("--service <path>", "a further Worker, to which service bindings lead; may be repeated", collect)
      .option("--key <file>", "key to sign with, made there if there is none (default: one for this run)")
      .option("--timeout <seconds>", "longest wait for an answer", seconds("--timeout"), 10)
      .option("--upstream <url>", "the real hook, to stand before")
      .option(
        "--port <port>",
        "with --upstream: port to listen on; 0 picks a free one",
        wholeNumber("--port", 0, 65_535),
        0,
      )
      .option(
        "--fault <name=share>",
        "what goes wrong, and how often, such as timeout=5%; may be repeated",
        collectList,
      )
      .option(
        "--seed <number>",
        "for the same choices again (default: a random one, which is said)",
        wholeNumber("--seed", 0, SEED_MAX),
      )
      .addHelpText("after", FAULT_HELP);
  },

  async run(context, _args, options) {
    if (options.upstream === undefined) {
      if ((options.fault ?? options.seed) !== undefined) throw usageError("--fault and --seed go with --upstream");
      await attack(context, options);
      return;
    }
    if ((options.url ?? options.worker) !== undefined) {
      throw usageError(
        "--upstream goes with neither --url nor --worker",
        "calling a hook and standing before it are two things",
      );
    }
    await standBefore(context, options, options.upstream);
  },
});

async function attack(context: CommandContext, options: Options): Promise<void> {
  const { output, signal } = context;
  const location = hookLocation(context, { ...options, batchSize: 1 });
  const key = options.key === undefined ? await createKey() : await readKey(options.key);
  const tested = await output.spin("starting the hook", openHook(location, key, `pubsub-cli/${version}`));
  if ("url" in location) output.info(output.err.dim(`BROKER_PUBLIC_KEYS=${tested.publicKeys}`));
  const timing = { timeoutMs: options.timeout * 1000, signal, nowMs: () => context.now().getTime() };
  const counts = { ok: 0, failed: 0, advice: 0 };
  try {
    for await (const check of callInChaos({ url: tested.url, key, ...timing })) {
      counts[check.outcome]++;
      if (output.json) {
        void output.line({ v: 1, ...check });
        continue;
      }
      const color = { ok: output.out.green, failed: output.out.red, advice: output.out.yellow }[check.outcome];
      void output.write(`${padEnd(color(check.outcome), 6)}  ${check.name}: ${check.detail}\n`);
    }
  } finally {
    await tested.close();
  }
  if (counts.ok === 0) {
    const hint =
      "does it have the key? `--key FILE` keeps one; a Worker needs a fetch handler to be called by others than its broker";
    throw new UserError(
      "assertion-failed",
      "the hook does not take a batch that is right, so the rest says nothing",
      hint,
    );
  }
  const all = counts.ok + counts.failed + counts.advice;
  if (counts.failed > 0) throw new UserError("assertion-failed", `${counts.failed} of ${all} checks failed`);
  output.info(`${all} checks, ${counts.advice === 0 ? "all well" : `${counts.advice} with advice`}`);
}

async function standBefore(context: CommandContext, options: Options, upstream: string): Promise<void> {
  const { output, signal } = context;
  const shares = parseShares(options.fault);
  const seed = options.seed ?? Math.floor(Math.random() * SEED_MAX);
  const counts = new Map<string, number>();
  const proxy = await startChaosProxy({
    ...{ upstream, port: options.port, shares, seed },
    onRequest: ({ number, bytes, fault }) => {
      counts.set(fault ?? "passed", (counts.get(fault ?? "passed") ?? 0) + 1);
      const time = context.now().toISOString();
      if (output.json) void output.line({ v: 1, time, number, bytes, fault });
      else
        void output.write(
          `${output.out.dim(time)}  ${number}  ${fault === undefined ? "passed" : output.out.red(fault)}  ${bytes} bytes\n`,
        );
    },
  });
  try {
    output.info(`${proxy.url} asks ${upstream}, with seed ${seed} (Ctrl-C ends)`);
    await untilAborted(signal);
    if (!(signal.reason instanceof InterruptedError)) throw signal.reason as Error;
  } finally {
    await proxy.close();
    const text = [...counts].map(([name, count]) => `${count} ${name}`).join(", ");
    output.info(text === "" ? "no requests" : text);
  }
}

/** `timeout=5%` or `timeout=0.05`. */
function parseShares(named: readonly string[] | undefined): Map<Fault, number> {
  const names = Object.keys(faults) as Fault[];
  if (named === undefined) return new Map(names.map((name) => [name, DEFAULT_SHARE]));
  const shares = new Map<Fault, number>();
  for (const text of named) {
    const [, name, number, percent] = /^([a-z]+)=(\d+(?:\.\d+)?)(%?)$/.exec(text) ?? [];
    const fault = names.find((each) => each === name);
    if (fault === undefined)
      throw usageError(
        `--fault: "${text}" is not a fault and its share`,
        `such as timeout=5%; there are ${names.join(", ")}`,
      );
    shares.set(fault, percent === "%" ? Number(number) / 100 : Number(number));
  }
  const sum = [...shares.values()].reduce((all, share) => all + share, 0);
  if (sum > 1.000_001)
    throw usageError(`--fault: together they are ${Math.round(sum * 100)}% of the requests`, "100% is the most");
  return shares;
}
