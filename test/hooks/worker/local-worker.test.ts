/** What surrounds a Worker: bindings, reloads, errors. In workerd. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { RunningWorker, payloads, project, write } from "./world.ts";

/** A hook without the signature check; `body` is what it does with the messages. */
const hook = (body: string, before = "") => `
${before}
export default {
  async fetch(request, env, ctx) {
    if (request.method === "GET") return new Response("here");
    const messages = await request.json();
    ${body}
    return Response.json(messages);
  },
};
`;
const replaceAll = (text: string) => hook(`for (const message of messages) message.payload = ${text};`);

describe("bindings", () => {
  const configuration = `{
    // Everything that a configuration may bind.
    "name": "all",
    "main": "worker.ts",
    "compatibility_date": "2026-01-31",
    "vars": { "GREETING": "hello", "NESTED": { "a": [1, 2] } },
    "kv_namespaces": [{ "binding": "KV", "id": "kv-id" }],
    "r2_buckets": [{ "binding": "R2", "bucket_name": "bucket" }],
    "d1_databases": [{ "binding": "D1", "database_id": "d1-id", "database_name": "db" }],
    "queues": {
      "producers": [{ "binding": "QUEUE", "queue": "jobs" }],
      "consumers": [{ "queue": "jobs", "max_batch_size": 1, "max_batch_timeout": 0 }],
    },
    "durable_objects": { "bindings": [{ "name": "COUNTER", "class_name": "Counter" }] },
    "migrations": [{ "tag": "v1", "new_sqlite_classes": ["Counter"] }],
    "analytics_engine_datasets": [{ "binding": "POINTS" }],
    "services": [{ "binding": "OTHER", "service": "other" }, { "binding": "GONE", "service": "gone" }],
  }`;
  const source = hook(
    `
    const count = async (n) => String(Number(n ?? 0) + 1);
    await env.KV.put("n", await count(await env.KV.get("n")));
    await env.R2.put("n", await count(await (await env.R2.get("n"))?.text()));
    await env.D1.exec("CREATE TABLE IF NOT EXISTS t (n INTEGER)");
    await env.D1.prepare("INSERT INTO t VALUES (1)").run();
    env.POINTS.writeDataPoint({ indexes: ["a"], blobs: ["b"], doubles: [1] });
    await env.QUEUE.send({ job: messages[0].topic });
    const gone = await env.GONE.fetch("http://gone/");
    messages[0].payload = JSON.stringify({
      vars: [env.GREETING, env.NESTED, env.SECRET],
      kv: await env.KV.get("n"),
      r2: await (await env.R2.get("n")).text(),
      d1: await env.D1.prepare("SELECT count(*) AS n FROM t").first("n"),
      counter: await env.COUNTER.get(env.COUNTER.idFromName("x")).count(),
      other: await (await env.OTHER.fetch("http://other/")).text(),
      gone: [gone.status, await gone.text()],
    });`,
    `import { DurableObject } from "cloudflare:workers";
     export class Counter extends DurableObject {
       async count() {
         const n = ((await this.ctx.storage.get("n")) ?? 0) + 1;
         await this.ctx.storage.put("n", n);
         return n;
       }
     }`,
  ).replace("async fetch", "async queue(batch) { console.log('job', batch.messages[0].body.job); }, async fetch");

  test("are those of the configuration, and what they keep outlives the process", async () => {
    const folder = project({
      "hook/wrangler.jsonc": configuration,
      "hook/worker.ts": source,
      "hook/.dev.vars": 'SECRET="from .dev.vars"\n',
      "other/wrangler.toml": 'name = "other"\nmain = "index.js"\n[vars]\nNAME = "the other one"',
      "other/index.js": "export default { fetch: (request, env) => new Response(env.NAME) };",
    });
    const persistTo = path.join(folder, "state");
    const expected = (n: number) => ({
      vars: ["hello", { a: [1, 2] }, "from .dev.vars"],
      ...{ kv: String(n), r2: String(n), d1: n, counter: n },
      other: "the other one",
      gone: [503, 'the Worker "gone" does not run here'],
    });
    for (const n of [1, 2]) {
      const worker = await RunningWorker.start(folder, {
        location: path.join(folder, "hook"),
        services: [path.join(folder, "other")],
        persistTo,
      });
      const [completion] = await worker.publish({ topic: `jobs/${n}` });
      expect(JSON.parse(payloads([completion!])[0]!)).toEqual(expected(n));
      await worker.says("log", `job jobs/${n}`);
      await worker.says("remark", 'env.GONE answers 503: the Worker "gone" does not run here');
      await worker.stop();
    }
    expect(existsSync(persistTo)).toBe(true);
  });
});

describe("a reload", () => {
  test("follows the sources, what they import, and the configuration; state in memory stays", async () => {
    const folder = project({
      "wrangler.toml": 'main = "src/worker.ts"\n[vars]\nV = "1"\n[[kv_namespaces]]\nbinding = "KV"',
      "src/worker.ts": hook(
        `const n = Number(await env.KV.get("n")) + 1;
         await env.KV.put("n", String(n));
         for (const message of messages) message.payload = [text, env.V, n, env.SECRET].join();`,
        'import { text } from "./text";',
      ),
      "src/text.ts": 'export const text: string = "a";',
    });
    const worker = await RunningWorker.start(folder);
    expect(payloads(await worker.publish({}))).toEqual(["a,1,1,"]);
    await worker.save("src/text.ts", 'export const text: string = "b";');
    expect(payloads(await worker.publish({}))).toEqual(["b,1,2,"]);
    await worker.save("wrangler.toml", 'main = "src/worker.ts"\n[vars]\nV = "2"\n[[kv_namespaces]]\nbinding = "KV"');
    expect(payloads(await worker.publish({}))).toEqual(["b,2,3,"]);
    await worker.save(".dev.vars", "SECRET=s");
    expect(payloads(await worker.publish({}))).toEqual(["b,2,4,s"]);
    expect((await fetch(worker.addresses.url)).status).toBe(200);
  });

  test("fails and loses no message, whatever comes meanwhile", async () => {
    const folder = project({ "worker.js": replaceAll('"0"') });
    const worker = await RunningWorker.start(folder, { location: `${folder}/worker.js` });
    const published: Promise<string[]>[] = [];
    const saved = new AbortController();
    const publishing = (async () => {
      for (let n = 0; !saved.signal.aborted; n++) {
        published.push(worker.publish({ publisherId: `p${n % 5}` }).then(payloads));
        await new Promise(setImmediate);
      }
    })();
    for (const version of ["1", "2"]) await worker.save("worker.js", replaceAll(`"${version}"`));
    saved.abort();
    await publishing;
    published.push(worker.publish({}).then(payloads));
    const versions = (await Promise.all(published)).flat();
    expect(versions.length).toBe(published.length);
    expect([...new Set(versions)].sort()).toEqual(["0", "1", "2"]);
    expect(versions.at(-1)).toBe("2");
  });

  test("waits for the answers that are under way", async () => {
    const folder = project({
      "worker.js": hook("await new Promise((resolve) => setTimeout(resolve, 300)); messages[0].payload = 'old';"),
    });
    const worker = await RunningWorker.start(folder, { location: `${folder}/worker.js` });
    const slow = worker.publish({});
    await worker.save("worker.js", replaceAll('"new"'));
    expect(payloads(await slow)).toEqual(["old"]);
    expect(payloads(await worker.publish({}))).toEqual(["new"]);
  });

  test("does not happen where there is an error: it is told with its place, and the last good Worker goes on", async () => {
    const folder = project({ "worker.js": replaceAll('"good"') });
    const worker = await RunningWorker.start(folder, { location: `${folder}/worker.js` });

    write(folder, "worker.js", "export default {\n  fetch(] {}\n};");
    const { text } = await worker.says("error", "cannot be built");
    expect(text).toMatch(/worker\.js:2:8:[^]*goes on/);
    expect(payloads(await worker.publish({}))).toEqual(["good"]);

    write(folder, "worker.js", "const x = undefined;\nx.y();\nexport default {};");
    const started = await worker.says("error", "does not start");
    expect(started.text).toMatch(/TypeError: Cannot read properties of undefined[^]*worker\.js:2:3/);
    expect(payloads(await worker.publish({}))).toEqual(["good"]);

    await worker.save("worker.js", replaceAll('"better"'));
    expect(payloads(await worker.publish({}))).toEqual(["better"]);
  });
});

test("workerd that ends by itself is started again, and messages that come meanwhile wait", async () => {
  const folder = project({ "worker.js": replaceAll('"alive"') });
  const worker = await RunningWorker.start(folder, { location: `${folder}/worker.js` });
  for (const when of [/again$/, /again in 0\.5 s$/]) {
    const before = worker.outputs.length;
    const pid = execFileSync("pgrep", ["-P", String(process.pid), "workerd"], { encoding: "utf8" });
    process.kill(Number(pid), "SIGKILL");
    const { text } = await worker.says("error", "workerd has ended by itself (SIGKILL)", before);
    expect(text).toMatch(when);
    expect(payloads(await worker.publish({}))).toEqual(["alive"]);
  }
});

describe("an exception", () => {
  const source = `
type Message = { topic: string };

const fail = (what: string): never => {
  throw new RangeError(what);
};

export default {
  async fetch(request: Request, env: unknown, ctx: { waitUntil(promise: Promise<unknown>): void }) {
    const [message] = (await request.json()) as Message[];
    if (message!.topic === "now") fail("out of paper");
    if (message!.topic === "later") ctx.waitUntil(Promise.resolve().then(() => fail("out of ink")));
    if (message!.topic === "never") void Promise.reject(new Error("nobody waits"));
    if (message!.topic === "logged") console.error(new Error("told"));
    return Response.json([message]);
  },
};
`;

  test("is shown with the place in the sources, wherever it is thrown, and is the reason of the drop", async () => {
    const folder = project({ "src/worker.ts": source });
    const worker = await RunningWorker.start(folder, { location: `${folder}/src/worker.ts` });
    const [dropped] = await worker.publish({ topic: "now" });
    expect(dropped!.verdict).toEqual({
      kind: "drop",
      reason: "hook-status",
      detail: "HTTP 500: exception: out of paper",
    });
    const now = await worker.says("exception", "out of paper");
    expect(now.text).toMatch(
      /^RangeError: out of paper\n +at fail \(\S*src\/worker\.ts:5:9\)\n.*src\/worker\.ts:11:\d+\)$/,
    );

    const topics = ["later", "never", "logged"].map((topic) => ({ topic, publisherId: topic }));
    const passed = await worker.publish(...topics);
    expect(passed.map(({ verdict }) => verdict.kind)).toEqual(["accept", "accept", "accept"]);
    expect((await worker.says("exception", "out of ink")).text).toContain("src/worker.ts:5:9");
    expect((await worker.says("exception", "nobody waits")).text).toContain("src/worker.ts:13:");
    expect((await worker.says("error", "told")).text).toContain("src/worker.ts:14:");
  });

  test("of a Worker that is a class is shown, too", async () => {
    const folder = project({
      "worker.ts": `import { WorkerEntrypoint } from "cloudflare:workers";
export default class extends WorkerEntrypoint {
  async fetch(): Promise<Response> {
    throw new Error("classy");
  }
}`,
    });
    const worker = await RunningWorker.start(folder, { location: `${folder}/worker.ts` });
    const [dropped] = await worker.publish({});
    expect(dropped!.verdict).toMatchObject({ detail: "HTTP 500: exception: classy" });
    expect((await worker.says("exception", "classy")).text).toContain("worker.ts:4:11");
  });
});

describe("a Worker that does not start", () => {
  test.each([
    ["export default {", "worker-build-failed", /worker\.js:1:16/],
    ['import "./missing";', "worker-build-failed", /Could not resolve "\.\/missing"/],
    ['import "fs";', "worker-build-failed", /"fs" is a module of Node: .*nodejs_compat/],
    ["export const x = 1;", "worker-failed", /worker\.js has no default export/],
    ["null.x;\nexport default {};", "worker-failed", /Cannot read properties of null[^]*worker\.js:1:6/],
  ])("says why: %s", async (source, code, message) => {
    const folder = project({ "worker.js": source });
    const started = RunningWorker.start(folder, { location: `${folder}/worker.js` });
    await expect(started).rejects.toMatchObject({ name: "UserError", code, message: expect.stringMatching(message) });
  });
});

test("a debugger finds the Worker, at the same place after a reload", async () => {
  const folder = project({ "worker.js": replaceAll('"x"') });
  const worker = await RunningWorker.start(folder, { location: `${folder}/worker.js`, inspectorPort: 0 });
  const targets = async () => await (await fetch(new URL("/json", worker.addresses.inspector))).text();
  expect(await targets()).toContain("core:user:worker");
  await worker.save("worker.js", replaceAll('"y"'));
  expect(await targets()).toContain("core:user:worker");
});

test("leaves no signal handlers behind, and ends with its server", async () => {
  const before = process.listenerCount("SIGTERM");
  const folder = project({ "worker.js": replaceAll('"x"') });
  const worker = await RunningWorker.start(folder, { location: `${folder}/worker.js` });
  expect(process.listenerCount("SIGTERM")).toBe(before);
  await worker.stop();
  await expect(fetch(worker.addresses.url)).rejects.toThrow();
});
