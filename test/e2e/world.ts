/**
 * The built program as its users have it: processes, ports, files. Each test gets a folder and a configuration of its
 * own; everything that was started ends with the test.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { program } from "../setup/program.ts";

export type ReadyServer = Omit<Ready, "namespace" | "broker" | "clientId" | "clientToken">;

export interface Ready {
  v: number;
  pid: number;
  api: string;
  apiToken: string;
  accountId: string;
  mqtt: string;
  ws: string;
  mqtts: string;
  wss: string;
  /** Path of the local authority's certificate. */
  ca: string;
  namespace: string;
  broker: string;
  clientId: string;
  clientToken: string;
}

/** A message as the hook gets it. */
export interface HookMessage {
  mid: number;
  topic: string;
  clientId: string;
  payload: string | number[];
  [field: string]: unknown;
}

export interface Finished {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** A process whose output can be waited for. */
export class Running {
  readonly child: ChildProcess;
  stdout = "";
  stderr = "";
  readonly finished: Promise<Finished>;
  #wake = new Set<() => void>();

  constructor(command: string, args: string[], options: { cwd: string; env: NodeJS.ProcessEnv }) {
    this.child = spawn(command, args, { ...options, stdio: ["pipe", "pipe", "pipe"] });
    this.child.stdout!.setEncoding("utf8").on("data", (text: string) => this.#add("stdout", text));
    this.child.stderr!.setEncoding("utf8").on("data", (text: string) => this.#add("stderr", text));
    this.child.stdin!.on("error", () => {});
    this.finished = new Promise((resolve, reject) => {
      this.child.on("error", reject);
      this.child.on("close", (code, signal) => {
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr });
        this.#notify();
      });
    });
  }

  /** Waits until the output has the text, and fails if the process ends before. */
  async prints(stream: "stdout" | "stderr", text: string | RegExp): Promise<string> {
    const found = () => (typeof text === "string" ? this[stream].includes(text) : text.test(this[stream]));
    while (!found()) {
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`ended with ${this.child.exitCode} before it printed ${text}:\n${this.stdout}\n${this.stderr}`);
      }
      await new Promise<void>((resolve) => this.#wake.add(resolve));
    }
    return this[stream];
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<Finished> {
    this.child.kill(signal);
    return this.finished;
  }

  #add(stream: "stdout" | "stderr", text: string): void {
    this[stream] += text;
    this.#notify();
  }

  #notify(): void {
    for (const wake of this.#wake) wake();
    this.#wake.clear();
  }
}

export class World {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;

  private constructor(folder: string) {
    this.folder = folder;
    const { PATH, XDG_CACHE_HOME } = process.env;
    this.env = { PATH, XDG_CACHE_HOME, HOME: folder, PUBSUB_CONFIG_DIR: join(folder, "config"), NO_COLOR: "1" };
  }

  static async create(): Promise<World> {
    const folder = await mkdtemp(join(tmpdir(), "pubsub test "));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    return new World(folder);
  }

  /** Starts any program; it is killed at the end of the test. */
  spawn(command: string, args: string[], env: NodeJS.ProcessEnv = {}): Running {
    const running = new Running(command, args, { cwd: this.folder, env: { ...this.env, ...env } });
    onTestFinished(async () => {
      if (running.child.exitCode === null) await running.stop("SIGKILL").catch(() => {});
    });
    return running;
  }

  /** Starts `pubsub …`. */
  start(...args: string[]): Running {
    return this.spawn(process.execPath, [program(), ...args]);
  }

  /** Runs `pubsub …` to its end, with `input` on its standard input. */
  async run(args: string[], input = ""): Promise<Finished> {
    const running = this.start(...args);
    running.child.stdin!.end(input);
    return running.finished;
  }

  /** Starts `pubsub dev` on free ports and waits until it is ready. */
  async dev(...args: string[]): Promise<Ready & { process: Running }> {
    return await this.#startServer<Ready>("dev", args);
  }

  /** Starts `pubsub serve` on free ports and waits until it is ready. */
  async serve(...args: string[]): Promise<ReadyServer & { process: Running }> {
    return await this.#startServer<ReadyServer>("serve", args);
  }

  async #startServer<R>(command: string, args: string[]): Promise<R & { process: Running }> {
    const readyFile = join(this.folder, "ready.json");
    const ports = ["--port", "0", "--ws-port", "0", "--api-port", "0"];
    const running = this.start(command, ...ports, "--ready-file", readyFile, ...args);
    await running.prints("stderr", "Ctrl-C stops it.");
    const ready = JSON.parse(await readFile(readyFile, "utf8")) as R;
    return { ...ready, process: running };
  }
}

/** A call of the management API; fails unless it succeeds. */
export async function callApi<T>(ready: ReadyServer, method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${ready.api}/accounts/${ready.accountId}/pubsub/namespaces${path}`, {
    method,
    headers: { authorization: `Bearer ${ready.apiToken}`, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const envelope = (await response.json()) as { success: boolean; errors: unknown; result: T };
  if (!envelope.success) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(envelope.errors)}`);
  return envelope.result;
}

/** Path of the default broker. */
export const brokerPath = (ready: Ready): string => `/${ready.namespace}/brokers/${ready.broker}`;

/** Issues a token for the client id. */
export async function issueToken(ready: Ready, clientId: string, query = ""): Promise<string> {
  const path = `${brokerPath(ready)}/credentials?number=1&type=TOKEN&clientid=${clientId}${query}`;
  return (await callApi<Record<string, string>>(ready, "GET", path))[clientId]!;
}

/** `host` and `port` of an `mqtt://…` or `ws://…` address. */
export const portOf = (url: string): string => new URL(url).port;

/** Serves a hook on a free port: `answer` says what becomes of each batch. Returns its URL. */
export async function serveHook(
  answer: (messages: HookMessage[], request: IncomingMessage, response: ServerResponse) => unknown,
): Promise<string> {
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const messages = JSON.parse(Buffer.concat(chunks).toString()) as HookMessage[];
      const result = answer(messages, request, response);
      if (result === undefined) return;
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(result));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
}

/** Debian's mosquitto-clients are optional for developers; CI installs them, and there their absence is a failure. */
export const hasMosquitto =
  process.env["CI"] !== undefined || spawnSync("mosquitto_pub", ["--version"]).error === undefined;
