/** What `serve` and `dev` have in common: their options, and the way of a server from its start to its end. */
import { rm } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import type { Command } from "commander";
import type { RunningServer, ServerOptions } from "../../app.ts";
import { configurationFolder } from "../settings/configuration.ts";
import type { CommandContext } from "../context.ts";
import { DEFAULT_DATA_FOLDER, type DataOptions, parseFsync } from "./data-folder.ts";
import { parseDuration } from "../duration.ts";
import { usageError } from "../errors.ts";
import { wholeNumber } from "../option-parsers.ts";
import { type ReadyServer, removeReadyFile, writeReadyFile } from "./ready-file.ts";
import { formatFields } from "../output/table.ts";
import { version } from "../version.ts";

export interface ServerCommandOptions extends DataOptions {
  host?: string;
  port?: number;
  wsPort?: number;
  tlsPort?: number;
  wssPort?: number;
  apiPort?: number;
  /** False with `--no-tls`. */
  tls?: boolean;
  socket?: string;
  connectionsPerAddress?: number;
  connectBytes?: number;
  /** Seconds. */
  connectTimeout?: number;
  readyFile?: string;
  apiToken?: string;
  json?: boolean;
}

const CONNECT_TIMEOUT_SECONDS_MAX = 60 * 60;
/** A token of ours, and what stands around it. */
const CONNECT_BYTES_MIN = 1024;

const port = (option: string) => wholeNumber(option, 0, 65_535);

function connectTimeout(text: string): number {
  const seconds = parseDuration(text);
  if (seconds <= CONNECT_TIMEOUT_SECONDS_MAX) return seconds;
  throw usageError(`--connect-timeout takes an hour at most, not "${text}"`);
}

export function addServerOptions(command: Command): void {
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
    .option(
      "--connections-per-address <n>",
      "MQTT connections that one address may have at a time, this machine's too (default: any number)",
      wholeNumber("--connections-per-address", 1),
    )
    .option(
      "--connect-bytes <n>",
      "largest CONNECT that is read, in bytes (default: 1048576)",
      wholeNumber("--connect-bytes", CONNECT_BYTES_MIN),
    )
    .option(
      "--connect-timeout <duration>",
      "how long a connection may take to send CONNECT, such as 5s or 1m (default: 10s)",
      connectTimeout,
    )
    .option("--persist-to <folder>", `keep data there (default: ${DEFAULT_DATA_FOLDER} in the current folder)`)
    .option("--memory", "keep data in memory only: it is gone at the end")
    .option(
      "--fsync <when>",
      "when the disk must have what was acknowledged: always, interval:<ms>, or os, when the system likes (default: always)",
      parseFsync,
    )
    .option("--ready-file <file>", "write a JSON object with addresses and tokens there when everything listens")
    .option("--json", "print the object of --ready-file on standard output")
    .option("--api-token <token>", "token for the API (default: PUBSUB_API_TOKEN, or a random one)");
}

/**
 * What the server is started with.
 * @param persistTo what `dataFolder` says
 */
export function serverOptions(
  context: CommandContext,
  options: ServerCommandOptions,
  persistTo: string | undefined,
): ServerOptions {
  const { env, output, signal } = context;
  const { host, port: mqttPort, wsPort, tlsPort, wssPort, apiPort, socket } = options;
  const { connectionsPerAddress, connectBytes, connectTimeout: connectTimeoutSeconds } = options;
  const apiToken = options.apiToken ?? (env["PUBSUB_API_TOKEN"] || undefined);
  const isDefaultFolder = options.persistTo === undefined;
  const tls = {
    // Whoever wants a free port for one wants no fixed one for the other.
    port: tlsPort ?? (mqttPort === 0 ? 0 : undefined),
    wssPort: wssPort ?? (wsPort === 0 ? 0 : undefined),
    // Whoever trusts the authority of this machine need not trust another one in each project.
    caFolder: path.join(isDefaultFolder ? configurationFolder(env) : persistTo!, "ca"),
    // HOME may be read-only, as in a container: that is no reason not to serve.
    isOptional: isDefaultFolder && tlsPort === undefined && wssPort === undefined,
  };
  const limits = {
    ...(connectionsPerAddress !== undefined && { connectionsPerAddressMax: connectionsPerAddress }),
    ...(connectBytes !== undefined && { connectBytesMax: connectBytes }),
    ...(connectTimeoutSeconds !== undefined && { connectTimeoutMs: connectTimeoutSeconds * 1000 }),
  };
  return {
    version,
    limits,
    signal,
    log: (line) => output.info(output.err.dim(line)),
    ...(host !== undefined && { host }),
    ...(mqttPort !== undefined && { port: mqttPort }),
    ...(wsPort !== undefined && { wsPort }),
    ...(apiPort !== undefined && { apiPort }),
    ...(socket !== undefined && { socket: path.resolve(socket) }),
    ...(options.tls !== false && { tls }),
    ...(persistTo !== undefined && { persistTo }),
    ...(options.fsync !== undefined && { fsync: options.fsync }),
    ...(apiToken !== undefined && { apiToken }),
  };
}

/** What a command does with its server, besides starting it and waiting for the end. */
export interface ServerSteps<Ready extends ReadyServer> {
  start(): Promise<RunningServer>;
  /** Once it listens. @returns what others are told of it */
  prepare(server: RunningServer): Promise<Ready>;
  showBanner(ready: Ready): void;
  /** What it is there for; without that it serves until the command is told to stop. Its end is the server's. */
  work?(ready: Ready): Promise<void>;
}

/** Runs a server until the command is told to stop, be it while it starts. It is closed whatever happens. */
export async function runServer<Ready extends ReadyServer>(
  { output, signal }: CommandContext,
  { readyFile, json }: ServerCommandOptions,
  steps: ServerSteps<Ready>,
): Promise<void> {
  // One that a killed server left behind would say that this one is ready.
  if (readyFile !== undefined) await rm(readyFile, { force: true });
  let server: RunningServer | undefined;
  try {
    server = await output.spin("starting", steps.start());
    signal.throwIfAborted();
    const ready = await steps.prepare(server);
    if (readyFile !== undefined) await writeReadyFile(readyFile, ready);
    if (json) await output.line(ready);
    steps.showBanner(ready);
    const ended = steps.work?.(ready) ?? untilAborted(signal);
    await Promise.race([ended, ...(server.failed === undefined ? [] : [server.failed])]);
    output.info("Stopping …");
  } catch (error) {
    // Who stops it before it is ready wants nothing more of it.
    if (!signal.aborted || error !== signal.reason) throw error;
  } finally {
    if (readyFile !== undefined) await removeReadyFile(readyFile, process.pid);
    await server?.close();
  }
}

/** The task's result. @throws the signal's reason, where it aborts before */
export async function unlessAborted<T>(signal: AbortSignal, task: Promise<T>): Promise<T> {
  const aborted = untilAborted(signal).then(() => Promise.reject(signal.reason as Error));
  return await Promise.race([task, aborted]);
}

export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
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

export type Fields = readonly (readonly [name: string, value: string])[];

export interface Banner<Ready extends ReadyServer = ReadyServer> {
  readonly ready: Ready;
  /** What `dataFolder` says. */
  readonly persistTo: string | undefined;
  /** The API's, or where it is to be found. */
  readonly token: string;
  /** Fields of the command's own. */
  readonly more?: Fields;
}

/** Says where the server is. */
export function showAddresses({ output }: CommandContext, { ready, persistTo, token, more = [] }: Banner): void {
  const fields: Fields = [
    ["MQTT", ready.mqtt],
    ["WebSocket", ready.ws],
    ...(ready.mqtts === undefined ? [] : ([["TLS", `${ready.mqtts}, ${ready.wss}`]] as const)),
    ...(ready.socket === undefined ? [] : ([["Socket", ready.socket]] as const)),
    ["API", ready.api],
    ["API token", token],
    ...more,
    ["Data", persistTo ?? "in memory, gone at the end"],
  ];
  output.info(`${output.err.bold(`pubsub ${version}`)} is ready\n`);
  output.info(formatFields(fields).replaceAll(/^(?=.)/gm, "  "));
}
