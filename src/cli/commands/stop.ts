import process from "node:process";
import { currentContext, readConfiguration } from "../settings/configuration.ts";
import { defineCommand } from "../command.ts";
import { UserError } from "../../errors.ts";
import { seconds } from "../option-parsers.ts";
import { isAlive } from "../server/server-process.ts";
import { sleep } from "../sleep.ts";

interface Options {
  timeout: number;
}

const POLL_MS = 25;

export default defineCommand<Options>({
  examples: ["stop"],

  configure(command) {
    command
      .description("End the server that `pubsub start` or `pubsub dev` started, and wait until it has ended.")
      .option("--timeout <seconds>", "longest wait", seconds("--timeout"), 10);
  },

  async run(context, _args, { timeout }) {
    const { env, output, signal } = context;
    const known = currentContext(readConfiguration(env));
    const notRunning = new UserError(
      "server-not-running",
      "no server of this configuration runs on this machine",
      "pubsub context list shows the servers that it knows",
    );
    if (known?.pid === undefined || !isAlive(known.pid)) throw notRunning;
    const { pid } = known;
    // The number may belong to another program by now: only who says that it is the server is ended.
    const status = await (await context.client()).status();
    if (status.pid !== pid) throw notRunning;
    process.kill(pid, "SIGTERM");
    const deadline = Date.now() + timeout * 1000;
    while (isAlive(pid)) {
      if (Date.now() > deadline) throw new UserError("timed-out", `process ${pid} has not ended within ${timeout} s`);
      await sleep(POLL_MS, signal);
    }
    if (output.json) output.document({ stopped: pid }, "");
    else output.info(`Stopped (process ${pid}).`);
  },
});
