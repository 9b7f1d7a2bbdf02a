import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, readdir, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Heap, readHeap } from "./heap.ts";
import type { Ports } from "./hostile-connection.ts";
import { Violation } from "./violation.ts";

const START_MS = 20_000;
/** What a running server may say: that it refused someone. Anything else is a bug, or hides one. */
const HARMLESS = /^refused (?:127\.0\.0\.1:\d+|\?:\?) \(client id ".*"\): .+$/;
/** Control characters that would act on the terminal of whoever reads the log. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]/;

/** As the kernel numbers them. */
const STATES = [
  "other",
  "ESTABLISHED",
  "SYN_SENT",
  "SYN_RECV",
  "FIN_WAIT1",
  "FIN_WAIT2",
  "TIME_WAIT",
  "CLOSE",
  "CLOSE_WAIT",
  "LAST_ACK",
  "LISTEN",
];

export interface OpenSocket {
  readonly localPort: number;
  /** 0 for one that listens, or is none of IPv4's. */
  readonly peerPort: number;
  readonly state: string;
}

/** A server under attack, in a process of its own. */
export class ServerProcess {
  readonly ports: Ports;
  readonly #child: ChildProcess;
  readonly #folder: string;
  #isStopping = false;

  private constructor(child: ChildProcess, folder: string, ports: Ports) {
    this.#child = child;
    this.#folder = folder;
    this.ports = ports;
  }

  /** @param onViolation told of an end that nobody asked for, and of output that should not be */
  static async start(program: string, onViolation: (violation: Violation) => void): Promise<ServerProcess> {
    const folder = await mkdtemp(join(tmpdir(), "pubsub-fuzz-"));
    const readyFile = join(folder, "ready.json");
    const { PATH } = process.env;
    const args = [
      "dev",
      "--memory",
      "--port",
      "0",
      "--ws-port",
      "0",
      "--api-port",
      "0",
      "--ready-file",
      readyFile,
      "--allow-anonymous",
    ];
    const child = spawn(process.execPath, ["--heapsnapshot-signal=SIGUSR2", program, ...args], {
      cwd: folder,
      env: { PATH, HOME: folder, PUBSUB_CONFIG_DIR: join(folder, "config"), NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const output = collectOutput(child);
    const ports = await readPorts(child, readyFile, output).catch(async (error: unknown) => {
      child.kill("SIGKILL");
      await rm(folder, { recursive: true, force: true });
      throw error;
    });
    const server = new ServerProcess(child, folder, ports);
    // The banner ends with how to stop it.
    while (!output.text.includes("stops it.")) await sleep(10);
    output.text = output.text.slice(output.text.indexOf("stops it.") + "stops it.\n".length);
    const check = (): void => {
      const end = output.text.lastIndexOf("\n");
      if (end < 0) return;
      const lines = output.text.slice(0, end);
      output.text = output.text.slice(end + 1);
      const bad = server.#isStopping ? undefined : badOutput(lines);
      if (bad !== undefined) onViolation(new Violation(bad));
    };
    output.onText = check;
    check();
    child.on("exit", (code, signal) => {
      if (server.#isStopping) return;
      onViolation(
        new Violation(`the server ended by itself: code ${code}, signal ${signal}; its last words: ${output.text}`),
      );
    });
    return server;
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Bytes. */
  async residentBytes(): Promise<number> {
    const status = await readFile(`/proc/${this.#child.pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
  }

  /** Open sockets. */
  async sockets(): Promise<OpenSocket[]> {
    const folder = `/proc/${this.#child.pid}/fd`;
    // Some may be closed by the time we look.
    const links = await Promise.all((await readdir(folder)).map((fd) => readlink(join(folder, fd)).catch(() => "")));
    const table = await readFile("/proc/net/tcp", "utf8");
    const rows = new Map(table.split("\n").map((line) => [line.trim().split(/ +/)[9] ?? "", line.trim().split(/ +/)]));
    return links.flatMap((link) => {
      const inode = /^socket:\[(\d+)\]$/.exec(link)?.[1];
      if (inode === undefined) return [];
      const row = rows.get(inode);
      const port = (address: string | undefined): number => Number.parseInt(address?.split(":")[1] ?? "0", 16);
      return [
        {
          localPort: port(row?.[1]),
          peerPort: port(row?.[2]),
          state: STATES[Number.parseInt(row?.[3] ?? "0", 16)] ?? "other",
        },
      ];
    });
  }

  heap(): Promise<Heap> {
    return readHeap(this.#child.pid!, this.#folder, 30_000);
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    if (this.isAlive) {
      const exited = once(this.#child, "exit");
      this.#child.kill("SIGTERM");
      const timer = setTimeout(() => this.#child.kill("SIGKILL"), 5_000);
      await exited;
      clearTimeout(timer);
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** @returns what is wrong with lines of output, if anything is */
function badOutput(lines: string): string | undefined {
  if (CONTROL.test(lines)) return `the server printed control characters: ${JSON.stringify(lines.slice(0, 2000))}`;
  const bad = lines.split("\n").find((line) => line !== "" && !HARMLESS.test(line));
  return bad === undefined ? undefined : `the server printed:\n${lines.slice(lines.indexOf(bad)).slice(0, 4000)}`;
}

interface Output {
  text: string;
  onText: () => void;
}

function collectOutput(child: ChildProcess): Output {
  const output: Output = { text: "", onText: () => {} };
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output.text += text;
      output.onText();
    });
  }
  return output;
}

async function readPorts(child: ChildProcess, readyFile: string, output: Output): Promise<Ports> {
  const dueAt = Date.now() + START_MS;
  for (;;) {
    const text = await readFile(readyFile, "utf8").catch(() => "");
    if (text.trimEnd().endsWith("}")) {
      const { mqtt, ws, api } = JSON.parse(text) as { mqtt: string; ws: string; api: string };
      // The API comes with its first request. Its libraries are no growth, so it is there before anything is counted.
      await (await fetch(api)).text();
      return { tcp: Number(new URL(mqtt).port), ws: Number(new URL(ws).port) };
    }
    if (child.exitCode !== null || Date.now() > dueAt) throw new Error(`the server does not start:\n${output.text}`);
    await sleep(20);
  }
}
