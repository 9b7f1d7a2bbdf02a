/** Where `dev` and `serve` keep their data, and what the next one finds. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { World } from "./world.ts";

const PORTS = ["--port", "0", "--ws-port", "0", "--api-port", "0"];

test("dev keeps what it was told in .pubsub, through kill -9", async () => {
  const world = await World.create();
  const first = await world.dev();
  expect(first.process.stderr).toContain(join(world.folder, ".pubsub"));
  expect(readFileSync(join(world.folder, ".pubsub", ".gitignore"), "utf8")).toBe("*\n");
  expect((await world.run(["pub", "kept", "hello", "-r", "-q", "1"])).code).toBe(0);
  await first.process.stop("SIGKILL");
  const second = await world.dev();
  const finished = await world.run(["sub", "kept", "-C", "1", "-W", "10"]);
  expect(finished).toMatchObject({ code: 0, stdout: "hello\n" });
  const response = await fetch(`${second.api}/status`, { headers: { authorization: `Bearer ${second.apiToken}` } });
  const status = (await response.json()) as { data?: object; result?: { data?: object } };
  expect(status.result?.data ?? status.data).toMatchObject({ folder: join(world.folder, ".pubsub"), full: false });
});

test("--memory keeps nothing", async () => {
  const world = await World.create();
  const { process } = await world.dev("--memory");
  expect(process.stderr).toContain("in memory, gone at the end");
  expect(existsSync(join(world.folder, ".pubsub"))).toBe(false);
});

test("where the default folder cannot be used, dev says so and goes on, and serve does not", async () => {
  const world = await World.create();
  writeFileSync(join(world.folder, ".pubsub"), "a file");
  const { process } = await world.dev();
  expect(process.stderr).toMatch(/cannot keep data in .*\.pubsub[^]*--persist-to[^]*in memory, gone at the end/);
  const refused = await world.run(["serve", ...PORTS]);
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/cannot keep data in [^]*--memory/) });
});

test.each([
  [["--fsync", "sometimes"], /--fsync takes always/],
  [["--fsync", "interval:0"], /--fsync takes always/],
  [["--memory", "--persist-to", "data"], /--memory goes with neither/],
  [["--memory", "--fsync", "os"], /--memory goes with neither/],
])("%j is a usage error", async (args, message) => {
  const world = await World.create();
  expect(await world.run(["dev", ...args])).toMatchObject({ code: 2, stderr: expect.stringMatching(message) });
});
