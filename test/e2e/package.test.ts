/** What npm installs, and nothing besides. */
import { cp, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { program } from "../setup/program.ts";
import { World } from "./world.ts";

test("the package needs no other: it serves, publishes and receives from a folder of its own", async () => {
  const world = await World.create();
  const from = dirname(dirname(program()));
  // Far from our node_modules, where Node would look.
  const installed = join(world.folder, "ünser Ordner", "pubsub-cli");
  await mkdir(installed, { recursive: true });
  for (const part of ["bin", "dist", "package.json"])
    await cp(join(from, part), join(installed, part), { recursive: true });
  const bin = join(installed, "bin", "pubsub.js");
  const script = 'node "$0" pub a "it works" --retain -q 1 && node "$0" sub a -C 1 -W 10';
  const ports = ["--port", "0", "--ws-port", "0", "--api-port", "0"];
  const running = world.spawn(process.execPath, [bin, "dev", ...ports, "--exec", "--", "sh", "-c", script, bin]);
  const { code, stdout, stderr } = await running.finished;
  expect([code, stdout], stderr).toEqual([0, "it works\n"]);
  expect(stderr).not.toContain("TLS is off");
});
