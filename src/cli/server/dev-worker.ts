/** The Worker of `pubsub dev`: which one, and how what it says is shown. */
import type { WorkerOptions, WorkerOutput } from "../../app.ts";
import type { CommandContext } from "../context.ts";
import type { DevOptions } from "./dev-options.ts";
import { usageError } from "../errors.ts";

export interface DevArguments {
  /** Main module or folder of the Worker. */
  readonly worker?: string | undefined;
  /** With `--exec`: a program and its arguments. */
  readonly command: readonly string[];
}

/**
 * Tells the Worker from the program that `--exec` runs: that comes after `--`.
 * @param args as the command line has them, without the options of `dev` and without `--`
 * @param argv the command line
 */
export function splitArguments(args: readonly string[], argv: readonly string[], exec: boolean): DevArguments {
  const dashes = argv.indexOf("--");
  const before = dashes === -1 ? (exec ? 0 : args.length) : args.length - (argv.length - dashes - 1);
  const [worker, tooMany] = args.slice(0, before);
  const command = args.slice(before);
  if (exec && command.length === 0) {
    throw usageError("--exec needs a program, after --", "such as: pubsub dev --exec -- npm test");
  }
  const extra = tooMany ?? (exec ? undefined : command[0]);
  if (extra !== undefined) {
    const hint =
      "one Worker is the hook (--service names others); a program to run goes with --exec: pubsub dev --exec -- …";
    throw usageError(`"${extra}" is one argument too many`, hint);
  }
  return { worker, command };
}

/** What the server has to run; undefined where there is no Worker. */
export function workerOptions(
  context: CommandContext,
  { onPublishUrl, service, inspectorPort }: DevOptions,
  location: string | undefined,
  broker: WorkerOptions["broker"],
): WorkerOptions | undefined {
  if (location === undefined) {
    const option = service !== undefined ? "--service" : inspectorPort !== undefined ? "--inspector-port" : undefined;
    if (option === undefined) return undefined;
    throw usageError(`${option} goes with a Worker`, `such as: pubsub dev src/worker.ts ${option} …`);
  }
  if (onPublishUrl !== undefined) {
    throw usageError("--on-publish-url does not go with a Worker", "a broker has one hook: leave out one of them");
  }
  return { location, services: service, inspectorPort, broker, onOutput: (output) => showOutput(context, output) };
}

/** What a Worker says is for people, and goes to standard error like everything of that kind. */
export function showOutput({ output }: CommandContext, { kind, text }: WorkerOutput): void {
  const { err } = output;
  const [first, ...rest] = text.split("\n");
  const color = kind === "error" || kind === "exception" ? err.red : kind === "warning" ? err.yellow : err.cyan;
  const more = rest.map((line) => `\n         ${line}`).join("");
  if (kind === "remark") output.warn(text);
  else if (kind === "exception") output.info(`${err.red("worker")}   uncaught ${first}${err.dim(more)}`);
  else output.info(`${color("worker")}   ${first}${more}`);
}
