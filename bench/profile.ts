/** Where our broker spends its time in a scenario. */
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { brokerKinds, startBroker } from "./brokers.ts";
import { Generator } from "./generator.ts";
import type { Work } from "./scenarios.ts";
import { percent, table } from "./table.ts";

const FOLDER = "node_modules/.cache/pubsub-bench/profile";
const TIMING = { warmUpMs: 2000, measureMs: 4000 };
const ROWS = 30;

/** The parts that matter here of what `node --cpu-prof` writes. */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Runs the scenario once against our broker and tells which functions took the time, by themselves. */
export async function profile(work: Work): Promise<string> {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  const startedMs = performance.now();
  let skippedMs = 0;
  const broker = await startBroker(brokerKinds[0]!, { profileTo: FOLDER });
  try {
    const generator = await Generator.start(broker, work);
    skippedMs = performance.now() - startedMs + TIMING.warmUpMs;
    await generator.measure(TIMING);
    generator.stop();
  } finally {
    await broker.stop();
  }
  const file = path.join(
    FOLDER,
    readdirSync(FOLDER).find((name) => name.endsWith(".cpuprofile"))!,
  );
  const rows = selfTimes(JSON.parse(readFileSync(file, "utf8")) as CpuProfile, skippedMs);
  return `${table(["function", "share", "ms"], rows)}\n\nThe whole profile, for Chrome's or VS Code's viewer: ${file}`;
}

/** @param skippedMs of start-up and warm-up, which are not told */
function selfTimes({ nodes, samples, timeDeltas }: CpuProfile, skippedMs: number): string[][] {
  const names = new Map(
    nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => [
      id,
      `${functionName || "(anonymous)"} ${path.basename(url)}${url ? `:${lineNumber + 1}` : ""}`,
    ]),
  );
  const times = new Map<string, number>();
  let total = 0;
  let atMicros = 0;
  samples.forEach((id, index) => {
    const name = names.get(id)!;
    atMicros += timeDeltas[index]!;
    if (atMicros < skippedMs * 1000 || name.startsWith("(idle)")) return;
    times.set(name, (times.get(name) ?? 0) + timeDeltas[index]!);
    total += timeDeltas[index]!;
  });
  const sorted = [...times].sort(([, a], [, b]) => b - a).slice(0, ROWS);
  return sorted.map(([name, micros]) => [name, percent(micros / total), String(Math.round(micros / 1000))]);
}
