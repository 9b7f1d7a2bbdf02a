import path from "node:path";
import process from "node:process";
import type { RunningServer, startServer as StartServer } from "../../app.ts";
import { defineCommand } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { dataFolder } from "../server/data-folder.ts";
import { usageError } from "../errors.ts";
import type { ReadyServer } from "../server/ready-file.ts";
import {
  type ServerCommandOptions,
  addServerOptions,
  readyServer,
  runServer,
  serverOptions,
  showAddresses,
} from "../server/server-command.ts";

interface Options extends ServerCommandOptions {
  cert?: string;
  key?: string;
  ca?: string;
}

export default defineCommand<Options>({
  examples: [
    "serve --persist-to /var/lib/pubsub",
    "serve --host 0.0.0.0 --cert fullchain.pem --key privkey.pem --persist-to /var/lib/pubsub",
    "serve --cert server.pem --key server-key.pem --ca devices-ca.pem    clients with certificates of your own authority",
  ],

  configure(command) {
    command.description(
      "Start the server without what `pubsub dev` does for developers: it creates no broker and is not remembered. " +
        "Certificate files are read again when they change, and on SIGHUP; connections stay.",
    );
    addServerOptions(command);
    command
      .option("--cert <file>", "the server's certificate, and those up to its authority, PEM (default: one of its own)")
      .option("--key <file>", "the certificate's private key, PEM")
      .option("--ca <file>", "certificates of authorities that vouch for clients, PEM");
  },

  run: (context, _args, options) =>
    serve(context, options, async (serverOptions) => {
      const { startServer } = await import("../../app.ts");
      return await startServer(serverOptions);
    }),
});

/** The command with the server given, so that tests do without one. */
export async function serve(context: CommandContext, options: Options, startServer: typeof StartServer): Promise<void> {
  const { cert, key, ca } = options;
  if ((cert === undefined) !== (key === undefined)) throw usageError("--cert and --key belong together");
  if (options.tls === false && (cert ?? ca) !== undefined)
    throw usageError("--cert and --ca are of no use with --no-tls");
  const persistTo = await dataFolder(context, options, false);
  const { tls, ...rest } = serverOptions(context, options, persistTo);
  const files =
    cert === undefined || key === undefined ? undefined : { cert: path.resolve(cert), key: path.resolve(key) };
  const clientCaFile = ca === undefined ? undefined : path.resolve(ca);
  let running: RunningServer | undefined;
  const reload = (): void => void running?.reloadCertificates?.();
  try {
    await runServer(context, options, {
      start: () => startServer({ ...rest, ...(tls && { tls: { ...tls, files, clientCaFile } }) }),
      prepare: async (server) => {
        running = server;
        process.on("SIGHUP", reload);
        return readyServer(server);
      },
      showBanner: (ready) => showBanner(context, options, ready, persistTo),
    });
  } finally {
    process.off("SIGHUP", reload);
  }
}

function showBanner(
  context: CommandContext,
  options: Options,
  ready: ReadyServer,
  persistTo: string | undefined,
): void {
  const { output, env } = context;
  const isKnown = options.apiToken !== undefined || Boolean(env["PUBSUB_API_TOKEN"]);
  const elsewhere = options.readyFile === undefined ? "not shown; set PUBSUB_API_TOKEN" : `in ${options.readyFile}`;
  // For the terminal only: what is redirected is kept, and it is a secret.
  const token = isKnown ? "the one that was given" : output.interactive ? ready.apiToken : elsewhere;
  showAddresses(context, { ready, persistTo, token });
  output.info(output.err.dim("Ctrl-C stops it."));
}
