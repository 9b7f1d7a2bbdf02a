/**
 * Measures the journal alone: pairs of a message that is added and removed, in groups that are kept together; size on the disk and
 * pauses under a steady load; and opening with a million records.
 *
 *   npm run bench -- journal [folder] [fsync] [records]
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { argv, cpuUsage, memoryUsage } from "node:process";
import type { Journal, JournalRecord, RecordId } from "../src/broker/ports.ts";
import { type JournalStore, openFileJournal } from "../src/store/index.ts";

const [, , parent = tmpdir(), fsyncMode = "always", openCount = "1000000"] = argv;
const PAIRS_MS = 2000;
const WAITING = 10_000;
const SESSIONS = 1000;
const CHURN_LIVING = 200_000;
const CHURN_RATE = 20_000;
const CHURN_MS = 20_000;
const payload = Buffer.alloc(200, "p");

const onFailure = (error: Error) => {
  throw error;
};

function messageOf(topic: string): JournalRecord {
  const fixed = { id: 1, qos: 1, retain: false, properties: undefined, publisherId: "publisher-1" } as const;
  const message = { ...fixed, topic, payload, tokenId: undefined, receivedAtMs: Date.now(), expiresAtMs: Infinity };
  return { type: "message", message };
}

function committed(store: JournalStore): Promise<void> {
  const { position } = store;
  return new Promise((resolve) => {
    const end = store.watch((kept) => {
      if (kept < position) return;
      end();
      resolve();
    });
  });
}

function open(folder: string): Promise<JournalStore> {
  const fsync = fsyncMode === "os" ? ({ mode: "os" } as const) : ({ mode: "always" } as const);
  return openFileJournal(folder, { fsync, onFailure });
}

async function measurePairs(folder: string, batch: number): Promise<void> {
  const store = await open(folder);
  const journal = store.journal("bench");
  const messages = Array.from({ length: SESSIONS }, (_, session) => messageOf(`site/1/device/${session}`));
  /** A ring: each new message takes the place of the oldest one. */
  const queue = new Float64Array(WAITING);
  for (let index = 0; index < WAITING; index++) queue[index] = journal.add(messages[index % SESSIONS]!);
  await committed(store);
  const before = { position: store.position, cpu: cpuUsage(), at: performance.now() };
  let pairs = 0;
  let head = 0;
  let bytesMax = 0;
  let longestMs = 0;
  while (performance.now() - before.at < PAIRS_MS) {
    const startedAt = performance.now();
    for (let index = 0; index < batch; index++) {
      const id: RecordId = queue[head]!;
      queue[head] = journal.add(messages[head % SESSIONS]!);
      journal.remove(id);
      head = (head + 1) % WAITING;
    }
    pairs += batch;
    await committed(store);
    longestMs = Math.max(longestMs, performance.now() - startedAt);
    bytesMax = Math.max(bytesMax, store.status().bytes);
  }
  const elapsedMs = performance.now() - before.at;
  const cpu = cpuUsage(before.cpu);
  const perSecond = (pairs / elapsedMs).toFixed(1);
  const cpuMicros = ((cpu.user + cpu.system) / pairs).toFixed(1);
  const bytes = Math.round((store.position - before.position) / pairs);
  console.log(
    `batch ${batch}: ${perSecond} thousand pairs/s, ${cpuMicros} µs CPU and ${bytes} bytes a pair, ` +
      `longest commit ${longestMs.toFixed(1)} ms, at most ${Math.round(bytesMax / 2 ** 20)} MiB on the disk`,
  );
  await store.close();
}

/** A steady load: records that live long and short, so that segments have some of both, and compaction always has to do. */
async function measureChurn(folder: string): Promise<void> {
  const store = await open(folder);
  const journal = store.journal("bench");
  const record = messageOf("site/1/device/1/state");
  const ids = new Float64Array(CHURN_LIVING);
  for (let index = 0; index < CHURN_LIVING; index++) ids[index] = journal.add(record);
  await committed(store);
  const liveBytes = store.position;
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const before = cpuUsage();
  const startedAt = performance.now();
  let pairs = 0;
  let bytesMax = 0;
  let bytesSum = 0;
  let samples = 0;
  for (let elapsedMs = 0; elapsedMs < CHURN_MS; elapsedMs = performance.now() - startedAt) {
    for (; pairs < (elapsedMs / 1000) * CHURN_RATE; pairs++) {
      // Half of the changes concern a tenth of the records.
      const index = Math.floor(Math.random() * (pairs % 2 === 0 ? CHURN_LIVING : CHURN_LIVING / 10));
      journal.remove(ids[index]!);
      ids[index] = journal.add(record);
    }
    await sleep(1);
    const { bytes } = store.status();
    bytesMax = Math.max(bytesMax, bytes);
    bytesSum += bytes;
    samples++;
  }
  delay.disable();
  const cpu = cpuUsage(before);
  const MiB = (bytes: number) => Math.round(bytes / 2 ** 20);
  console.log(
    `churn, ${CHURN_RATE} pairs/s for ${CHURN_MS / 1000} s: ${MiB(liveBytes)} MiB live, ${MiB(bytesSum / samples)} MiB on the disk, at most ` +
      `${MiB(bytesMax)}; ${((cpu.user + cpu.system) / pairs).toFixed(1)} µs CPU a pair; pauses of the event loop: p99 ` +
      `${(delay.percentile(99) / 1e6).toFixed(1)} ms, longest ${(delay.max / 1e6).toFixed(1)} ms`,
  );
  await store.close();
}

async function measureOpening(folder: string, what: string, fill: (journal: Journal, index: number) => void) {
  const count = Number(openCount);
  let store = await open(folder);
  const journal = store.journal("bench");
  for (let index = 0; index < count; index++) {
    fill(journal, index);
    if (index % 10_000 === 0) await committed(store);
  }
  const indexBytes = memoryUsage().arrayBuffers;
  await store.close();
  const { bytes } = store.status();
  globalThis.gc?.();
  const before = memoryUsage();
  const startedAt = performance.now();
  const cpuBefore = cpuUsage();
  store = await open(folder);
  const openedAt = performance.now();
  const records = [...store.restore("bench")];
  const restoredAt = performance.now();
  const cpu = cpuUsage(cpuBefore);
  globalThis.gc?.();
  const after = memoryUsage();
  console.log(
    `${count} ${what}: ${Math.round(bytes / 2 ** 20)} MiB on the disk, ${records.length} records, opened in ` +
      `${Math.round(openedAt - startedAt)} ms, restored in ${Math.round(restoredAt - openedAt)} ms, ` +
      `${Math.round((cpu.user + cpu.system) / 1000)} ms of CPU; heap ` +
      `${Math.round((after.heapUsed - before.heapUsed) / 2 ** 20)} MiB, buffers ${Math.round((after.arrayBuffers - before.arrayBuffers) / 2 ** 20)} MiB, ` +
      `resident ${Math.round(after.rss / 2 ** 20)} MiB; buffers while writing ${Math.round(indexBytes / 2 ** 20)} MiB`,
  );
  await store.close();
}

const folder = await mkdtemp(path.join(parent, "journal-bench-"));
try {
  console.log(`fsync ${fsyncMode}, in ${folder}`);
  for (const batch of [1, 10, 100, 1000]) await measurePairs(path.join(folder, `pairs-${batch}`), batch);
  await measureChurn(path.join(folder, "churn"));
  await measureOpening(path.join(folder, "queued"), "queued messages with deliveries", (journal, index) => {
    const message = journal.add(messageOf(`site/1/device/${index % SESSIONS}`));
    const delivery = {
      qos: 1,
      retain: false,
      subscriptionIdentifiers: undefined,
      packetId: 0,
      released: false,
    } as const;
    journal.add({ type: "delivery", session: 1 + (index % SESSIONS), message, ...delivery });
  });
  await measureOpening(path.join(folder, "retained"), "retained messages", (journal, index) => {
    journal.add({ type: "retained", message: journal.add(messageOf(`site/${index % 1000}/device/${index}/state`)) });
  });
} finally {
  await rm(folder, { recursive: true });
}
