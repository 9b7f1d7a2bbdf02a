/** Workers with the handler `pubsub` of our own, in workerd. */
import { expect, test } from "vitest";
import type { PubSubWorker } from "../../../worker/index.js";
import { RunningWorker, payloads, project } from "./world.ts";

const utf8 = { payloadFormatIndicator: 1, contentType: "text/plain" };

test("a handler gets bytes and gives back bytes or text; its requests are checked, others are for fetch", async () => {
  const folder = project({
    "worker.ts": `
import { type PubSubWorker, isValidBrokerRequest } from "pubsub-cli/worker";
if (typeof isValidBrokerRequest !== "function") throw new Error("not ours");
export default {
  async pubsub(messages, env, ctx) {
    if (!messages.every(({ payload }) => payload instanceof Uint8Array)) throw new Error("no bytes");
    ctx.waitUntil(Promise.reject(new Error("later")));
    const passed = messages.filter(({ topic }) => topic !== "drop");
    return passed.map((message) => {
      if (message.topic === "reverse") return { ...message, payload: message.payload.toReversed() };
      if (message.topic !== "text") return message;
      return { ...message, payload: message.contentType + " " + new TextDecoder().decode(message.payload) };
    });
  },
  fetch: () => new Response("fetch", { status: 418 }),
} satisfies PubSubWorker;
`,
  });
  const worker = await RunningWorker.start(folder, { location: `${folder}/worker.ts` });
  const completions = await worker.publish(
    { topic: "text", payload: Buffer.from("zwölf"), properties: utf8 },
    { topic: "reverse", payload: Buffer.from([0x41, 0x42, 0x43]) },
    { topic: "drop" },
    { topic: "same", payload: Buffer.from("§"), properties: utf8 },
    { topic: "same", payload: Buffer.from([0xff, 0]) },
  );
  expect(completions.map(({ verdict }) => verdict.kind)).toEqual(["replace", "replace", "drop", "accept", "accept"]);
  expect(payloads(completions).slice(0, 2)).toEqual(["text/plain zwölf", "CBA"]);
  await worker.says("exception", "later");
  expect((await fetch(worker.addresses.url, { method: "POST", body: "[]" })).status).toBe(418);
});

test.each([
  ["pubsub", "export default { async pubsub(messages) { return await see(messages); } };"],
  ["fetch", "export default { fetch: async (request) => Response.json(await see(await request.json())) };"],
])("what %s prints, and throws, is told with its batch and no other", async (_, handler) => {
  const folder = project({
    "worker.ts": `
async function see(messages: { topic: string }[]) {
  const [{ topic }] = messages;
  console.log("begin", topic, { batch: messages.length });
  // The other batch is there as well.
  await new Promise((resolve) => setTimeout(resolve, 20));
  console.warn("end", topic);
  if (topic === "bad") throw new Error("ouch");
  return messages;
}
${handler}`,
  });
  const worker = await RunningWorker.start(folder, { location: `${folder}/worker.ts` });
  const [[good], [bad]] = await Promise.all([
    worker.publish({ topic: "good", publisherId: "a" }),
    worker.publish({ topic: "bad", publisherId: "b" }),
  ]);
  expect(good!.report.console).toEqual([
    { kind: "log", text: 'begin good {"batch":1}' },
    { kind: "warning", text: "end good" },
  ]);
  expect(bad!.report).toMatchObject({
    status: 500,
    console: [
      { kind: "log", text: 'begin bad {"batch":1}' },
      { kind: "warning", text: "end bad" },
      { kind: "exception", text: expect.stringMatching(/^Error: ouch\n +at see \(.*worker\.ts:8:/) },
    ],
  });
  // It is printed as always, too.
  await worker.says("warning", "end good");
});

test("what is no answer is an exception", async () => {
  const folder = project({ "worker.js": "export default { pubsub() {} };" });
  const worker = await RunningWorker.start(folder, { location: `${folder}/worker.js` });
  const [dropped] = await worker.publish({});
  expect(dropped!.verdict).toMatchObject({
    detail: expect.stringMatching(/HTTP 500: exception: .*worker\.js: pubsub returned no array/),
  });
  expect((await fetch(worker.addresses.url)).status).toBe(403);
});

test("the types fit a handler that changes payloads", async () => {
  const worker = {
    pubsub: (messages, env) => messages.map((message) => ({ ...message, payload: env.prefix + message.topic })),
  } satisfies PubSubWorker<{ prefix: string }>;
  expect(worker.pubsub([], { prefix: "a" })).toEqual([]);
});

test("a class may have the handler, too", async () => {
  const folder = project({
    "worker.js": `import { WorkerEntrypoint } from "cloudflare:workers";
export default class extends WorkerEntrypoint {
  pubsub(messages) {
    return messages.map((message) => ({ ...message, payload: Object.keys(this.env).join() }));
  }
}`,
  });
  const worker = await RunningWorker.start(folder, { location: `${folder}/worker.js` });
  expect(payloads(await worker.publish({}))).toEqual(["BROKER_PUBLIC_KEYS,BROKER"]);
});
