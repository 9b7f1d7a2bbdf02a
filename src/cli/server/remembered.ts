/** The server that this process is, in the user's configuration, where other commands look for it. */
import process from "node:process";
import { UserError } from "../../errors.ts";
import type { CommandContext } from "../context.ts";
import {
  type Configuration,
  configurationFile,
  readConfiguration,
  rememberContext,
  writeConfiguration,
} from "../settings/configuration.ts";
import type { ReadyObject } from "./ready-file.ts";
import { isAlive } from "./server-process.ts";

/** Name of the context under which the server is remembered. */
const CONTEXT_NAME = "dev";

/**
 * Not being able to is no reason not to serve: HOME may be read-only, as in a container.
 * @returns false where that is so
 */
export async function remember(context: CommandContext, ready: ReadyObject): Promise<boolean> {
  const { api, apiToken, accountId, mqtt, ws, mqtts, wss, ca, namespace, broker, pid } = ready;
  const secure = {
    ...(mqtts !== undefined && { mqtts }),
    ...(wss !== undefined && { wss }),
    ...(ca !== undefined && { ca }),
  };
  const known = { api, apiToken, accountId, mqtt, ws, ...secure, namespace, broker, pid };
  try {
    await rememberContext(context.env, CONTEXT_NAME, known);
    return true;
  } catch (error) {
    if (error instanceof UserError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    context.output.warn(
      `the configuration ${configurationFile(context.env)} cannot be written (${code}): other commands will not find this server`,
      "set PUBSUB_CONFIG_DIR to a folder that can, or PUBSUB_API_URL and PUBSUB_API_TOKEN for them",
    );
    return false;
  }
}

/**
 * Puts back what `remember` has hidden, when this server has ended: one that was started before it and still runs.
 * @param before the configuration as it was
 */
export async function restoreHidden(env: CommandContext["env"], before: Configuration): Promise<void> {
  const hidden = before.contexts?.[CONTEXT_NAME];
  if (hidden?.pid === undefined || hidden.pid === process.pid || !isAlive(hidden.pid)) return;
  try {
    const { current, contexts } = readConfiguration(env);
    // Where a server that came later has the name, it keeps it.
    if (contexts?.[CONTEXT_NAME]?.pid !== process.pid) return;
    const meant = (current === CONTEXT_NAME ? before.current : current) ?? CONTEXT_NAME;
    await writeConfiguration(env, { current: meant, contexts: { ...contexts, [CONTEXT_NAME]: hidden } });
  } catch {
    // Whoever made the file unreadable meanwhile hears of it from the next command.
  }
}
