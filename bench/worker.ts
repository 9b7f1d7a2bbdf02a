/**
 * Measures Workers as hooks alone: a pipeline without a broker in front of workerd, with messages as fast as they go through,
 * and at a thousand a second. CPU time says more than the clock where other programs run.
 *
 *   npm run bench -- worker [milliseconds]
 */
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { argv, cpuUsage } from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Message } from "../src/broker/ports.ts";
import { GuardedHook } from "../src/hooks/guarded-hook.ts";
import { HookPipeline } from "../src/hooks/pipeline.ts";
import { policyOf } from "../src/hooks/settings.ts";
import { type LocalWorker, WorkerLauncher } from "../src/hooks/worker/local-worker.ts";

const MEASURE_MS = Number(argv[2] ?? 2000);
const PAYLOAD_BYTES = 64;
/** Messages that wait for their verdicts, of all publishers. */
const WINDOW = 10_000;
const TICKS_PER_SECOND = 100;

const sources = {
  "fetch, body back": "export default { fetch: async (request) => new Response(await request.arrayBuffer()) };",
  "fetch, JSON": "export default { fetch: async (request) => Response.json(await request.json()) };",
  pubsub: "export default { pubsub: (messages) => messages };",
  "pubsub, changes": `const text = new TextEncoder().encode("changed");
export default { pubsub: (messages) => messages.map((message) => ({ ...message, payload: text })) };`,
};

const payload = Buffer.alloc(PAYLOAD_BYTES, "p");
const properties = { payloadFormatIndicator: 1 };
let ids = 0;

function messageOf(publisherId: string): Message {
  const fixed = { qos: 0, retain: false, tokenId: undefined, expiresAtMs: Infinity } as const;
  return { id: ++ids, topic: "site/1/device/1", payload, properties, publisherId, receivedAtMs: Date.now(), ...fixed };
}

async function start(folder: string, source: string): Promise<LocalWorker> {
  writeFileSync(path.join(folder, "worker.js"), source);
  const launcher = WorkerLauncher.open({
    location: path.join(folder, "worker.js"),
    onOutput: ({ kind, text }) => console.error(`${kind}: ${text}`),
  });
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const worker = launcher.launch({
    brokerHost: "dev.local.localhost",
    signingKey: { kid: "k", privateJwk: privateKey.export({ format: "jwk" }) },
    publicKeys: [{ ...publicKey.export({ format: "jwk" }), kid: "k" }],
    publish: () => Promise.reject(new Error("nothing is published here")),
  });
  await worker.start({ hold: () => Promise.resolve(), release: () => {} });
  return worker;
}

/** Seconds of CPU that workerd has used; 0 where /proc is not there. */
function workerdSeconds(): number {
  let ticks = 0;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (stat.includes("(workerd)") && Number(fields[1]) === process.pid)
        ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // It has ended.
    }
  }
  return ticks / TICKS_PER_SECOND;
}

function guarded(hook: LocalWorker): GuardedHook {
  return new GuardedHook({ hook, policy: policyOf(null), now: () => performance.now() });
}

async function measureThroughput(worker: LocalWorker, publishers: number, batchMessagesMax: number) {
  let done = 0;
  let stopped = false;
  let batches = 0;
  const pipeline: HookPipeline = new HookPipeline({
    hook: guarded(worker),
    now: () => performance.now(),
    batchMessagesMax,
    complete: (pending, verdict, { batchSize }) => {
      if (verdict.kind === "drop") throw new Error(JSON.stringify(verdict));
      done++;
      batches += 1 / batchSize;
      if (!stopped) pipeline.submit({ message: messageOf(pending.message.publisherId) });
    },
  });
  for (let n = 0; n < WINDOW; n++) pipeline.submit({ message: messageOf(`p${n % publishers}`) });
  await sleep(500);
  const before = { done, batches, cpu: cpuUsage(), workerd: workerdSeconds(), at: performance.now() };
  await sleep(MEASURE_MS);
  const seconds = (performance.now() - before.at) / 1000;
  const { user, system } = cpuUsage(before.cpu);
  const workerd = workerdSeconds() - before.workerd;
  const messages = done - before.done;
  const perBatch = messages / (batches - before.batches);
  stopped = true;
  while (pipeline.load.waiting > 0 || pipeline.load.batches > 0) await sleep(10);
  return {
    rate: messages / seconds,
    perBatch,
    ours: (user + system) / messages,
    workerd: (workerd * 1e6) / messages,
  };
}

/** Milliseconds from submitting a message to its verdict, at a thousand a second. */
async function measureLatency(worker: LocalWorker): Promise<{ p50: number; p99: number }> {
  const times: number[] = [];
  const pipeline = new HookPipeline({
    hook: guarded(worker),
    now: () => performance.now(),
    complete: (_pending, _verdict, { elapsedMs }) => times.push(elapsedMs),
  });
  const startedAt = performance.now();
  let sent = 0;
  while (performance.now() - startedAt < MEASURE_MS) {
    while (sent < performance.now() - startedAt) pipeline.submit({ message: messageOf(`p${sent++ % 10}`) });
    await sleep(1);
  }
  while (pipeline.load.batches > 0) await sleep(10);
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.floor(times.length * share)]!;
  return { p50: at(0.5), p99: at(0.99) };
}

const folder = mkdtempSync(path.join(tmpdir(), "pubsub-bench-worker-"));
try {
  for (const [name, source] of Object.entries(sources)) {
    const worker = await start(folder, source);
    console.log(`\n${name}`);
    for (const [publishers, batchMax] of [
      [1, 1000],
      [10, 1000],
      [100, 1000],
      [100, 1],
    ] as const) {
      const { rate, perBatch, ours, workerd } = await measureThroughput(worker, publishers, batchMax);
      console.log(
        `  ${String(publishers).padStart(3)} publishers${batchMax === 1 ? ", one message a request" : ""}: ` +
          `${Math.round(rate).toLocaleString("en")} messages/s in batches of ${perBatch.toFixed(0)}; ` +
          `CPU of ours ${ours.toFixed(1)} µs, of workerd ${workerd.toFixed(1)} µs a message`,
      );
    }
    const { p50, p99 } = await measureLatency(worker);
    console.log(`  1,000 messages/s: p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`);
    await worker.close();
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
