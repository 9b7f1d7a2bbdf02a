/** Lines of standard input through a broker to standard output: `pub -l` and `sub -C`, ours and mosquitto's. */
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { brokerKinds, cleanEnvironment, type RunningBroker, startBroker } from "./brokers.ts";
import { launch } from "./children.ts";
import { GENERATOR_CORE } from "./cores.ts";
import type { Measurement } from "./measurement.ts";

const TOPIC = "lines";
const OUR_PROGRAM = "bin/pubsub.js";
/** Until both programs have connected: mosquitto's do not say when. */
const CONNECTED_AFTER_MS = 1_000;

type Qos = 0 | 1 | 2;

interface Programs {
  pub(port: number, qos: Qos): string[];
  sub(port: number, qos: Qos, lines: number): string[];
}

const ours: Programs = {
  pub: (port, qos) => [...ourProgram("pub", port, qos), "-l"],
  sub: (port, qos, lines) => [...ourProgram("sub", port, qos), "--quiet", "-C", String(lines)],
};

const mosquittos: Programs = {
  pub: (port, qos) => ["mosquitto_pub", "-p", String(port), "-t", TOPIC, "-q", String(qos), "-l"],
  sub: (port, qos, lines) => ["mosquitto_sub", "-p", String(port), "-t", TOPIC, "-q", String(qos), "-C", String(lines)],
};

function ourProgram(command: string, port: number, qos: Qos): string[] {
  return [process.execPath, OUR_PROGRAM, command, TOPIC, "--url", `mqtt://127.0.0.1:${port}`, "-q", String(qos)];
}

/** Who sends and receives, through which broker; they stand where other scenarios have brokers. */
const routes: Readonly<Record<string, { programs: Programs; broker: string }>> = {
  "pubsub by pubsub-cli": { programs: ours, broker: "pubsub-cli" },
  "mosquitto_pub by pubsub-cli": { programs: mosquittos, broker: "pubsub-cli" },
  "pubsub by mosquitto": { programs: ours, broker: "mosquitto" },
  "mosquitto_pub by mosquitto": { programs: mosquittos, broker: "mosquitto" },
};

export const lineRoutes: readonly string[] = Object.keys(routes);

/** The brokers that stand between them; whoever has this stops them. */
export class LineBrokers {
  readonly #running = new Map<string, RunningBroker>();

  async measure(route: string, qos: Qos, lines: number): Promise<Measurement> {
    const { programs, broker: name } = routes[route]!;
    const broker = this.#running.get(name) ?? (await startBroker(brokerKinds.find((kind) => kind.name === name)!));
    this.#running.set(name, broker);
    return await send(programs, broker.port, qos, lines);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#running.values()].map((broker) => broker.stop()));
  }
}

async function send(programs: Programs, port: number, qos: Qos, lines: number): Promise<Measurement> {
  const env = cleanEnvironment(path.join(tmpdir(), "pubsub-bench-without-configuration"));
  const received = path.join(tmpdir(), `pubsub-bench-lines-${process.pid}`);
  writeFileSync(received, "");
  const sub = launch(GENERATOR_CORE, ["sh", "-c", 'exec "$@" >"$0"', received, ...programs.sub(port, qos, lines)], {
    stdio: ["ignore", "ignore", "inherit"],
    env,
  });
  const pub = launch(GENERATOR_CORE, programs.pub(port, qos), { stdio: ["pipe", "ignore", "inherit"], env });
  try {
    const ended = Promise.all([once(sub, "exit"), once(pub, "exit")]);
    await sleep(CONNECTED_AFTER_MS);
    const startedMs = performance.now();
    for (let line = 1; line <= lines; line += BATCH_LINES) await write(pub.stdin!, line, lines);
    pub.stdin!.end();
    const codes = (await ended).map(([code]) => code as number | null);
    if (codes.some((code) => code !== 0)) throw new Error(`sub and pub ended with the exit codes ${codes.join(", ")}`);
    return { perSecond: (lines * 1000) / (performance.now() - startedMs) };
  } finally {
    sub.kill();
    pub.kill();
    rmSync(received, { force: true });
  }
}

const BATCH_LINES = 10_000;

async function write(stream: NodeJS.WritableStream, from: number, lines: number): Promise<void> {
  const count = Math.min(BATCH_LINES, lines - from + 1);
  const text = Array.from({ length: count }, (_, index) => `line ${from + index}\n`).join("");
  if (!stream.write(text)) await once(stream, "drain");
}
