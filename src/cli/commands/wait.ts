import { defineCommand } from "../command.ts";
import { UserError } from "../../errors.ts";
import { seconds } from "../option-parsers.ts";
import { readReadyFile } from "../server/ready-file.ts";
import { sleep } from "../sleep.ts";

interface Options {
  readyFile?: string;
  timeout: number;
}

const POLL_MS = 50;
/** What a server may be like that is just starting. */
const NOT_YET = new Set(["server-not-running", "connection-lost", "not-found"]);
/** It listens a moment before its new token stands in the configuration. */
const REFUSED = new Set(["not-authenticated", "wrong-api-token"]);
const REFUSED_MS_MAX = 3000;

export default defineCommand<Options>({
  examples: ["wait", "$ pubsub dev --ready-file ready.json & pubsub wait --ready-file ready.json --timeout 10"],

  configure(command) {
    command
      .description("Wait until the server is ready. Exit code 27 if it is not in time.")
      .option("--ready-file <file>", "the server that writes this file (default: that of the configuration)")
      .option("--timeout <seconds>", "longest wait", seconds("--timeout"), 30);
  },

  async run(context, _args, { readyFile, timeout }) {
    const { output, signal } = context;
    const ask = async () => {
      if (readyFile === undefined) {
        context.refreshSettings();
        return await (await context.client()).status();
      }
      const ready = readReadyFile(readyFile);
      if (!ready) throw new UserError("not-found", `${readyFile} is not there`);
      const { api: baseUrl, apiToken, accountId } = ready;
      return await (await context.clientOf({ baseUrl, apiToken, accountId })).status();
    };
    const deadline = Date.now() + timeout * 1000;
    let refusedSince: number | undefined;
    const isNotYet = (error: unknown): error is UserError => {
      if (!(error instanceof UserError)) return false;
      if (!REFUSED.has(error.code)) return NOT_YET.has(error.code);
      refusedSince ??= Date.now();
      return readyFile === undefined && Date.now() - refusedSince < REFUSED_MS_MAX;
    };
    const untilReady = async () => {
      for (;;) {
        try {
          return await ask();
        } catch (error) {
          if (!isNotYet(error)) throw error;
          if (Date.now() > deadline) {
            throw new UserError("timed-out", `the server was not ready within ${timeout} s: ${error.message}`);
          }
        }
        await sleep(POLL_MS, signal);
      }
    };
    const status = await output.spin("waiting for the server", untilReady());
    if (output.json) output.document(status, "");
  },
});
