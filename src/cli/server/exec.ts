/** `pubsub dev --exec -- CMD`: a program that runs while the server does. */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import type { CommandContext } from "../context.ts";
import { ExitError, InterruptedError, usageError } from "../errors.ts";
import type { ReadyObject } from "./ready-file.ts";
import { UserError } from "../../errors.ts";

/** How long it may take to end after the first signal. */
const GOODBYE_MS = 2_000;

/**
 * Runs the program to its end, with the server's addresses and tokens in its environment.
 * @throws {ExitError} with the program's exit code
 */
export async function execute(context: CommandContext, command: readonly string[], ready: ReadyObject): Promise<never> {
  const [program, ...args] = command;
  if (program === undefined) throw usageError("--exec needs a program", "such as: pubsub dev --exec -- npm test");
  const { signal } = context;
  signal.throwIfAborted();
  const child = spawn(program, args, { stdio: "inherit", env: { ...context.env, ...environmentOf(ready) } });
  let timer: NodeJS.Timeout | undefined;
  const end = () => {
    // The signal that came: a program may clean up at Ctrl-C in another way than at SIGTERM.
    child.kill(signal.reason instanceof InterruptedError ? signal.reason.signal : "SIGTERM");
    timer = setTimeout(() => child.kill("SIGKILL"), GOODBYE_MS);
  };
  signal.addEventListener("abort", end, { once: true });
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.on("exit", (exitCode, name) => resolve(exitCode ?? 128 + (name ? constants.signals[name] : 0)));
      child.on("error", reject);
    });
    throw new ExitError(code);
  } catch (error) {
    if (error instanceof ExitError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new UserError("cannot-execute", `cannot run ${program} (${code})`, "is there such a program on the PATH?");
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
  }
}

/**
 * Not PUBSUB_TOKEN and PUBSUB_CLIENT_ID: each `pub` and `sub` of the program is to be a client of its own. What other
 * clients need has names that these two do not look at.
 */
function environmentOf(ready: ReadyObject): Record<string, string> {
  const { mqtt, ws, api, apiToken, accountId, namespace, broker, clientId, clientToken } = ready;
  return {
    PUBSUB_URL: mqtt,
    PUBSUB_WS_URL: ws,
    PUBSUB_API_URL: api,
    PUBSUB_API_TOKEN: apiToken,
    PUBSUB_ACCOUNT_ID: accountId,
    PUBSUB_NAMESPACE: namespace,
    PUBSUB_BROKER: broker,
    PUBSUB_MQTT_CLIENT_ID: clientId,
    PUBSUB_MQTT_TOKEN: clientToken,
  };
}
