/** A million lines through `pub -l` and `sub -C`: all of them, in order, and nobody's memory grows with their number. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { World } from "./world.ts";

const LINES = 1_000_000;
const BATCH = 10_000;
const MiB = 1024 * 1024;

/** The most that a process ever had in RAM, in bytes. */
function peakBytes(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) * 1024;
}

function linesFrom(first: number, count: number): string {
  return Array.from({ length: count }, (_, index) => `${first + index}\n`).join("");
}

test.runIf(process.platform === "linux").each([0, 1, 2])("QoS %i", { timeout: 180_000 }, async (qos) => {
  const world = await World.create();
  const server = await world.dev("--memory", "--no-tls");
  const sub = world.start("sub", "lines", "-q", String(qos), "-C", String(LINES));
  await sub.prints("stderr", "subscribed");
  const pub = world.start("pub", "lines", "-q", String(qos), "-l");
  const stdin = pub.child.stdin!;
  const pids = [pub, sub, server.process].map(({ child }) => child.pid!);
  let early: number[] = [];
  for (let first = 1; first <= LINES; first += BATCH) {
    if (!stdin.write(linesFrom(first, BATCH))) await once(stdin, "drain");
    if (first > LINES * 0.3 && early.length === 0) early = pids.map(peakBytes);
  }
  const late = pids.map(peakBytes);
  stdin.end();
  expect((await pub.finished).code).toBe(0);
  const { code, stdout } = await sub.finished;
  expect(code).toBe(0);
  expect(stdout === linesFrom(1, LINES)).toBe(true);
  for (const [index, peak] of late.entries()) {
    expect(peak).toBeLessThan(250 * MiB);
    expect(peak - early[index]!).toBeLessThan(60 * MiB);
  }
});
