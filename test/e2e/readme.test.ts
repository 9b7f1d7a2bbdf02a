/**
 * The README's tour, line by line as it is written there: only ports differ, and what differs from run to run. Workers are
 * in worker.test.ts, analytics.test.ts and test/acceptance/hook-test.txt, wrangler in scripts/wrangler.mjs.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { program } from "../setup/program.ts";
import { type Running, World, hasMosquitto, portOf } from "./world.ts";

const readme = readFileSync(fileURLToPath(new URL("../../README.md", import.meta.url)), "utf8");
const tour = readme.slice(readme.indexOf("## A tour"), readme.indexOf("## Commands"));
const commands = [...tour.matchAll(/^\$ (.*)$/gm)].map(([, line]) => line!.replace(/ {3,}# .*| &$/, ""));
const hasCurl = spawnSync("curl", ["--version"]).error === undefined;

/** Lines of the tour that other tests run. */
const elsewhere = [
  /^pubsub dev/,
  /^npm install/,
  /^npx wrangler/,
  /^pubsub pub --trace payments/,
  /^pubsub pub rooms\//,
  /^pubsub tail$/,
  /^pubsub analytics query/,
  /^pubsub hook test/,
  /^export CLOUDFLARE/,
];

async function freePort(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return String(port);
}

/** What differs from run to run is taken out. */
function lasting(text: string): string {
  return text
    .replaceAll(/^\S+ {2}/gm, "<time>  ")
    .replaceAll(/\bpubsub-\w{14}\b/g, "<client id>")
    .replaceAll(/#\d+ */g, "#<n> ")
    .replaceAll(/\d+(\.\d+)? ms/g, "<n> ms")
    .replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:<port>");
}

test("the tour works as it is written", async () => {
  const world = await World.create();
  const ready = await world.dev("--memory");
  const hookPort = await freePort();
  const bin = join(world.folder, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "pubsub"), `#!/bin/sh\nexec '${process.execPath}' '${program()}' "$@"\n`);
  chmodSync(join(bin, "pubsub"), 0o755);
  const env: NodeJS.ProcessEnv = {
    PATH: `${bin}:${process.env["PATH"]}`,
    NO_PROXY: "127.0.0.1",
    CLOUDFLARE_API_BASE_URL: ready.api,
    CLOUDFLARE_API_TOKEN: ready.apiToken,
    ACCOUNT: ready.accountId,
  };
  const left = new Set(commands.filter((line) => !elsewhere.some((pattern) => pattern.test(line))));

  /** Starts the line of the README that begins so. */
  const start = (beginning: string): Running => {
    const line = [...left].find((each) => each.startsWith(beginning));
    if (line === undefined) throw new Error(`the README's tour has no line "${beginning}…" (any more)`);
    left.delete(line);
    const here = line
      .replaceAll("9000", hookPort)
      .replaceAll("-h 127.0.0.1", `-h 127.0.0.1 -p ${portOf(ready.mqtt)}`)
      .replaceAll("8883", portOf(ready.mqtts));
    // So that a signal reaches the program and not its shell.
    return world.spawn("sh", ["-c", `exec ${here}`], env);
  };
  const run = async (beginning: string) => {
    const finished = await start(beginning).finished;
    expect(finished.code, finished.stderr).toBe(0);
    return finished.stdout;
  };

  // Start it: the banner has these fields, in this order.
  const [, banner = ""] = /^\$ pubsub dev\n([^]*?)\n```/m.exec(tour) ?? [];
  const fields = (text: string) => text.match(/^ {2}(\S.*?)(?= {2})/gm);
  expect(fields(ready.process.stderr)).toEqual(fields(banner));

  // Publish and subscribe.
  const subscriber = start("pubsub sub '#' -v");
  await subscriber.prints("stderr", "subscribed: # (mqtt://127.0.0.1:");
  await run("pubsub pub hello world");
  await subscriber.prints("stdout", "hello world\n");
  await subscriber.stop();

  // Put a hook in front.
  const [, hook = ""] = /^```js\n([^]*?)^```/m.exec(tour) ?? [];
  writeFileSync(join(world.folder, "hook.js"), hook.replaceAll("9000", hookPort));
  writeFileSync(join(world.folder, "package.json"), '{ "type": "module", "scripts": { "test": "echo tested" } }');
  start("node hook.js");
  await untilOpen(Number(hookPort));
  await run("pubsub hook set http");
  const tail = start("pubsub tail --event hook");
  await tail.prints("stderr", "listening: local/dev (Ctrl-C ends)");
  await run("pubsub pub hello 'the secret word'");
  await tail.prints("stdout", /\n/);
  await run("pubsub pub debug");
  await tail.prints("stdout", /\n.*\n/);
  const shown = tour.match(/^\d\d:\d\d:\d\d\.\d{3} {2}hook .* (hello|debug) .*$/gm)!;
  expect(lasting(tail.stdout)).toBe(lasting(`${shown.join("\n")}\n`));
  await tail.stop();
  const explained = await start("pubsub explain message 2").finished;
  expect(explained.stdout + explained.stderr).toContain("screen");
  expect(await run("pubsub hook set --on-failure")).toContain("retry for 10 min, every 200 ms to 10 s, then drop");

  // Tokens. From here on without the hook, whose words are a client's too.
  expect((await world.run(["hook", "clear"])).code).toBe(0);
  const issued = await run("pubsub token issue --client-id roof-1");
  expect(issued).toMatch(/^roof-1\t[\w-]+\.[\w-]+\.[\w-]+\n$/);
  env["TOKEN"] = issued.trim().split("\t")[1]!;
  const mosquitto = [...left].filter((line) => line.startsWith("mosquitto"));
  if (hasMosquitto) {
    await run("mosquitto_pub -h");
    const overTls = start("mosquitto_sub --cafile");
    const message = ["pub", "roof/temperature", "21.5", "--retain"];
    expect((await world.run(message)).code).toBe(0);
    await overTls.prints("stdout", "21.5\n");
    await overTls.stop();
  }
  for (const line of mosquitto) left.delete(line);
  await run("pubsub token revoke --jti");
  if (hasCurl) expect(await run("curl -H")).toContain('"name":"local"');
  left.delete([...left].find((line) => line.startsWith("curl"))!);
  expect([...left]).toEqual([]);
  await ready.process.stop();

  // In CI.
  const [, script = ""] = /^```sh\n(pubsub start [^]*?)^```/m.exec(tour) ?? [];
  expect(script.split("\n")).toHaveLength(4);
  const ci = await world.spawn("sh", ["-ec", script], env).finished;
  expect(ci, ci.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining("tested") });
}, 60_000);

async function untilOpen(port: number): Promise<void> {
  for (;;) {
    const response = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: "[]" }).catch(() => undefined);
    if (response?.ok) return;
    await new Promise(setImmediate);
  }
}
