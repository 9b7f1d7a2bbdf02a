import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { configurationFolder, currentContext, readConfiguration } from "../settings/configuration.ts";
import type { CommandContext } from "../context.ts";
import { defineCommand } from "../command.ts";
import { UserError } from "../../errors.ts";
import { type ReadyObject, readReadyFile } from "../server/ready-file.ts";
import { isAlive } from "../server/server-process.ts";
import { sleep } from "../sleep.ts";
import { seconds } from "../option-parsers.ts";
import { formatFields } from "../output/table.ts";
import { type DevOptions, addDevOptions } from "../server/dev-options.ts";

interface Options extends DevOptions {
  timeout: number;
}

const POLL_MS = 50;
const LOG_LINES = 5;

export default defineCommand<Options>({
  examples: [
    "start",
    "start --port 0 --ws-port 0 --api-port 0 --ready-file ready.json",
    "start --on-publish-url http://127.0.0.1:8787/ && pubsub pub hello world && pubsub stop",
  ],

  configure(command) {
    command.description(
      "Start what `pubsub dev` starts, in the background, and return when it is ready. `pubsub stop` ends it.",
    );
    command.argument("[worker]", "main module of a Worker, or its folder with a wrangler configuration");
    addDevOptions(command);
    command.option("--timeout <seconds>", "longest wait until it is ready", seconds("--timeout"), 30);
  },

  async run(context, _args, options) {
    const { env, output } = context;
    const running = currentContext(readConfiguration(env));
    if (running?.pid !== undefined && isAlive(running.pid) && (await answers(context, running.api))) {
      throw new UserError(
        "already-running",
        `a server is running already (process ${running.pid}, ${running.api})`,
        "`pubsub stop` ends it; with another PUBSUB_CONFIG_DIR and --port 0 a second one runs beside it",
      );
    }
    const folder = configurationFolder(env);
    const readyFile = path.resolve(options.readyFile ?? path.join(folder, "server.json"));
    const logFile = path.join(folder, "server.log");
    const log = openLog(folder, logFile);
    rmSync(readyFile, { force: true });
    const child = startInBackground(context, readyFile, log);
    const ready = await output.spin("starting", untilReady(context, child, readyFile, logFile, options.timeout));
    const fields = formatFields([
      ["MQTT", ready.mqtt],
      ["WebSocket", ready.ws],
      ["TLS", ready.mqtts],
      ["API", ready.api],
      ["Broker", `${ready.namespace}/${ready.broker}`],
      ["Process", String(ready.pid)],
      ["Log", logFile],
    ]);
    if (output.json) output.document(ready, "");
    else output.info(`${fields}Ready. \`pubsub stop\` ends it.`);
  },
});

async function answers(context: CommandContext, baseUrl: string): Promise<boolean> {
  try {
    const client = await context.clientOf({ baseUrl, apiToken: "", accountId: undefined });
    await client.status();
    return true;
  } catch (error) {
    // Whoever refuses us is there.
    return error instanceof UserError && "status" in error;
  }
}

interface Child {
  readonly pid: number | undefined;
  /** Exit code; undefined while it runs. */
  exitCode: number | undefined;
}

/** @returns the open file; `stop` finds the server by what stands in its folder: without it there is no background */
function openLog(folder: string, logFile: string): number {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return openSync(logFile, "w", 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UserError(
      "config-unwritable",
      `the log ${logFile} cannot be written (${code})`,
      "set PUBSUB_CONFIG_DIR to a folder that can, or run `pubsub dev`, which needs none",
      { cause: error },
    );
  }
}

/**
 * The same command line, with `dev` for `start`.
 * @param log open file, which is closed
 */
function startInBackground(context: CommandContext, readyFile: string, log: number): Child {
  const own = new Set(["--json", "--quiet"]);
  const args = context.argv.filter((argument) => !own.has(argument));
  args[args.indexOf("start")] = "dev";
  const withoutTimeout = args.filter(
    (argument, index) => !/^--timeout(=|$)/.test(argument) && args[index - 1] !== "--timeout",
  );
  try {
    const child = spawn(process.execPath, [process.argv[1]!, ...withoutTimeout, "--ready-file", readyFile], {
      detached: true,
      stdio: ["ignore", log, log],
      env: context.env,
    });
    const state: Child = { pid: child.pid, exitCode: undefined };
    child.on("exit", (code) => {
      state.exitCode = code ?? 1;
    });
    child.on("error", () => {
      state.exitCode = 1;
    });
    child.unref();
    return state;
  } finally {
    closeSync(log);
  }
}

async function untilReady(
  { signal }: CommandContext,
  child: Child,
  readyFile: string,
  logFile: string,
  timeoutSeconds: number,
): Promise<ReadyObject> {
  const stop = () => {
    if (child.pid !== undefined && child.exitCode === undefined) process.kill(child.pid, "SIGTERM");
  };
  const deadline = Date.now() + timeoutSeconds * 1000;
  try {
    for (;;) {
      const ready = readReadyFile(readyFile);
      if (ready) return ready as ReadyObject;
      if (child.exitCode !== undefined) throw didNotStart(logFile);
      if (Date.now() > deadline) {
        throw new UserError(
          "timed-out",
          `the server was not ready within ${timeoutSeconds} s`,
          `its log is ${logFile}`,
        );
      }
      await sleep(POLL_MS, signal);
    }
  } catch (error) {
    stop();
    throw error;
  }
}

function didNotStart(logFile: string): UserError {
  const lines = readFileSync(logFile, "utf8").trim().split("\n").slice(-LOG_LINES);
  const [, message = lines.at(-1)] = /^error: (.*)$/m.exec(lines.join("\n")) ?? [];
  const [, hint = `its log is ${logFile}`] = /^ {2}→ (.*)$/m.exec(lines.join("\n")) ?? [];
  return new UserError("did-not-start", `the server did not start: ${message}`, hint);
}
