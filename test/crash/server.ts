import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Violation } from "./violation.ts";

const START_MS = 60_000;
const STOP_MS = 10_000;
const POLL_MS = 5;
const OUTPUT_CHARACTERS_MAX = 4000;

export interface ServerSettings {
  readonly program: string;
  /** Has the data, and everything else of the server. */
  readonly folder: string;
  readonly fsync: string;
  /** See record-syncs.mjs: its path, and the file to write. */
  readonly recorder: { readonly script: string; readonly syncs: string } | undefined;
}

export function dataFolder({ folder }: Pick<ServerSettings, "folder">): string {
  return path.join(folder, "data");
}

/** One life of the server. */
export class Server {
  readonly #child: ChildProcess;
  readonly #readyFile: string;
  readonly #exited: Promise<unknown>;
  #output = "";

  private constructor(child: ChildProcess, readyFile: string) {
    this.#child = child;
    this.#readyFile = readyFile;
    this.#exited = once(child, "exit");
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.#output = (this.#output + text).slice(-OUTPUT_CHARACTERS_MAX);
      });
    }
  }

  static async spawn({ program, folder, fsync, recorder }: ServerSettings): Promise<Server> {
    const readyFile = path.join(folder, "ready.json");
    await rm(readyFile, { force: true });
    const ports = ["--port", "0", "--ws-port", "0", "--api-port", "0", "--no-tls", "--allow-anonymous"];
    const data = ["--persist-to", dataFolder({ folder }), "--fsync", fsync, "--ready-file", readyFile];
    const preload = recorder === undefined ? [] : ["--import", recorder.script];
    const child = spawn(process.execPath, [...preload, program, "dev", ...ports, ...data], {
      cwd: folder,
      env: {
        ...{ PATH: process.env["PATH"], HOME: folder, PUBSUB_CONFIG_DIR: path.join(folder, "config"), NO_COLOR: "1" },
        CRASH_SYNCS: recorder?.syncs,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    return new Server(child, readyFile);
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** What it said last. */
  get output(): string {
    return this.#output;
  }

  /**
   * Resolves with its port.
   * @throws Violation where it does not start
   */
  async ready(): Promise<number> {
    const dueAt = performance.now() + START_MS;
    for (;;) {
      const text = await readFile(this.#readyFile, "utf8").catch(() => "");
      if (text.endsWith("}\n")) return Number(new URL((JSON.parse(text) as { mqtt: string }).mqtt).port);
      if (!this.isAlive || performance.now() > dueAt) {
        throw new Violation(`the server does not start. It said:\n${this.#output}`);
      }
      await sleep(POLL_MS);
    }
  }

  /** @throws Violation if it has ended by itself */
  async kill(): Promise<void> {
    if (!this.isAlive) throw new Violation(`the server ended by itself. It said:\n${this.#output}`);
    this.#child.kill("SIGKILL");
    await this.#exited;
  }

  /** As an operator does. @throws Violation where it does not end in time, or not well */
  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_MS);
    await this.#exited;
    clearTimeout(timer);
    if (this.#child.exitCode !== 0) throw new Violation(`the server does not end well. It said:\n${this.#output}`);
  }

  /** Whatever its state. */
  async end(): Promise<void> {
    if (!this.isAlive) return;
    this.#child.kill("SIGKILL");
    await this.#exited;
  }
}
