/** Disks that fail, and disks that are full: what the server says and does, and that nothing it acknowledged is lost. */
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type MqttClient, connectAsync } from "mqtt";
import { describe, expect, onTestFinished, test } from "vitest";
import { type Ready, World } from "./world.ts";

const QUOTA_EXCEEDED = 0x97;

async function connect({ mqtt, clientId, clientToken }: Ready): Promise<MqttClient> {
  const options = { protocolVersion: 5, clientId, username: "x", password: clientToken, reconnectPeriod: 0 } as const;
  const client = await connectAsync(mqtt, options);
  client.on("error", () => {});
  onTestFinished(() => client.endAsync(true));
  return client;
}

/** Publishes a retained message to a topic of its own. @returns 0 or the reason code of PUBACK */
async function keep(client: MqttClient, topic: string): Promise<number> {
  try {
    await client.publishAsync(topic, Buffer.alloc(4096, topic), { qos: 1, retain: true });
    return 0;
  } catch (error) {
    return (error as { code: number }).code;
  }
}

/** Resolves when the server has sent a retained message of each topic. */
async function has(ready: Ready, topics: readonly string[]): Promise<void> {
  const client = await connect(ready);
  const missing = new Set(topics);
  const all = new Promise<void>((resolve) => {
    client.on("message", (topic) => {
      missing.delete(topic);
      if (missing.size === 0) resolve();
    });
  });
  await client.subscribeAsync("kept/#", { qos: 1 });
  await all;
}

async function isFull({ api, apiToken }: Ready): Promise<boolean> {
  const response = await fetch(`${api}/status`, { headers: { authorization: `Bearer ${apiToken}` } });
  return ((await response.json()) as { result: { data: { full: boolean } } }).result.data.full;
}

test("where fsync fails the server acknowledges no more, says why and ends", async () => {
  const world = await World.create();
  const broken = join(world.folder, "broken");
  const script = pathToFileURL(join(import.meta.dirname, "failing-syncs.mjs"));
  Object.assign(world.env, { NODE_OPTIONS: `--import=${script.href}`, FAILING_SYNCS: broken });
  const first = await world.dev();
  const client = await connect(first);
  const topics = Array.from({ length: 20 }, (_, index) => `kept/${index}`);
  await Promise.all(topics.map((topic) => keep(client, topic)));

  writeFileSync(broken, "");
  const codes: number[] = [];
  for (let index = 0; index < 20; index++) void keep(client, `kept/later/${index}`).then((code) => codes.push(code));
  const { code, stderr } = await first.process.finished;
  expect(stderr).toContain("the disk did not keep what was written: EIO");
  expect(code).toBe(1);
  expect(codes).not.toContain(0);

  rmSync(broken);
  await has(await world.dev(), topics);
});

/** A small disk, which needs root. */
function mountDisk(folder: string): boolean {
  mkdirSync(folder, { recursive: true });
  return spawnSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", folder]).status === 0;
}

describe.runIf(process.platform === "linux" && process.getuid?.() === 0)("a disk that is full (as root only)", () => {
  test("what would have to be kept gets 0x97 until there is room again, and nothing is lost", async ({ skip }) => {
    const world = await World.create();
    const disk = join(world.folder, "disk");
    if (!mountDisk(disk)) skip("tmpfs cannot be mounted here");
    onTestFinished(() => void spawnSync("umount", ["-l", disk]));
    const data = join(disk, "data");
    const first = await world.dev("--persist-to", data);
    const client = await connect(first);
    const ballast = join(disk, "ballast");
    expect(() => writeFileSync(ballast, Buffer.alloc(16 * 1024 * 1024))).toThrow(/ENOSPC/);

    const acknowledged: string[] = [];
    let code = 0;
    for (let index = 0; code === 0 && index < 1000; index++) {
      const topic = `kept/${index}`;
      code = await keep(client, topic);
      if (code === 0) acknowledged.push(topic);
    }
    expect(code).toBe(QUOTA_EXCEEDED);
    await first.process.prints("stderr", `no room in ${data}`);
    expect(await isFull(first)).toBe(true);
    await client.publishAsync("unkept", "x", { qos: 1 });

    rmSync(ballast);
    await first.process.prints("stderr", `there is room in ${data}`);
    expect(await isFull(first)).toBe(false);
    expect(await keep(client, "kept/last")).toBe(0);
    await first.process.stop("SIGKILL");
    await has(await world.dev("--persist-to", data), [...acknowledged, "kept/last"]);
  });
});
