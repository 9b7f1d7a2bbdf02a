/** `env.BROKER` of Workers, in workerd. */
import { expect, test } from "vitest";
import { RunningWorker, payloads, project } from "./world.ts";

const eventually = <T>(value: () => T) => expect.poll(value, { timeout: 20_000 });

test("publishes text, bytes and objects with their properties, from every handler and class", async () => {
  const folder = project({
    "wrangler.jsonc": JSON.stringify({
      name: "shop",
      main: "worker.js",
      compatibility_date: "2026-01-31",
      durable_objects: { bindings: [{ name: "ROOM", class_name: "Room" }] },
      queues: {
        producers: [{ binding: "QUEUE", queue: "jobs" }],
        consumers: [{ queue: "jobs", max_batch_size: 1, max_batch_timeout: 0 }],
      },
    }),
    "worker.js": `
import { DurableObject, env as imported } from "cloudflare:workers";
export class Room extends DurableObject {
  async say(text) { await this.env.BROKER.publish("room", text); }
}
export default {
  async fetch(request, env) {
    const { BROKER } = env;
    switch (new URL(request.url).pathname) {
      case "/kinds": {
        const bytes = new Uint8Array([9, 1, 2, 9]).subarray(1, 3);
        const options = { qos: 2, retain: true, contentType: "a/b", responseTopic: "r", correlationData: bytes,
          userProperties: { k: "v" }, messageExpiryInterval: 60, payloadFormatIndicator: 0, hook: true };
        const all = [BROKER.publish("text", "ü"), BROKER.publish("bytes", bytes, options), BROKER.publish("json", { a: [1] }),
          BROKER.publish("buffer", bytes.slice().buffer, { qos: 0, userProperties: [["k", "1"], ["k", "2"]] })];
        bytes.fill(0);
        return Response.json(await Promise.all(all));
      }
      case "/elsewhere":
        await imported.BROKER.publish("imported", "");
        await env.ROOM.get(env.ROOM.idFromName("x")).say("hello");
        await env.QUEUE.send("job");
        return new Response("sent");
      case "/wrong": {
        const say = (error) => error.name + " " + error.reasonCode + ": " + error.message + "\\n" + error.stack;
        const wrong = [["a/#", "x"], [1, "x"], ["t"], ["t", 1], ["t", "", { qos: 3 }], ["t", "", { contentType: 1 }],
          ["t", "", { userProperties: { a: 1 } }], ["t", "", null]];
        const all = await Promise.allSettled(wrong.map((args) => BROKER.publish(...args)));
        return Response.json(all.map(({ reason }) => say(reason)));
      }
    }
  },
  async scheduled({ cron }, env) { await env.BROKER.publish("scheduled", cron); },
  async queue(batch, env) { await env.BROKER.publish("queue", batch.messages[0].body); },
};`,
  });
  const worker = await RunningWorker.start(folder);
  const get = async (path: string) => (await fetch(new URL(path, worker.addresses.url))).text();

  expect(JSON.parse(await get("/kinds"))).toEqual(
    Array.from({ length: 4 }, () => ({ reasonCode: 0, reason: "Success" })),
  );
  const common = { publisherId: "$worker/shop", hops: 0, qos: 1, retain: false, skipsHooks: true };
  expect(worker.published).toEqual([
    { ...common, topic: "text", payload: Buffer.from("ü"), properties: { payloadFormatIndicator: 1 } },
    {
      ...common,
      topic: "bytes",
      payload: Buffer.of(1, 2),
      qos: 2,
      retain: true,
      skipsHooks: false,
      properties: {
        payloadFormatIndicator: 0,
        contentType: "a/b",
        responseTopic: "r",
        correlationData: Buffer.of(1, 2),
        userProperties: [["k", "v"]],
        messageExpiryInterval: 60,
      },
    },
    {
      ...common,
      topic: "json",
      payload: Buffer.from('{"a":[1]}'),
      properties: { payloadFormatIndicator: 1, contentType: "application/json" },
    },
    {
      ...common,
      topic: "buffer",
      payload: Buffer.of(1, 2),
      qos: 0,
      properties: {
        userProperties: [
          ["k", "1"],
          ["k", "2"],
        ],
      },
    },
  ]);

  worker.published.length = 0;
  expect(await get("/elsewhere")).toBe("sent");
  await eventually(() => worker.published.map(({ topic }) => topic)).toEqual(["imported", "room", "queue"]);

  worker.published.length = 0;
  await get("/cdn-cgi/handler/scheduled?cron=*/5+*+*+*+*");
  expect(worker.published).toMatchObject([{ topic: "scheduled", payload: Buffer.from("*/5 * * * *") }]);

  worker.outcome = () => ({ reasonCode: 0x90, reason: "the topic name has a wildcard" });
  const [refused, ...mistakes] = JSON.parse(await get("/wrong")) as string[];
  expect(refused).toContain(
    'PublishError 144: the broker did not take the message on "a/#": the topic name has a wildcard (0x90)',
  );
  expect(mistakes.map((text) => text.split("\n")[0])).toEqual([
    "TypeError undefined: publish: the topic is a number, not a string",
    "TypeError undefined: publish: the payload is missing, not a string, bytes or an object",
    "TypeError undefined: publish: the payload is a number, not a string, bytes or an object",
    "TypeError undefined: publish: qos is not 0, 1 or 2",
    "TypeError undefined: publish: contentType is a number",
    "TypeError undefined: publish: userProperties are an object of strings, or an array of pairs of strings",
    "TypeError undefined: publish: the options are null, not an object",
  ]);
});

test("what a hook publishes has one hop more than what it was asked about, with either contract", async () => {
  const native = `export default { async pubsub(messages, env) {
    await env.BROKER.publish("echo", messages[0].payload, { hook: true });
    return messages;
  } };`;
  const classic = `import { WorkerEntrypoint } from "cloudflare:workers";
  export default class extends WorkerEntrypoint {
    async fetch(request) {
      await this.env.BROKER.publish("echo", "classic", { hook: true });
      return request.method === "GET" ? new Response("hi") : new Response(request.body);
    }
  }`;
  const folder = project({ "worker.js": native });
  const worker = await RunningWorker.start(folder, { location: `${folder}/worker.js` });
  await worker.publish({});
  await worker.publish({ hops: 3 });
  await worker.save("worker.js", classic);
  await worker.publish({ hops: 1 });
  await fetch(worker.addresses.url);
  expect(worker.published.map(({ hops, skipsHooks }) => [hops, skipsHooks])).toEqual([
    [1, false],
    [4, false],
    [2, false],
    [0, false],
  ]);
});

test("what the project itself binds comes before the broker, which may have another name", async () => {
  const worker = "export default { pubsub: (messages, env) => [{ mid: 0, payload: Object.keys(env).sort().join() }] };";
  const folder = project({
    "wrangler.toml": 'name = "w"\nmain = "worker.js"\n[vars]\nBROKER = "mine"\n[pubsub]\nbinding = "PUBSUB"',
    "worker.js": worker,
  });
  const running = await RunningWorker.start(folder);
  expect(payloads(await running.publish({}))).toEqual(["BROKER,BROKER_PUBLIC_KEYS,PUBSUB"]);
  await running.save("wrangler.toml", 'name = "w"\nmain = "worker.js"\n[vars]\nBROKER = "mine"');
  await running.says("remark", "env.BROKER is what the configuration binds");
  expect(payloads(await running.publish({}))).toEqual(["BROKER,BROKER_PUBLIC_KEYS"]);
  expect(running.isHook).toBe(true);
  await running.save("wrangler.toml", 'name = "w"\nmain = "worker.js"\n[pubsub]\nhook = false');
  expect(running.isHook).toBe(false);
  expect(payloads(await running.publish({}))).toEqual(["x"]);
});
