/** A current Node with the newest miniflare, from the registry: what the peer range promises and the other tests do not try. */
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import mqtt from "mqtt";
import { expect, test } from "vitest";
import { program } from "../setup/program.ts";
import { World } from "./world.ts";

const worker = (version: string) => `export default {
  async pubsub(messages, env) {
    return messages.map((message) => ({ ...message, payload: "${version} " + new TextDecoder().decode(message.payload) }));
  },
  async subscribe([message], env) {
    await env.BROKER.publish("consumed", message.text());
  },
};`;

test("hook, consumer, publishing and a reload", { timeout: 300_000 }, async () => {
  const world = await World.create();
  const { folder } = world;
  const node = `node-${process.platform}-${process.arch}@24`;
  writeFileSync(join(folder, "package.json"), '{ "private": true }');
  const newest = execFileSync("npm", ["view", "miniflare", "dist-tags.latest"], {
    cwd: folder,
    encoding: "utf8",
  }).trim();
  const packages = [node, `miniflare@${newest}`, "esbuild@0.28"];
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--force", ...packages], { cwd: folder, stdio: "ignore" });
  const installed = readFileSync(join(folder, "node_modules/miniflare/package.json"), "utf8");
  expect(JSON.parse(installed)).toMatchObject({ version: newest });
  const [nodePackage] = readdirSync(join(folder, "node_modules")).filter((name) => name.startsWith("node-"));
  const executable = join(folder, "node_modules", nodePackage!, "bin/node");

  writeFileSync(join(folder, "worker.js"), worker("one"));
  const consumers = [{ filters: ["in"] }];
  writeFileSync(join(folder, "wrangler.json"), JSON.stringify({ name: "w", main: "worker.js", pubsub: { consumers } }));
  const ports = ["--port", "--ws-port", "--tls-port", "--wss-port", "--api-port"].flatMap((option) => [option, "0"]);
  const server = world.spawn(executable, [program(), "dev", ".", "--memory", "--allow-anonymous", ...ports]);
  const [, url] = /MQTT +(\S+)/.exec(await server.prints("stderr", "Ctrl-C"))!;

  const client = await mqtt.connectAsync(url!, { protocolVersion: 5 });
  const received: string[] = [];
  client.on("message", (topic, payload) => received.push(`${topic}: ${payload.toString()}`));
  await client.subscribeAsync("#");
  await client.publishAsync("in", "x", { qos: 1 });
  await expect.poll(() => received.toSorted(), { timeout: 20_000 }).toEqual(["consumed: one x", "in: one x"]);
  writeFileSync(join(folder, "worker.js"), worker("two"));
  await server.prints("stderr", "reloaded in");
  await client.publishAsync("other", "y", { qos: 1 });
  await expect.poll(() => received.at(-1), { timeout: 20_000 }).toBe("other: two y");
  await client.endAsync();
  expect((await server.stop("SIGINT")).code).toBe(0);
});
