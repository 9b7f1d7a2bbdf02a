import { describe, expect, test } from "vitest";
import type { PendingPublish } from "../../src/broker/ports.ts";
import { pending } from "./messages.ts";
import { type Call, settled, World } from "./world.ts";

const IDLE = { publishers: 0, waiting: 0, waitingBytes: 0, batches: 0 };

function submit(world: World, publisherId: string, count = 1, payload = Buffer.from("x")): PendingPublish[] {
  const all = Array.from({ length: count }, () => pending(publisherId, { payload }));
  for (const each of all) world.pipeline.submit(each);
  return all;
}

const ids = (all: readonly PendingPublish[]): number[] => all.map(({ message }) => message.id);
const idsOf = (call: Call | undefined): number[] => (call?.batch ?? []).map(({ id }) => id);

describe("batches", () => {
  test("what a publisher sends in one turn is one batch, at the end of the turn", async () => {
    const world = new World();
    const sent = submit(world, "a", 3);
    expect(world.calls).toEqual([]);
    world.endTurn();
    expect(world.calls.map(idsOf)).toEqual([ids(sent)]);
    world.now = 7;
    await world.calls[0]!.answer();
    expect(world.completions.map(({ pending: each }) => each)).toEqual(sent);
    expect(world.completions[0]).toMatchObject({
      verdict: { kind: "accept" },
      report: { elapsedMs: 7, batchSize: 3, status: 200 },
    });
    expect(world.pipeline.load).toMatchObject(IDLE);
    expect(world.timers.size).toBe(0);
  });

  test("without injected ports the turn ends with a microtask", async () => {
    const world = new World({ schedule: queueMicrotask });
    submit(world, "a", 2);
    expect(world.calls.length).toBe(0);
    await Promise.resolve();
    expect(world.calls.length).toBe(1);
    await world.calls[0]!.answer();
    expect(world.completions.length).toBe(2);
  });

  test("what a publisher sends while its batch is under way makes up the next one", async () => {
    const world = new World();
    const first = submit(world, "a", 1);
    world.endTurn();
    const second = submit(world, "a", 2);
    world.endTurn();
    const third = submit(world, "a", 2);
    world.endTurn();
    expect(world.calls.map(idsOf)).toEqual([ids(first)]);
    await world.calls[0]!.answer();
    world.endTurn();
    expect(world.calls.map(idsOf)).toEqual([ids(first), ids([...second, ...third])]);
  });

  test("a batch is bounded in messages and in bytes; a larger message goes alone", async () => {
    const world = new World({ batchMessagesMax: 3, batchBytesMax: 10 });
    submit(world, "a", 4);
    submit(world, "b", 3, Buffer.alloc(4));
    submit(world, "c", 2, Buffer.alloc(11));
    world.endTurn();
    for (let turn = 0; turn < 2; turn++) {
      await Promise.all(world.calls.map((call) => call.answer()));
      world.endTurn();
    }
    const sizes = (publisher: string) =>
      world.calls.filter(({ publishers }) => publishers[0] === publisher).map(({ batch }) => batch.length);
    expect([sizes("a"), sizes("b"), sizes("c")]).toEqual([
      [3, 1],
      [2, 1],
      [1, 1],
    ]);
  });
});

describe("isolation", () => {
  test("publishers do not share batches while there are free slots", async () => {
    const world = new World({ concurrencyMax: 3 });
    for (const id of ["a", "b", "c"]) submit(world, id, 2);
    world.endTurn();
    expect(world.calls.map(({ publishers }) => publishers)).toEqual([["a"], ["b"], ["c"]]);
    // The answers come in any order.
    await world.calls[2]!.answer();
    expect(world.completedBy("c").length).toBe(2);
    expect(world.completedBy("a").length).toBe(0);
  });

  test("more publishers than slots share batches evenly, first come first served", async () => {
    const world = new World({ concurrencyMax: 2 });
    for (const id of ["a", "b", "c", "d", "e"]) submit(world, id, 1);
    world.endTurn();
    expect(world.calls.map(({ publishers }) => publishers)).toEqual([
      ["a", "b", "c"],
      ["d", "e"],
    ]);
    for (const id of ["f", "g", "a"]) submit(world, id, 1);
    world.endTurn();
    await world.calls[1]!.answer();
    world.endTurn();
    expect(world.calls[2]!.publishers).toEqual(["f", "g"]);
    await world.calls[0]!.answer();
    world.endTurn();
    expect(world.calls[3]!.publishers).toEqual(["a"]);
  });

  test("in a shared batch a publisher with many messages leaves room for the others", () => {
    const world = new World({ concurrencyMax: 1, batchMessagesMax: 10 });
    submit(world, "a", 50);
    submit(world, "b", 1);
    submit(world, "c", 50);
    world.endTurn();
    const of = (id: string) => world.calls[0]!.batch.filter(({ publisherId }) => publisherId === id).length;
    expect([of("a"), of("b"), of("c")]).toEqual([4, 1, 5]);
  });

  test("a slow publisher goes alone from then on, until its requests are fast again", async () => {
    const world = new World({ concurrencyMax: 2, slowMs: 1000 });
    const round = (...publishers: string[]): string[][] => {
      world.calls.length = 0;
      for (const id of publishers) submit(world, id);
      world.endTurn();
      return world.calls.map((call) => [...call.publishers]);
    };
    const answerAll = () => Promise.all(world.calls.map((call) => call.answer()));

    round("slow");
    await world.advance(1001);
    await answerAll();
    expect(world.pipeline.load).toMatchObject({ ...IDLE, slowPublishers: 1 });
    expect(round("a", "slow", "b", "c")).toEqual([["a", "b", "c"], ["slow"]]);
    await answerAll();
    expect(world.pipeline.load.slowPublishers).toBe(0);
    expect(round("a", "slow", "b", "c")).toEqual([
      ["a", "slow"],
      ["b", "c"],
    ]);
  });

  test("slow publishers hold half of the slots at most", async () => {
    const world = new World({ concurrencyMax: 4 });
    for (const id of ["s1", "s2", "s3", "s4"]) submit(world, id);
    world.endTurn();
    await world.advance(10_001);
    for (const id of ["s1", "s2", "s3", "s4"]) submit(world, id);
    world.calls.length = 0;
    world.endTurn();
    expect(world.calls.map(({ publishers }) => publishers)).toEqual([["s1"], ["s2"]]);
    submit(world, "a");
    submit(world, "b");
    world.endTurn();
    expect(world.calls.map(({ publishers }) => publishers)).toEqual([["s1"], ["s2"], ["a"], ["b"]]);
    await world.calls[0]!.answer();
    world.endTurn();
    expect(world.calls[4]!.publishers).toEqual(["s3"]);
  });

  test("it is forgotten after a minute who was slow", async () => {
    const world = new World({ concurrencyMax: 1 });
    submit(world, "slow");
    world.endTurn();
    await world.advance(10_001);
    await world.advance(60_000);
    submit(world, "slow");
    submit(world, "a");
    world.calls.length = 0;
    world.endTurn();
    expect(world.calls.map(({ publishers }) => publishers)).toEqual([["slow", "a"]]);
  });
});

describe("failures", () => {
  test("no answer in time: hook-timeout, and the late answer is ignored", async () => {
    const world = new World({ settings: { timeoutMs: 10_000 } });
    const first = submit(world, "a", 2);
    world.endTurn();
    submit(world, "a");
    await world.advance(9999);
    expect(world.completions).toEqual([]);
    await world.advance(1);
    const drop = { kind: "drop", reason: "hook-timeout", detail: "no answer within 10 s" };
    expect(world.completions.map(({ verdict }) => verdict)).toEqual([drop, drop]);
    expect(world.completions[0]!.report).toEqual({ elapsedMs: 10_000, batchSize: 2, batchId: 1 });
    expect(world.calls[0]!.signal.aborted).toBe(true);
    await world.calls[0]!.answer();
    expect(world.completedBy("a")).toEqual(ids(first));
    world.endTurn();
    await world.calls[1]!.answer();
    expect(world.completions.length).toBe(3);
    expect(world.pipeline.load).toMatchObject(IDLE);
  });

  test("a hook that rejects, throws, or forgets a verdict", async () => {
    const world = new World();
    submit(world, "a");
    world.endTurn();
    await world.calls[0]!.fail(new Error("boom"));
    submit(world, "b", 2);
    world.endTurn();
    await world.calls[1]!.answer([{ kind: "reject", reasonCode: 0x87, reason: "no" }]);
    world.guard.setHook({
      ...world.hook(),
      onPublish: () => {
        throw new Error("at once");
      },
    });
    submit(world, "c");
    world.endTurn();
    await settled();
    expect(world.completions.map(({ verdict }) => verdict)).toEqual([
      { kind: "drop", reason: "hook-unreachable", detail: "boom" },
      { kind: "reject", reasonCode: 0x87, reason: "no" },
      { kind: "drop", reason: "hook-invalid-answer", detail: "no verdict" },
      { kind: "drop", reason: "hook-unreachable", detail: "at once" },
    ]);
    expect(world.pipeline.load).toMatchObject(IDLE);
  });
});

describe("overload", () => {
  const reasons = (world: World) =>
    world.completions.map(({ verdict }) => (verdict.kind === "drop" ? verdict.reason : verdict.kind));

  test("beyond its part a publisher's messages are refused, in order, and others have room", async () => {
    const world = new World({ waitingMax: 8 });
    const first = submit(world, "a");
    world.endTurn();
    const more = submit(world, "a", 6);
    expect(world.pipeline.load).toMatchObject({ waiting: 6 });
    // Half of 8 wait; the two others wait only for their turn to be refused.
    const other = submit(world, "b");
    expect(world.completions).toEqual([]);
    world.endTurn();
    expect(idsOf(world.calls[1])).toEqual(ids(other));
    await world.calls[0]!.answer();
    world.endTurn();
    await world.calls[2]!.answer();
    expect(world.completedBy("a")).toEqual(ids([...first, ...more]));
    expect(reasons(world)).toEqual([
      "accept",
      "accept",
      "accept",
      "accept",
      "accept",
      "hook-overloaded",
      "hook-overloaded",
    ]);
    await world.calls[1]!.answer();
    expect(world.pipeline.load).toMatchObject(IDLE);
  });

  test("so are bytes", () => {
    const world = new World({ waitingBytesMax: 100 });
    submit(world, "a", 1, Buffer.alloc(101));
    expect(reasons(world)).toEqual(["hook-overloaded"]);
    expect(world.completions[0]!.report).toEqual({ elapsedMs: 0, batchSize: 0 });
    submit(world, "a", 3, Buffer.alloc(25));
    expect(world.pipeline.load.waitingBytes).toBe(75);
    world.endTurn();
    expect(world.calls[0]!.batch.length).toBe(2);
  });

  test("what waits to be refused is bounded too", () => {
    const world = new World({ waitingMax: 2 });
    submit(world, "a");
    world.endTurn();
    submit(world, "a", 100);
    expect(world.pipeline.load.waiting).toBeLessThanOrEqual(4);
    expect(world.completions.length).toBeGreaterThanOrEqual(96);
  });
});

describe("close", () => {
  test("drops what is under way and what waits, once and in order, and what comes later", async () => {
    const world = new World({ concurrencyMax: 1 });
    const sent = submit(world, "a", 2);
    world.endTurn();
    sent.push(...submit(world, "a", 2));
    submit(world, "b");
    const closed = world.pipeline.close();
    const stopped = { kind: "drop", reason: "hook-stopped", detail: "broker stopped" };
    expect(world.completions.map(({ verdict }) => verdict)).toEqual(Array.from({ length: 5 }, () => stopped));
    expect(world.completedBy("a")).toEqual(ids(sent));
    expect(world.calls[0]!.signal.aborted).toBe(true);
    await closed;
    expect(world.closedHooks).toBe(1);
    await world.calls[0]!.answer();
    world.endTurn();
    submit(world, "c");
    expect(world.completions.length).toBe(6);
    expect(world.completions[5]).toMatchObject({ verdict: stopped });
    expect(world.calls.length).toBe(1);
    expect(world.timers.size).toBe(0);
    expect(world.pipeline.load).toMatchObject(IDLE);
  });

  test("from within a completion, while completions submit more", async () => {
    const world = new World({ concurrencyMax: 1 });
    const sent = submit(world, "a", 3);
    world.endTurn();
    sent.push(...submit(world, "a", 2));
    submit(world, "b", 1);
    let closed: Promise<void> | undefined;
    world.onComplete = ({ message }) => {
      if (closed === undefined) closed = world.pipeline.close();
      else if (world.completions.length < 8) sent.push(...submit(world, message.publisherId === "b" ? "a" : "b"));
    };
    await world.calls[0]!.answer();
    await closed;
    expect(new Set(world.completions.map(({ pending: each }) => each)).size).toBe(world.completions.length);
    expect(world.completions.slice(0, 3).map(({ verdict }) => verdict.kind)).toEqual(["accept", "accept", "accept"]);
    const inOrder = (list: number[]) => list.toSorted((x, y) => x - y);
    for (const id of ["a", "b"]) expect(world.completedBy(id)).toEqual(inOrder(world.completedBy(id)));
    expect(world.pipeline.load).toMatchObject(IDLE);
  });
});

test("a new hook gets the next batch; the one before is closed after its last answer", async () => {
  const world = new World();
  submit(world, "a");
  world.endTurn();
  const calls: Call[] = [];
  world.guard.setHook(world.hook(calls));
  submit(world, "a");
  submit(world, "b");
  world.endTurn();
  expect(calls.map(({ publishers }) => publishers)).toEqual([["b"]]);
  expect(world.closedHooks).toBe(0);
  await world.calls[0]!.answer();
  expect(world.closedHooks).toBe(1);
  world.endTurn();
  await Promise.all(calls.map((call) => call.answer()));
  expect(world.completions.map(({ verdict }) => verdict.kind)).toEqual(["accept", "accept", "accept"]);
});

describe("while it is held", () => {
  test("messages wait without their time running, and go on in their order", async () => {
    const world = new World({ settings: { timeoutMs: 100 } });
    const sent = submit(world, "a");
    world.endTurn();
    let idle = false;
    world.pipeline.hold();
    const held = world.guard.hold().then(() => (idle = true));
    sent.push(...submit(world, "a"));
    const other = submit(world, "b");
    world.endTurn();
    await settled();
    expect(idle).toBe(false);
    await world.calls[0]!.answer();
    await held;
    sent.push(...submit(world, "a"));
    world.endTurn();
    await world.advance(1000);
    expect(world.calls.length).toBe(1);
    world.guard.release();
    world.pipeline.release();
    world.endTurn();
    // "b" has waited longer for its turn.
    expect(world.calls.slice(1).map(idsOf)).toEqual([ids(other), ids(sent.slice(1))]);
    await Promise.all(world.calls.slice(1).map((call) => call.answer()));
    expect(world.completions.map(({ verdict }) => verdict.kind)).toEqual(Array(4).fill("accept"));
    expect(world.pipeline.load).toMatchObject(IDLE);
  });

  test("the number of waiting messages is bounded, and closing drops them", async () => {
    const world = new World({ waitingMax: 4 });
    world.pipeline.hold();
    submit(world, "a", 3);
    world.endTurn();
    expect(world.pipeline.load).toMatchObject({ waiting: 3, batches: 0 });
    await world.pipeline.close();
    const reasons = world.completions.map(({ verdict }) => (verdict.kind === "drop" ? verdict.reason : verdict.kind));
    expect(reasons).toEqual(["hook-stopped", "hook-stopped", "hook-overloaded"]);
  });

  test("closing ends the wait for what is under way", async () => {
    const world = new World();
    submit(world, "a");
    world.endTurn();
    const held = world.guard.hold();
    await world.pipeline.close();
    await held;
    expect(world.completions.length).toBe(1);
  });
});
