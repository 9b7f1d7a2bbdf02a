/** Running `bin/pubsub.js`, and what a demo needs around it. */
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import readline from "node:readline";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../../bin/pubsub.js", import.meta.url));
const START_MS = 20_000;
const STOP_MS = 4_000;

/** Still running. None may outlive the demo, however that ends. */
const children = new Set();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

/** Starts `pubsub` with these arguments; `said()` is what it wrote to stderr of late. */
export function pubsub(args, env = {}) {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  children.add(child);
  child.once("close", () => children.delete(child));
  let said = "";
  child.stderr.on("data", (chunk) => (said = (said + chunk).slice(-4000)));
  const exited = new Promise((resolve) => {
    child.once("error", (error) => {
      said += error.message;
      resolve(1);
    });
    child.once("close", (code) => resolve(code));
  });
  return {
    exited,
    said: () => said.trim(),
    lines: readline.createInterface({ input: child.stdout }),
    onStderr: (listener) => child.stderr.on("data", listener),
    /** Asks it to end, and insists if it does not. */
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGTERM");
      const insist = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      await exited;
      clearTimeout(insist);
    },
  };
}

/**
 * Starts `pubsub dev` and waits until it listens.
 * @returns the process, and `ready`: the object of its ready file, with addresses and tokens
 */
export async function startBroker(ports) {
  const folder = await mkdtemp(path.join(tmpdir(), "payment-terminals-"));
  const file = path.join(folder, "ready.json");
  const { mqtt, ws, api } = ports;
  const args = [
    "dev",
    "--memory",
    "--port",
    mqtt,
    "--ws-port",
    ws,
    "--api-port",
    api,
    "--no-tls",
    "--ready-file",
    file,
  ];
  const broker = pubsub(args.map(String));
  let ended = false;
  void broker.exited.then(() => (ended = true));
  try {
    const until = Date.now() + START_MS;
    for (;;) {
      const ready = await readFile(file, "utf8").then(JSON.parse, () => undefined);
      if (ready !== undefined) return { ...broker, ready };
      if (ended) throw new Error(`the broker did not start:\n${broker.said()}`);
      if (Date.now() > until)
        throw new Error(`the broker was not ready within ${START_MS / 1000} s:\n${broker.said()}`);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  } catch (error) {
    await broker.stop();
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The port if nothing listens on it on loopback, otherwise 0: let the program pick one. */
export async function freePort(port) {
  for (const host of ["127.0.0.1", "::1"]) {
    const code = await new Promise((resolve) => {
      const server = net.createServer();
      server.once("error", (error) => resolve(error.code));
      server.listen(port, host, () => server.close(() => resolve(undefined)));
    });
    // A machine may have no IPv6.
    if (code === "EADDRINUSE" || code === "EACCES") return 0;
  }
  return port;
}
