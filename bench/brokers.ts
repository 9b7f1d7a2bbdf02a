/** How each broker is started: a process of its own, pinned to its own core, with nothing on disk that it finds again. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BROKER_CORE, pinned } from "./cores.ts";

export interface RunningBroker {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

export interface BrokerKind {
  readonly name: string;
  /** Version of what is measured, for the report. */
  version(): string;
  start(): Promise<RunningBroker>;
}

const START_TIMEOUT_MS = 10_000;

const ours: BrokerKind = {
  name: "pubsub-cli",
  version: () => packageVersion("package.json"),
  async start() {
    const folder = mkdtempSync(path.join(tmpdir(), "pubsub-bench-"));
    const readyFile = path.join(folder, "ready.json");
    const ports = ["--port", "0", "--ws-port", "0", "--api-port", "0"];
    const args = ["bin/pubsub.js", "dev", ...ports, "--allow-anonymous", "--ready-file", readyFile];
    // Its own configuration folder: a measurement does not change what `pubsub sub` connects to.
    const child = launch(process.execPath, args, { PUBSUB_CONFIG_DIR: folder });
    await until(child, () => existsSync(readyFile));
    const ready = JSON.parse(readFileSync(readyFile, "utf8")) as { mqtt: string; pid: number };
    return running(child, Number(new URL(ready.mqtt).port), folder, ready.pid);
  },
};

const mosquitto: BrokerKind = {
  name: "mosquitto",
  version: () => /version (\S+)/.exec(spawnSync("mosquitto", ["-h"], { encoding: "utf8" }).stdout)?.[1] ?? "missing",
  async start() {
    const folder = mkdtempSync(path.join(tmpdir(), "pubsub-bench-"));
    const port = await freePort();
    const config = path.join(folder, "mosquitto.conf");
    // Without limits that would drop messages, and with TCP_NODELAY, which the others have too.
    const lines = [
      `listener ${port} 127.0.0.1`,
      "allow_anonymous true",
      "persistence false",
      "max_queued_messages 0",
      "max_inflight_messages 0",
      "set_tcp_nodelay true",
      "log_type error",
    ];
    writeFileSync(config, lines.join("\n"));
    const child = launch("mosquitto", ["-c", config]);
    await until(child, () => accepts(port));
    return running(child, port, folder);
  },
};

/** One of the programs in servers/, which print their port when they listen. */
function script(name: string, version: () => string): BrokerKind {
  return {
    name,
    version,
    async start() {
      const child = launch(process.execPath, [path.join(import.meta.dirname, "servers", `${name}.mjs`)]);
      let output = "";
      child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
      await until(child, () => output.endsWith("\n"));
      return running(child, Number(output));
    },
  };
}

const aedes = script("aedes", () => packageVersion("node_modules/aedes/package.json"));
const sink = script("sink", () => "no broker: the load generator's own ceiling");

/** Ours first; the sink is what the generator itself can do. */
export const brokerKinds: readonly BrokerKind[] = [ours, mosquitto, aedes, sink];

function launch(command: string, args: string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const [file, ...rest] = pinned(BROKER_CORE, [command, ...args]);
  return spawn(file!, rest, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
}

async function until(child: ChildProcess, isReady: () => boolean | Promise<boolean>): Promise<void> {
  let complaints = "";
  child.stderr?.on("data", (chunk: Buffer) => (complaints += chunk.toString()));
  child.on("error", (error) => (complaints += error.message));
  for (const deadlineMs = performance.now() + START_TIMEOUT_MS; !(await isReady()); await sleep(5)) {
    if (performance.now() > deadlineMs || child.exitCode !== null || child.pid === undefined) {
      child.kill("SIGKILL");
      throw new Error(`${child.spawnargs.join(" ")} did not start: ${complaints || "no output"}`);
    }
  }
}

function running(child: ChildProcess, port: number, folder?: string, pid = child.pid ?? 0): RunningBroker {
  // Nobody reads what it says from here on, and it must not wait for a reader.
  child.stdout?.resume();
  return {
    port,
    pid,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        const exited = new Promise((resolve) => child.once("exit", resolve));
        child.kill("SIGKILL");
        await exited;
      }
      if (folder) rmSync(folder, { recursive: true, force: true });
    },
  };
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

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
