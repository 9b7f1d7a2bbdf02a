/** How each broker is started: a process of its own, pinned to its own core, with nothing on disk that it finds again. */
import { spawnSync, type ChildProcess, type StdioOptions } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir, userInfo } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { launch } from "./children.ts";
import { BROKER_CORE, GENERATOR_CORE } from "./cores.ts";
import { connectFrame } from "./load/frames.ts";

export interface RunningBroker {
  readonly port: number;
  readonly pid: number;
  /** From starting the process to the first accepted connection. */
  readonly startMs: number;
  /** With SIGKILL where no signal is given. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface BrokerKind {
  readonly name: string;
  /** Version of what is measured, for the report. */
  version(): string;
  /** The command line of the broker that listens on this port and may use this folder. */
  command(port: number, folder: string): string[];
  /** The command line of a program beside it, on the core of the load generator. */
  readonly companion?: (port: number) => string[];
}

const START_TIMEOUT_MS = 20_000;

/** @param folder for the configuration of ours: a measurement does not change what `pubsub sub` connects to */
export function cleanEnvironment(folder: string): NodeJS.ProcessEnv {
  // The first costs each start of Node 39 ms.
  return { ...process.env, NODE_EXTRA_CA_CERTS: undefined, PUBSUB_CONFIG_DIR: folder };
}

function ours(name: string, more: (port: number, folder: string) => string[], companion?: (port: number) => string[]) {
  return {
    name,
    version: () => packageVersion("package.json"),
    command: (port: number, folder: string) => {
      const ports = ["--port", String(port), "--ws-port", "0", "--tls-port", "0", "--wss-port", "0", "--api-port", "0"];
      return [process.execPath, "bin/pubsub.js", "dev", "--allow-anonymous", ...ports, ...more(port, folder)];
    },
    ...(companion && { companion }),
  };
}

/** With persistence it writes everything to a file every half hour and at its end. */
const mosquitto = (name: string, persistence: boolean): BrokerKind => ({
  name,
  version: () => /version (\S+)/.exec(spawnSync("mosquitto", ["-h"], { encoding: "utf8" }).stdout)?.[1] ?? "missing",
  command(port, folder) {
    const config = path.join(folder, "mosquitto.conf");
    // Without limits that would drop messages, and with TCP_NODELAY, which the others have too.
    const lines = [
      `listener ${port} 127.0.0.1`,
      "allow_anonymous true",
      // Started by root it would become a user who cannot write to the folder.
      `user ${userInfo().username}`,
      `persistence ${persistence}`,
      `persistence_location ${folder}/`,
      "max_queued_messages 0",
      "max_inflight_messages 0",
      "set_tcp_nodelay true",
      "log_type error",
    ];
    writeFileSync(config, lines.join("\n"));
    return ["mosquitto", "-c", config];
  },
});

/** Its MQTT gateway keeps sessions in JetStream, and so needs a folder. It has no MQTT 5 and, up to 2.9, no QoS 2. */
const nats = (version: string): BrokerKind => ({
  name: "nats",
  version: () => version,
  command(port, folder) {
    const config = path.join(folder, "nats.conf");
    const lines = [
      "server_name: bench",
      // Clients of its own protocol are not measured.
      "listen: 127.0.0.1:-1",
      `jetstream { store_dir: "${path.join(folder, "jetstream")}" }`,
      // Without a limit of unacknowledged messages that would be lower than the generator's.
      `mqtt { listen: "127.0.0.1:${port}", max_ack_pending: 65535 }`,
    ];
    writeFileSync(config, lines.join("\n"));
    return ["nats-server", "-c", config];
  },
});

/** undefined where it is not installed. */
function natsVersion(): string | undefined {
  return /v(\S+)/.exec(spawnSync("nats-server", ["--version"], { encoding: "utf8" }).stdout ?? "")?.[1];
}

/** One of the programs in servers/. */
function script(name: string, version: () => string): BrokerKind {
  return { name, version, command: (port) => server(name, port) };
}

const server = (name: string, port: number) => [
  process.execPath,
  path.join(import.meta.dirname, "servers", `${name}.mjs`),
  String(port),
];

/** A Worker that lets every message pass. */
function worker(folder: string): string {
  const file = path.join(folder, "worker.mjs");
  writeFileSync(file, "export default { pubsub: (messages) => messages };");
  return file;
}

/** A port for the hook, by that of its broker: below those that the system gives to connections. */
const hookPort = (port: number) => port - 10_000;

const foundNats = natsVersion();

/** Ours first; the sink is what the generator itself can do. What is not installed and need not be is left out. */
export const brokerKinds: readonly BrokerKind[] = [
  ours("pubsub-cli", () => ["--memory"]),
  mosquitto("mosquitto", false),
  ...(foundNats === undefined ? [] : [nats(foundNats)]),
  script("aedes", () => packageVersion("node_modules/aedes/package.json")),
  script("sink", () => ""),
  ours(
    "pubsub-cli + hook",
    (port) => ["--memory", "--on-publish-url", `http://127.0.0.1:${hookPort(port)}/`],
    (port) => server("hook", hookPort(port)),
  ),
  ours("pubsub-cli + worker", (_port, folder) => [worker(folder), "--memory"]),
  ours("pubsub-cli + disk", (_port, folder) => ["--persist-to", path.join(folder, "data")]),
  ours("pubsub-cli + interval", (_port, folder) => [
    "--persist-to",
    path.join(folder, "data"),
    "--fsync",
    "interval:50",
  ]),
  ours("pubsub-cli + os", (_port, folder) => ["--persist-to", path.join(folder, "data"), "--fsync", "os"]),
  mosquitto("mosquitto + disk", true),
];

export function newFolder(): string {
  return mkdtempSync(path.join(tmpdir(), "pubsub-bench-"));
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

export interface StartOptions {
  /** One that stays for the next start; otherwise the broker has a new one, which is removed in the end. */
  readonly lastingFolder?: string | undefined;
  /** A folder where Node leaves a CPU profile when the broker ends. */
  readonly profileTo?: string;
}

/** @throws Error where it cannot be started, with what it said */
export async function startBroker(kind: BrokerKind, options: StartOptions = {}): Promise<RunningBroker> {
  const { lastingFolder, profileTo } = options;
  const folder = lastingFolder ?? newFolder();
  const port = await freePort();
  const env = cleanEnvironment(folder);
  const stdio: StdioOptions = ["ignore", "ignore", "pipe"];
  const companion = kind.companion && launch(GENERATOR_CORE, kind.companion(port), { stdio, env });
  const command = kind.command(port, folder);
  if (profileTo !== undefined) command.splice(1, 0, "--cpu-prof", `--cpu-prof-dir=${profileTo}`);
  const startedMs = performance.now();
  const child = launch(BROKER_CORE, command, { stdio, env });
  // A killed process leaves no profile.
  const stop = async (signal: NodeJS.Signals = profileTo === undefined ? "SIGKILL" : "SIGTERM") => {
    await end(child, signal);
    if (companion) await end(companion, "SIGKILL");
    if (lastingFolder === undefined) removeFolder(folder);
  };
  try {
    await untilAccepted(child, port);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, pid: child.pid!, startMs: performance.now() - startedMs, stop };
}

async function untilAccepted(child: ChildProcess, port: number): Promise<void> {
  let complaints = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    if (complaints.length < 10_000) complaints += chunk.toString();
  });
  child.on("error", (error) => (complaints += error.message));
  for (const deadlineMs = performance.now() + START_TIMEOUT_MS; !(await accepts(port)); await sleep(1)) {
    if (performance.now() > deadlineMs || child.exitCode !== null || child.pid === undefined) {
      throw new Error(`${child.spawnargs.join(" ")} did not start: ${complaints || "no output"}`);
    }
  }
}

/** True if a client is let in: CONNECT is answered with a CONNACK of code 0. */
function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.once("error", () => resolve(false));
    socket.once("close", () => resolve(false));
    socket.once("data", (chunk: Buffer) => {
      resolve(chunk[0] === 0x20 && chunk[3] === 0);
      socket.destroy();
    });
    socket.write(connectFrame("first", 4));
  });
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  await exited;
}

function packageVersion(file: string): string {
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
