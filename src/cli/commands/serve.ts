import path from "node:path";
import process from "node:process";
import type { Command } from "commander";
import type { RunningServer, ServerOptions, startServer as StartServer } from "../../app.ts";
import { defineCommand } from "../command.ts";
import { configurationFolder } from "../configuration.ts";
import type { CommandContext } from "../context.ts";
import { usageError } from "../errors.ts";
import { wholeNumber } from "../option-parsers.ts";
import { type ReadyServer, removeReadyFile, writeReadyFile } from "../ready-file.ts";
import { formatFields } from "../table.ts";
import { version } from "../version.ts";

/** What `serve` and `dev` have in common. */
export interface ListenOptions {
  host?: string;
  port?: number;
  wsPort?: number;
  tlsPort?: number;
  wssPort?: number;
  apiPort?: number;
  /** False with `--no-tls`. */
  tls?: boolean;
  socket?: string;
  persistTo?: string;
  readyFile?: string;
  apiToken?: string;
  json?: boolean;
}

interface Options extends ListenOptions {
  cert?: string;
  key?: string;
  ca?: string;
}

const port = (option: string) => wholeNumber(option, 0, 65_535);

export function addListenOptions(command: Command): void {
  command
    .option("--host <address>", "address to listen on (default: this machine only)")
    .option("--port <port>", "MQTT over TCP; 0 picks a free one (default: 1883)", port("--port"))
    .option("--ws-port <port>", "MQTT over WebSocket (default: 8083)", port("--ws-port"))
    .option("--tls-port <port>", "MQTT over TLS (default: 8883, or a free one with --port 0)", port("--tls-port"))
    .option(
      "--wss-port <port>",
      "MQTT over secure WebSocket (default: 8084, or a free one with --ws-port 0)",
      port("--wss-port"),
    )
    .option("--no-tls", "listen neither with TLS nor with secure WebSocket")
    .option("--socket <path>", "MQTT over a Unix socket, too")
    .option("--api-port <port>", "management API (default: 8880)", port("--api-port"))
    .option("--persist-to <folder>", "keep data there (default: in memory, gone at the end)")
    .option("--ready-file <file>", "write a JSON object with addresses and tokens there when everything listens")
    .option("--json", "print the object of --ready-file on standard output")
    .option("--api-token <token>", "token for the API (default: PUBSUB_API_TOKEN, or a random one)");
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
    addListenOptions(command);
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
  const { env, output, signal } = context;
  const { readyFile, cert, key, ca } = options;
  if ((cert === undefined) !== (key === undefined)) throw usageError("--cert and --key belong together");
  if (options.tls === false && (cert ?? ca) !== undefined)
    throw usageError("--cert and --ca are of no use with --no-tls");
  if (readyFile !== undefined) await removeStaleReadyFile(readyFile);

  const log = (line: string) => output.info(output.err.dim(line));
  const { tls, ...rest } = serverOptions(options, env);
  const files =
    cert === undefined || key === undefined ? undefined : { cert: path.resolve(cert), key: path.resolve(key) };
  const clientCaFile = ca === undefined ? undefined : path.resolve(ca);
  const starting = startServer({ ...rest, ...(tls && { tls: { ...tls, files, clientCaFile } }), log });
  const server = await output.spin("starting", starting);
  const reload = () => void server.reloadCertificates?.();
  process.on("SIGHUP", reload);
  try {
    const ready = readyServer(server);
    if (readyFile !== undefined) await writeReadyFile(readyFile, ready);
    if (options.json) await output.line(ready);
    showBanner(context, options, ready);
    await untilAborted(signal);
    output.info("Stopping …");
  } finally {
    process.off("SIGHUP", reload);
    if (readyFile !== undefined) await removeReadyFile(readyFile, process.pid);
    await server.close();
  }
}

/** What both commands start the server with. */
export function serverOptions(options: ListenOptions, env: CommandContext["env"]): ServerOptions {
  const { host, port: mqttPort, wsPort, tlsPort, wssPort, apiPort, socket } = options;
  const apiToken = options.apiToken ?? (env["PUBSUB_API_TOKEN"] || undefined);
  const persistTo = options.persistTo === undefined ? undefined : path.resolve(options.persistTo);
  const tls = {
    // Whoever wants a free port for one wants no fixed one for the other.
    port: tlsPort ?? (mqttPort === 0 ? 0 : undefined),
    wssPort: wssPort ?? (wsPort === 0 ? 0 : undefined),
    caFolder: path.join(persistTo ?? configurationFolder(env), "ca"),
    // HOME may be read-only, as in a container: that is no reason not to serve.
    isOptional: persistTo === undefined && tlsPort === undefined && wssPort === undefined,
  };
  return {
    version,
    ...(host !== undefined && { host }),
    ...(mqttPort !== undefined && { port: mqttPort }),
    ...(wsPort !== undefined && { wsPort }),
    ...(apiPort !== undefined && { apiPort }),
    ...(socket !== undefined && { socket: path.resolve(socket) }),
    ...(options.tls !== false && { tls }),
    ...(persistTo !== undefined && { persistTo }),
    ...(apiToken !== undefined && { apiToken }),
  };
}

/** What is said of the server in the ready file. */
export function readyServer(server: RunningServer): ReadyServer {
  const { api, apiToken, accountId, mqtt, ws, mqtts, wss, ca, socket } = server;
  return {
    ...{ v: 1, pid: process.pid, api, apiToken, accountId, mqtt, ws },
    ...(mqtts !== undefined && { mqtts }),
    ...(wss !== undefined && { wss }),
    ...(ca !== undefined && { ca }),
    ...(socket !== undefined && { socket }),
  };
}

export async function removeStaleReadyFile(file: string): Promise<void> {
  const { rm } = await import("node:fs/promises");
  await rm(file, { force: true });
}

function showBanner(context: CommandContext, options: Options, ready: ReadyServer): void {
  const { output, env } = context;
  const { err } = output;
  const isKnown = options.apiToken !== undefined || Boolean(env["PUBSUB_API_TOKEN"]);
  const elsewhere = options.readyFile === undefined ? "not shown; set PUBSUB_API_TOKEN" : `in ${options.readyFile}`;
  const fields = formatFields([
    ["MQTT", ready.mqtt],
    ["WebSocket", ready.ws],
    ...(ready.mqtts === undefined ? [] : ([["TLS", `${ready.mqtts}, ${ready.wss}`]] as const)),
    ...(ready.socket === undefined ? [] : ([["Socket", ready.socket]] as const)),
    ["API", ready.api],
    // For the terminal only: what is redirected is kept, and it is a secret.
    ["API token", isKnown ? "the one that was given" : output.interactive ? ready.apiToken : elsewhere],
    ["Data", options.persistTo === undefined ? "in memory, gone at the end" : path.resolve(options.persistTo)],
  ]);
  output.info(`${err.bold(`pubsub ${version}`)} is ready\n`);
  output.info(fields.replaceAll(/^(?=.)/gm, "  "));
  output.info(err.dim("Ctrl-C stops it."));
}

export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
