import { expect, test } from "vitest";
import { ServerLog } from "../../src/api/server-log.ts";

test("keeps the last 2,000 lines, cut where they are long", () => {
  const log = new ServerLog(() => 7);
  for (let i = 1; i <= 2500; i++) log.add(`line ${i}`);
  expect(log.after(0, 1)).toEqual([{ id: 501, atMs: 7, message: "line 501" }]);
  expect(log.after(0, 9999)).toHaveLength(2000);
  log.add("x".repeat(10_000));
  expect(log.newest(1)[0]!.message).toBe(`${"x".repeat(8192)}…`);
});
