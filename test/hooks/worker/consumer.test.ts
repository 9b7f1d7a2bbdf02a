/** A consumer with a broker and a handler that the test plays, and a clock of its own. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { InternalDelivery, InternalPublish, InternalSubscription } from "../../../src/broker/ports.ts";
import { type Attempt, Consumer, type Outcome } from "../../../src/hooks/worker/consumer.ts";
import { readProject } from "../../../src/hooks/worker/configuration.ts";
import { message } from "../messages.ts";
import { project } from "./world.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const DONE: Outcome = { acknowledged: [], retries: [] };
const failing = (failure: string, more: Partial<Outcome> = {}): Outcome => ({ ...DONE, failure, ...more });

function setUp(settings: object = {}) {
  const folder = project({
    "wrangler.json": JSON.stringify({ pubsub: { consumers: [{ filters: ["a/#"], ...settings }] } }),
  });
  const [configuration] = readProject(`${folder}/wrangler.json`).configuration.pubsub.consumers;
  let subscription!: InternalSubscription;
  const calls: { batch: readonly Attempt[]; signal: AbortSignal; answer: (outcome: Outcome) => Promise<void> }[] = [];
  const settled: [number, number][] = [];
  const deadLetters: InternalPublish[] = [];
  const warnings: string[] = [];
  const refusals: number[] = [];
  const consumer = new Consumer({
    worker: "shop",
    configuration: configuration!,
    timeoutMs: 5000,
    subscribe: (given) => {
      subscription = given;
      return {
        settle: (deliveries, code) =>
          settled.push(...deliveries.map(({ packetId }): [number, number] => [packetId, code])),
        disconnect: () => settled.push([0, -1]),
      };
    },
    deadLetter: async (letter) => {
      deadLetters.push(letter);
      const reasonCode = refusals.shift() ?? 0;
      return { reasonCode, reason: "no room" };
    },
    call: (_name, batch, signal) =>
      new Promise((resolve) => {
        const answer = async (outcome: Outcome) => {
          resolve(outcome);
          await vi.advanceTimersByTimeAsync(0);
        };
        signal.addEventListener("abort", () => void answer(failing("no answer in time")));
        calls.push({ batch, signal, answer });
      }),
    warn: (text) => warnings.push(text),
  });
  let packetId = 0;
  const arrive = (...payloads: string[]) => {
    const deliveries = payloads.map((payload): InternalDelivery => {
      return { message: message({ topic: "a/b", payload: Buffer.from(payload) }), packetId: ++packetId, generation: 1 };
    });
    subscription.receive(deliveries);
  };
  const seen = () =>
    calls.map(({ batch }) =>
      batch.map(({ message: { payload }, attempt }) => `${payload.toString()}${attempt}`).join(),
    );
  return { consumer, subscription, calls, settled, deadLetters, warnings, refusals, arrive, seen };
}

test("a call has what has come meanwhile; only what the handler is done with is settled", async () => {
  const { consumer, subscription, calls, settled, arrive, seen } = setUp({ max_batch_size: 3 });
  expect(subscription).toMatchObject({ clientId: "$worker/shop/a/#", shareName: "shop", filters: ["a/#"], qos: 1 });
  arrive("a");
  expect(calls).toEqual([]);
  consumer.release();
  arrive("b", "c", "d", "e");
  expect(seen()).toEqual(["a1"]);
  await calls[0]!.answer(DONE);
  expect(settled).toEqual([[1, 0]]);
  expect(seen()).toEqual(["a1", "b1,c1,d1"]);
  await calls[1]!.answer({ acknowledged: [0], retries: [[1, 5]] });
  expect(settled).toEqual([
    [1, 0],
    [2, 0],
    [4, 0],
  ]);
  await calls[2]!.answer(DONE);
  await vi.advanceTimersByTimeAsync(4999);
  expect(calls.length).toBe(3);
  await vi.advanceTimersByTimeAsync(1);
  expect(seen().slice(2)).toEqual(["e1", "c2"]);
});

test("several calls run at a time where that is configured", () => {
  const { consumer, arrive, seen } = setUp({ max_batch_size: 1, max_concurrency: 2, name: "n" });
  consumer.release();
  arrive("a", "b", "c");
  expect(seen()).toEqual(["a1", "b1"]);
});

test("what fails comes again, later each time, until it is given up; what was acknowledged before stays so", async () => {
  const { consumer, calls, settled, warnings, arrive, seen } = setUp({ max_retries: 2 });
  consumer.release();
  arrive("a", "b");
  await calls[0]!.answer(failing("out of paper", { acknowledged: [1] }));
  expect(settled).toEqual([[2, 0]]);
  for (const [delayMs, attempts] of [
    [1000, 2],
    [2000, 3],
  ]) {
    await vi.advanceTimersByTimeAsync(delayMs! - 1);
    expect(calls.length).toBe(attempts! - 1);
    await vi.advanceTimersByTimeAsync(1);
    await calls[attempts! - 1]!.answer(failing("out of paper"));
  }
  expect(seen()).toEqual(["a1,b1", "a2", "a3"]);
  expect(settled).toEqual([
    [2, 0],
    [1, 0x80],
  ]);
  expect(warnings).toEqual(["the consumer a/# gives up a message on a/b after 3 attempts: out of paper"]);
});

test("a Worker that cannot be reached, or says nothing in time, loses nothing", async () => {
  const { consumer, calls, settled, arrive, seen } = setUp({ max_retries: 1, retry_delay: 2 });
  consumer.release();
  arrive("a");
  for (let n = 0; n < 5; n++) {
    await calls[n]!.answer(failing("ECONNREFUSED", { isUnreachable: true }));
    await vi.advanceTimersByTimeAsync(2000);
  }
  expect(seen().at(-1)).toBe("a1");
  await vi.advanceTimersByTimeAsync(5000);
  expect(calls[5]!.signal.aborted).toBe(true);
  await vi.advanceTimersByTimeAsync(2000);
  expect(seen().at(-1)).toBe("a2");
  expect(settled).toEqual([]);
});

test("what is given up lies in the topic for that before it is settled", async () => {
  const { consumer, calls, settled, deadLetters, refusals, warnings, arrive } = setUp({
    max_retries: 0,
    retry_delay: 0,
    dead_letter_topic: "dead",
  });
  consumer.release();
  refusals.push(0x97);
  arrive("a");
  await calls[0]!.answer(failing("out of\0paper"));
  expect(settled).toEqual([]);
  expect(warnings).toEqual(["the consumer a/# cannot publish to dead, and tries again: no room"]);
  await vi.advanceTimersByTimeAsync(0);
  await calls[1]!.answer(failing("out of\0paper"));
  expect(settled).toEqual([[1, 0x80]]);
  expect(deadLetters[1]).toMatchObject({
    ...{ topic: "dead", payload: Buffer.from("a"), qos: 1, skipsHooks: true, hops: 1 },
    properties: {
      userProperties: [
        ["dead-letter-topic", "a/b"],
        ["dead-letter-consumer", "shop/a/#"],
        ["dead-letter-reason", "out ofpaper"],
      ],
    },
  });
});

test("held, it calls nothing; closed, it gives up what is under way and settles nothing", async () => {
  const { consumer, calls, settled, arrive } = setUp();
  consumer.release();
  arrive("a");
  const idle = consumer.hold();
  arrive("b");
  await calls[0]!.answer(DONE);
  await idle;
  expect(calls.length).toBe(1);
  consumer.release();
  consumer.close();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(calls.map(({ signal }) => signal.aborted)).toEqual([false, true]);
  expect(settled).toEqual([
    [1, 0],
    [0, -1],
  ]);
});
