/** Programs that run to their end, and how long that takes. */
import { execFile } from "node:child_process";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { cleanEnvironment, type RunningBroker } from "./brokers.ts";
import { GENERATOR_CORE, pinned } from "./cores.ts";
import type { Measurement } from "./measurement.ts";

const NO_CONFIGURATION = path.join(tmpdir(), "pubsub-bench-without-configuration");
const OUR_PROGRAM = "bin/pubsub.js";

/** What other start-up times are compared with. */
export const NODE_ALONE = "node -e 0";

/** Each with the arguments for publishing to a broker of ours, where it does that. */
const programs: Readonly<Record<string, (port: number) => string[]>> = {
  [NODE_ALONE]: () => [process.execPath, "-e", "0"],
  "pubsub --version": () => [process.execPath, OUR_PROGRAM, "--version"],
  "pubsub pub": (port) => [process.execPath, OUR_PROGRAM, "pub", "a", "b", "--qos", "1", "--url", mqttUrl(port)],
  mosquitto_pub: (port) => ["mosquitto_pub", "-p", String(port), "-t", "a", "-m", "b", "-q", "1"],
};

const mqttUrl = (port: number) => `mqtt://127.0.0.1:${port}`;

export const programNames: readonly string[] = Object.keys(programs);

/** Runs the program once. */
export async function runProgram(name: string, { port }: RunningBroker): Promise<Measurement> {
  const [file, ...args] = pinned(GENERATOR_CORE, programs[name]!(port));
  const startedMs = performance.now();
  await promisify(execFile)(file!, args, { env: cleanEnvironment(NO_CONFIGURATION) });
  return { ms: performance.now() - startedMs };
}
