/** Which hook commands ask, and how. */
import type { Command } from "commander";
import type { HookLocation } from "../../hook-testing/index.ts";
import { usageError } from "../errors.ts";
import type { CommandContext } from "../context.ts";
import { collect, seconds, wholeNumber } from "../option-parsers.ts";
import { payloadForTerminal } from "../messages/received-message.ts";
import { printable } from "../output/table.ts";
import { showOutput } from "../server/dev-worker.ts";

export interface HookOptions {
  url?: string;
  worker?: string;
  service?: string[];
  key?: string;
  batchSize: number;
  timeout: number;
  junit?: string;
  json?: boolean;
}

/** As many as a broker puts into one at most. */
const BATCH_SIZE_MAX = 100;

export function addHookOptions(command: Command): void {
  command
    .option("--url <url>", "hook to ask, over HTTP")
    .option("--worker <path>", "Worker to start and ask: its main module, or a folder with a wrangler configuration")
    .option("--service <path>", "a further Worker, to which service bindings lead; may be repeated", collect)
    .option("--key <file>", "key to sign with, made there if there is none (default: one for this run)")
    .option(
      "--batch-size <count>",
      "messages in a request",
      wholeNumber("--batch-size", 1, BATCH_SIZE_MAX),
      BATCH_SIZE_MAX,
    )
    .option("--timeout <seconds>", "longest wait for an answer", seconds("--timeout"), 10)
    .option("--junit <file>", "write the results there as JUnit XML, too");
}

/** @throws {UserError} `usage` unless exactly one hook is named */
export function hookLocation(context: CommandContext, { url, worker, service }: HookOptions): HookLocation {
  if (url !== undefined && worker !== undefined) throw usageError("--url and --worker exclude each other");
  if (url !== undefined) {
    if (service !== undefined) throw usageError("--service goes with --worker");
    return { url };
  }
  if (worker === undefined) {
    throw usageError("no hook is named", "name one with --url http://127.0.0.1:9000/ or --worker src/worker.ts");
  }
  return {
    ...{ worker, services: service },
    onOutput: (output) => showOutput(context, output),
    onPublish: (topic, payload) => {
      const text = `published ${printable(topic)}: ${payloadForTerminal(payload)}`;
      showOutput(context, { kind: "log", text });
    },
  };
}
