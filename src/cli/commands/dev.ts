import { existsSync } from "node:fs";
import type { WorkerAddresses, startServer as StartServer } from "../../app.ts";
import type { Client } from "../../client/index.ts";
import { configurationFile, readConfiguration } from "../settings/configuration.ts";
import type { CommandContext } from "../context.ts";
import { defineCommand } from "../command.ts";
import { dataFolder } from "../server/data-folder.ts";
import { type DevArguments, splitArguments, workerOptions } from "../server/dev-worker.ts";
import { DEFAULT_BROKER, DEFAULT_NAMESPACE, type DevOptions, addDevOptions } from "../server/dev-options.ts";
import { hookOf } from "../server/hook-options.ts";
import { HOTKEY_HINT, watchHotkeys } from "../server/hotkeys.ts";
import { checkName } from "../settings/names.ts";
import type { ReadyObject } from "../server/ready-file.ts";
import { remember, restoreHidden } from "../server/remembered.ts";
import {
  type Banner,
  type Fields,
  type ServerSteps,
  readyServer,
  runServer,
  serverOptions,
  showAddresses,
  unlessAborted,
  untilAborted,
} from "../server/server-command.ts";

interface Options extends DevOptions {
  exec?: boolean;
}

export default defineCommand<Options>({
  examples: [
    "dev",
    "dev src/worker.ts                                a Worker sees every message first, and is reloaded on save",
    "dev --on-publish-url http://127.0.0.1:8787/      a hook sees every message first",
    "dev --port 0 --exec -- npm test                  with PUBSUB_URL and others in its environment",
    "dev --persist-to ./data                          keeps data there rather than in .pubsub",
    "dev --memory                                     keeps nothing for the next time",
    "dev --port 0 --ws-port 0 --api-port 0 --ready-file ready.json",
  ],

  configure(command) {
    command.description(
      "Start a broker and its management API until Ctrl-C. Creates the namespace and the broker if they are missing, " +
        "and remembers the server, so that other commands find it without options.",
    );
    command.argument(
      "[worker...]",
      "main module of a Worker, or its folder with a wrangler configuration; with --exec: after --, a program and its arguments",
    );
    command.option("--exec", "run the program once the server is ready, then stop, and exit as it did");
    addDevOptions(command);
  },

  run: (context, [args], options) =>
    dev(context, options, startServer, splitArguments(args as string[], context.argv, options.exec === true)),
});

const startServer: typeof StartServer = async (options) => {
  const server = await import("../../app.ts");
  return await server.startServer(options);
};

/** The command with the server given, so that tests do without one. */
export async function dev(
  context: CommandContext,
  options: Options,
  startServer: typeof StartServer,
  { worker: location, command }: DevArguments = { command: [] },
): Promise<void> {
  const { env } = context;
  const project = context.project?.settings;
  const namespace = checkName(
    options.namespace ?? (env["PUBSUB_NAMESPACE"] || (project?.namespace ?? DEFAULT_NAMESPACE)),
    "namespace",
  );
  const broker = checkName(options.broker ?? (env["PUBSUB_BROKER"] || (project?.broker ?? DEFAULT_BROKER)), "broker");
  const hook = hookOf(options.onPublishUrl, options);
  // A configuration that cannot be read is better said before anything listens.
  const before = readConfiguration(env);
  const anonymous = options.allowAnonymous ? { namespace, broker } : undefined;
  const worker = workerOptions(context, options, location, { namespace, broker });
  const persistTo = await dataFolder(context, options, true);
  let hookShown: Fields = [];
  let isRemembered = false;
  const banner = (ready: ReadyObject) => {
    const token = whereTokenIs(context, options, ready, isRemembered);
    showBanner(context, options, { ready, persistTo, token, more: hookShown });
  };
  const steps: ServerSteps<ReadyObject> = {
    start: () =>
      startServer({
        ...serverOptions(context, options, persistTo),
        ownBroker: { namespace, broker, onPublish: hook },
        ...(anonymous && { anonymous }),
        ...(worker && { worker }),
      }),
    prepare: async (server) => {
      const own = server.ownBroker!;
      const { clientId, token: clientToken } = own.issueToken();
      const ready = { ...readyServer(server), namespace, broker: own.broker, clientId, clientToken };
      const addresses = server.worker && (await unlessAborted(context.signal, server.worker));
      hookShown = hookFields(own.hookUrl, location, addresses);
      isRemembered = await remember(context, ready);
      return ready;
    },
    showBanner: options.exec ? () => {} : banner,
    work: async (ready) => {
      if (options.exec) {
        const { execute } = await import("../server/exec.ts");
        await execute(context, command, ready);
      }
      const target = { namespace: ready.namespace, broker: ready.broker };
      const client = () => clientOf(context, ready);
      const stopped = watchHotkeys(context, { client, target, showBanner: () => banner(ready) });
      await Promise.race([untilAborted(context.signal), stopped]);
    },
  };
  try {
    await runServer(context, options, steps);
  } finally {
    if (isRemembered) await restoreHidden(env, before);
  }
  // The program, whose exit code is wanted, did not even start.
  if (options.exec) context.signal.throwIfAborted();
  // Stopping it is how it ends, whoever does it: exit code 0, so that no supervisor or `npm run` reports a failure.
}

async function clientOf(context: CommandContext, { api: baseUrl, apiToken, accountId }: ReadyObject): Promise<Client> {
  return await context.clientOf({ baseUrl, apiToken, accountId });
}

/** What is said of the hook. */
function hookFields(
  hookUrl: string | undefined,
  location: string | undefined,
  worker: WorkerAddresses | undefined,
): Fields {
  if (location === undefined || worker === undefined) {
    return [["Hook", hookUrl ?? `none (${howToSetOne()})`]];
  }
  const about = `${location}, reloaded on save`;
  return [
    ["Hook", worker.isHook ? about : "none: the Worker has other handlers only"],
    ["Worker", worker.isHook ? worker.url : `${worker.url} (${about})`],
    ...(worker.inspector === undefined ? [] : ([["Inspector", worker.inspector]] as const)),
  ];
}

/** A project of wrangler's has its Worker already: it is only not named. */
function howToSetOne(): string {
  const project = ["wrangler.jsonc", "wrangler.json", "wrangler.toml"].find((file) => existsSync(file));
  if (project !== undefined) return `pubsub dev . runs the Worker of ${project}`;
  return "pubsub dev src/worker.ts, or --on-publish-url URL";
}

/** The token itself is for the terminal only: what is redirected is kept, and it is a secret. */
function whereTokenIs(context: CommandContext, options: Options, ready: ReadyObject, isRemembered: boolean): string {
  if (context.output.interactive) return ready.apiToken;
  if (isRemembered) return `in ${configurationFile(context.env)}`;
  if (options.readyFile !== undefined) return `in ${options.readyFile}`;
  return "kept nowhere (choose one with PUBSUB_API_TOKEN, or name a --ready-file)";
}

function showBanner(context: CommandContext, options: Options, banner: Banner<ReadyObject>): void {
  const { output } = context;
  const { err } = output;
  const { ready, more = [] } = banner;
  showAddresses(context, { ...banner, more: [["Broker", `${ready.namespace}/${ready.broker}`], ...more] });
  const commands = ["pubsub sub '#'", "pubsub pub hello world", "pubsub tail"];
  output.info(`Try in another terminal:\n${commands.map((command) => `  ${err.cyan(command)}`).join("\n")}\n`);
  if (options.allowAnonymous) {
    output.warn(`clients without credentials may enter ${ready.namespace}/${ready.broker} from this machine`);
  }
  output.info(err.dim(context.mayAsk ? `Ctrl-C stops it. ${HOTKEY_HINT}` : "Ctrl-C stops it."));
}
