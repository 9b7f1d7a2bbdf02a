/** The program's entry: joins `run` with the process. Importing it does nothing. */
import process from "node:process";
import type { Fetch } from "../client/index.ts";
import type { OutputStream } from "./output/output.ts";
import type { World } from "./context.ts";
import { InterruptedError, OutputClosedError } from "./errors.ts";
import { ExitCode } from "./exit-codes.ts";
import { run } from "./run.ts";

/**
 * How long a command may take to end after the first signal: two seconds for its goodbyes, and the rest for a busy machine
 * or disk. `docker stop` waits ten.
 */
const FORCED_EXIT_MS = 8_000;

export async function main(argv: readonly string[] = process.argv.slice(2)): Promise<never> {
  const controller = new AbortController();
  stopOnSignals(controller);
  stopWhenOutputCloses(controller);
  const world: World = {
    // Opening it takes a while, and few commands read it.
    get stdin() {
      return process.stdin;
    },
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    signal: controller.signal,
    cwd: process.cwd(),
    now: () => new Date(),
    createClient: async ({ baseUrl, apiToken, accountId }) => {
      const { createClient, fetchOverHttp } = await import("../client/index.ts");
      const fetch = interruptible(fetchOverHttp, controller.signal);
      return createClient({ baseUrl, apiToken, accountId, fetch });
    },
  };
  const exitCode = await run(argv, world);
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  // Not waiting for the event loop to empty: an idle keep-alive connection or standard input would hold it.
  process.exit(exitCode);
}

/** Ends requests under way when the command is to end. */
function interruptible(fetch: Fetch, signal: AbortSignal): Fetch {
  return async (url, request) => await fetch(url, { ...request, signal: AbortSignal.any([request.signal, signal]) });
}

/** The first signal asks the command to end, the second one ends it. */
function stopOnSignals(controller: AbortController): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      const reason = new InterruptedError(signal);
      if (controller.signal.aborted) process.exit(reason.exitCode);
      setTimeout(() => process.exit(reason.exitCode), FORCED_EXIT_MS).unref();
      controller.abort(reason);
    });
  }
}

/** `| head` closes standard output when it has seen enough. That is no mistake of anybody. */
function stopWhenOutputCloses(controller: AbortController): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    setTimeout(() => process.exit(ExitCode.Ok), FORCED_EXIT_MS).unref();
    controller.abort(new OutputClosedError("Nobody reads the output any more."));
  });
  // Where messages for people cannot be shown there is nobody to tell.
  process.stderr.on("error", () => {});
}

/** Resolves when everything written so far has left; pipes are written to in the background. */
async function flushed(stream: OutputStream): Promise<void> {
  if (stream.destroyed || stream.writableLength === 0) return;
  await new Promise<void>((resolve) => {
    stream.once("close", resolve);
    stream.once("error", () => resolve());
    stream.write("", () => resolve());
  });
}
