import { expect, onTestFinished, test, vi } from "vitest";
import { ServerLog } from "../../src/api/server-log.ts";

test("keeps the last 2,000 lines, cut where they are long", () => {
  const log = new ServerLog(() => 7);
  for (let i = 1; i <= 2500; i++) log.add(`line ${i}`);
  expect(log.after(0, 1)).toEqual([{ id: 501, atMs: 7, message: "line 501" }]);
  expect(log.after(0, 9999)).toHaveLength(2000);
  log.add("x".repeat(10_000));
  expect(log.newest(1)[0]!.message).toBe(`${"x".repeat(8192)}…`);
});

test("tells those who wait for a line, at the end of their time too; too many are not made to wait", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const log = new ServerLog(() => 7);
  const told: string[] = [];
  const wait = (name: string, id: number) => void log.arrived(id, 1000).then(() => told.push(name));
  wait("first", 0);
  wait("second", 1);
  await vi.advanceTimersByTimeAsync(999);
  expect(told).toEqual([]);
  log.add("line");
  await vi.advanceTimersByTimeAsync(0);
  expect(told).toEqual(["first", "second"]);
  await log.arrived(0, 1000);
  wait("late", 1);
  await vi.advanceTimersByTimeAsync(1000);
  expect(told.at(-1)).toBe("late");
  for (let i = 0; i < 64; i++) wait("many", 1);
  await log.arrived(1, 1000);
});
