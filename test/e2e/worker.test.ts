/** `pubsub dev` with a Worker: the built program, workerd, and clients. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import mqtt from "mqtt";
import { expect, test } from "vitest";
import { World, brokerPath, callApi } from "./world.ts";

const example = new URL("../../examples/payment-terminals/hook.js", import.meta.url).pathname;

const worker = (version: string) => `
import { isValidBrokerRequest, type PubSubBroker, type PubSubMessage } from "@cloudflare/pubsub";
export default {
  async fetch(request: Request, env: { BROKER_PUBLIC_KEYS: string; BROKER: PubSubBroker }) {
    if (!(await isValidBrokerRequest(request, env.BROKER_PUBLIC_KEYS))) return new Response("no", { status: 403 });
    const messages: PubSubMessage[] = await request.json();
    for (const { topic } of messages) {
      if (topic === "boom") throw new Error("out of paper");
      if (topic !== "loop") continue;
      await env.BROKER.publish("loop", "again", { hook: true }).catch(({ message }: Error) => console.log(message));
    }
    return Response.json(messages.map((message) => ({ ...message, payload: "${version}" })));
  },
};
`;

/** What has ended may still wait for its parent to notice. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/\) Z /.test(existsSync("/proc/self") ? readFileSync(`/proc/${pid}/stat`, "utf8") : "");
  } catch {
    return false;
  }
}

async function project(world: World, source: string): Promise<void> {
  await mkdir(join(world.folder, "src"));
  await writeFile(join(world.folder, "src/worker.ts"), source);
}

test("a Worker is the broker's hook, and no message is lost while it is reloaded", async () => {
  const world = await World.create();
  await project(world, worker("v0"));
  const ready = await world.dev("src/worker.ts", "--inspector-port", "0");
  const broker = await callApi<{ on_publish: { url: string } }>(ready, "GET", brokerPath(ready));
  expect(broker.on_publish.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);

  const client = await mqtt.connectAsync(ready.mqtt, {
    ...{ protocolVersion: 5, clientId: ready.clientId, username: "x", password: ready.clientToken },
  });
  const payloads: string[] = [];
  client.on("message", (_topic, payload) => payloads.push(payload.toString()));
  await client.subscribeAsync("#", { qos: 1 });
  const saved = new AbortController();
  const published: Promise<unknown>[] = [];
  const publishing = (async () => {
    while (!saved.signal.aborted) {
      published.push(client.publishAsync("a", "x", { qos: 1 }));
      await new Promise(setImmediate);
    }
  })();
  for (const version of ["v1", "v2"]) {
    const reloads = ready.process.stderr.split("reloaded in").length;
    await writeFile(join(world.folder, "src/worker.ts"), worker(version));
    await ready.process.prints("stderr", new RegExp(`(reloaded in[^]*){${reloads}}`));
  }
  saved.abort();
  await publishing;
  published.push(client.publishAsync("a", "last", { qos: 1 }));
  const last = new Promise((resolve) => client.on("message", () => payloads.length === published.length && resolve(1)));
  await Promise.all(published);
  if (payloads.length < published.length) await last;
  expect([...new Set(payloads)]).toEqual(["v0", "v1", "v2"]);
  expect(payloads.length).toBe(published.length);

  const traced = await world.run(["pub", "--trace", "boom", "x"]);
  expect(traced).toMatchObject({ code: 7, stdout: expect.stringContaining("HTTP 500: exception: out of paper") });
  expect(await ready.process.prints("stderr", "worker   uncaught Error: out of paper")).toMatch(
    /at .*src\/worker\.ts:8:/,
  );

  // Each waits for the next one, which the hook sees, too.
  const tail = world.start("tail", "--event", "drop");
  await tail.prints("stderr", "listening");
  await client.publishAsync("loop", "x", { qos: 1 });
  await ready.process.prints("stderr", /did not take the message on "loop": a loop: .* 8 others/);
  await tail.prints("stdout", "loop");
  await client.endAsync();
  expect(await ready.process.stop("SIGINT")).toMatchObject({ code: 0 });
}, 60_000);

test("what a Worker keeps is in the data folder; the example runs in workerd as it is", async () => {
  const world = await World.create();
  const ready = await world.dev(example);
  const subscribed = world.start("sub", "#", "-C", "1", "-v");
  await subscribed.prints("stderr", "subscribed");
  const transaction = '{"amount":1,"currency":"EUR","card":"4111111111111111"}';
  expect(await world.run(["pub", "transactions/eu/a", transaction])).toMatchObject({ code: 0 });
  expect((await subscribed.finished).stdout).toContain("************1111");
  const workerd = Number(execFileSync("pgrep", ["-P", String(ready.pid), "workerd"], { encoding: "utf8" }));
  await ready.process.stop("SIGKILL");
  // Nothing is left running.
  await expect.poll(() => isRunning(workerd), { timeout: 20_000 }).toBe(false);
  expect(existsSync(join(world.folder, ".pubsub/worker/v3"))).toBe(true);
});

test("the example of thermostats subscribes, publishes and answers", async () => {
  const world = await World.create();
  const ready = await world.dev(new URL("../../examples/thermostats", import.meta.url).pathname, "--memory");
  const [, url] = /Worker +(http\S+)/.exec(ready.process.stderr)!;
  expect(await world.run(["pub", "rooms/kitchen/temperature", '{"celsius":18.5}', "-q", "1"])).toMatchObject({
    code: 0,
  });
  const subscribed = await world.run(["sub", "rooms/+/heating", "-v", "-C", "1"]);
  expect(subscribed.stdout).toContain("rooms/kitchen/heating on");
  expect(await (await fetch(new URL("/kitchen", url))).json()).toEqual({ room: "kitchen", celsius: 18.5 });
});

test("what keeps a Worker from starting is said, with exit code 1 and nothing left running", async () => {
  const world = await World.create();
  await project(world, "export default {\n  fetch(] {}\n};\n");
  const started = await world.run([
    "dev",
    "src/worker.ts",
    "--memory",
    "--port",
    "0",
    "--ws-port",
    "0",
    "--api-port",
    "0",
  ]);
  expect(started.code).toBe(1);
  expect(started.stderr).toMatch(/error: the Worker cannot be built:\n[^]*src\/worker\.ts:2:8:/);
  expect(started.stderr).not.toContain("is ready");
});
