/** Workers as they were written for Cloudflare Pub/Sub in 2022, unchanged, in workerd. */
import { describe, expect, test } from "vitest";
import { RunningWorker, payloads, project } from "./world.ts";

/** As the archived documentation has them: signature, loop over the batch, a reply with what is to be delivered. */
const documentation = `
/// <reference types="@cloudflare/workers-types" />
import { isValidBrokerRequest, PubSubMessage } from "@cloudflare/pubsub";

async function pubsub(
  messages: Array<PubSubMessage>,
  env: any,
  ctx: ExecutionContext
): Promise<Array<PubSubMessage>> {
  let outgoing: Array<PubSubMessage> = [];
  for (let msg of messages) {
    console.log(msg);
    if (msg.topic.startsWith("test/topic")) {
      msg.payload = \`replaced by \${msg.broker}\`;
      outgoing.push(msg);
    } else if (msg.topic.startsWith("debug/")) {
      continue;
    } else {
      if (msg.payloadFormatIndicator === 0) {
        const text = new TextDecoder().decode(new Uint8Array(msg.payload as Uint8Array));
        msg.payload = text.toUpperCase();
      }
      outgoing.push(msg);
    }
  }
  return outgoing;
}

const worker = {
  async fetch(req: Request, env: any, ctx: ExecutionContext) {
    if (await isValidBrokerRequest(req, env.BROKER_PUBLIC_KEYS)) {
      let incoming: Array<PubSubMessage> = await req.json();
      let outgoing = await pubsub(incoming, env, ctx);
      return new Response(JSON.stringify(outgoing));
    }
    return new Response("not a valid Broker request", { status: 403 });
  },
};

export default worker;
`;

/** As the announcement has it: the verifier written out with workerd's own algorithm, and a data point for each message. */
const announcement = `
const SIGNATURE_FORMAT = "NODE-ED25519";

async function isValid(req, publicKeys) {
  const alg = { name: SIGNATURE_FORMAT, namedCurve: SIGNATURE_FORMAT };
  const body = await req.clone().text();
  const signature = Uint8Array.from(atob(req.headers.get("X-Signature-Ed25519")), (c) => c.charCodeAt(0));
  const jwk = JSON.parse(publicKeys).keys.find((key) => key.kid === req.headers.get("X-Signature-Key-Id"));
  const key = await crypto.subtle.importKey("jwk", jwk, alg, false, ["verify"]);
  const text = new TextEncoder().encode(req.headers.get("X-Signature-Timestamp") + body);
  return await crypto.subtle.verify(alg, key, signature, text);
}

export default {
  async fetch(req, env, ctx) {
    if (!(await isValid(req, env.BROKER_PUBLIC_KEYS))) return new Response("no", { status: 403 });
    const messages = await req.json();
    for (const { clientId, payload } of messages) {
      const { region, amount } = JSON.parse(payload);
      env.PAYMENTS.writeDataPoint({ labels: [clientId, region], metrics: [amount] });
      ctx.waitUntil(env.ARCHIVE.put(clientId, payload));
    }
    return Response.json(messages);
  },
};
`;

describe("the documentation's Worker", () => {
  test("replaces, drops and passes on", async () => {
    const folder = project({ "src/worker.ts": documentation });
    const worker = await RunningWorker.start(folder, { location: `${folder}/src/worker.ts` });
    const utf8 = { payloadFormatIndicator: 1 };
    const completions = await worker.publish(
      { topic: "test/topic", payload: Buffer.from("a") },
      { topic: "debug/x" },
      { topic: "other", payload: Buffer.from("bytes") },
      { topic: "other", payload: Buffer.from("text"), properties: utf8 },
    );
    expect(payloads(completions)).toEqual(["replaced by dev.local.localhost", "BYTES", "text"]);
    expect(completions[1]!.verdict).toMatchObject({ kind: "drop", reason: "hook-dropped" });
    expect(completions[0]!.report).toMatchObject({ batchSize: 4, status: 200 });
    await worker.says("log", "topic: 'test/topic'");
  });

  test("answers others with 403", async () => {
    const folder = project({ "worker.ts": documentation });
    const worker = await RunningWorker.start(folder, { location: `${folder}/worker.ts` });
    for (const init of [{ method: "GET" }, { method: "POST", body: "[]" }]) {
      expect((await fetch(worker.addresses.url, init)).status).toBe(403);
    }
  });
});

test("the announcement's Worker verifies with NODE-ED25519 and writes data points of its time", async () => {
  const folder = project({
    "wrangler.toml": [
      'name = "payments"',
      'main = "worker.js"',
      'compatibility_date = "2022-05-10"',
      "[vars]",
      'BROKER_PUBLIC_KEYS = "those of the broker in production"',
      "[[analytics_engine_datasets]]",
      'binding = "PAYMENTS"',
      "[[r2_buckets]]",
      'binding = "ARCHIVE"',
      'bucket_name = "archive"',
    ].join("\n"),
    "worker.js": announcement,
  });
  const worker = await RunningWorker.start(folder);
  const properties = { payloadFormatIndicator: 1 };
  const payload = Buffer.from('{"region":"eu","amount":3}');
  const [completion] = await worker.publish({ payload, properties });
  expect(completion!.verdict).toEqual({ kind: "accept" });
  expect(worker.outputs).toEqual([]);
});
