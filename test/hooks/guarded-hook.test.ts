import { describe, expect, test } from "vitest";
import type { Verdict } from "../../src/broker/ports.ts";
import { failureOf, outcomeOf } from "../../src/hooks/failure.ts";
import { type HookSettings, policyOf } from "../../src/hooks/settings.ts";
import { message, pending } from "./messages.ts";
import { type Call, World } from "./world.ts";

const FAILED = { kind: "drop", reason: "hook-status", detail: "HTTP 500" } as const;
const RETRY = {
  onFailure: "retry",
  retry: { initialDelayMs: 100, maxDelayMs: 400, totalMs: 2000, fallback: "drop" },
} as const satisfies HookSettings;

/** A world in which one message is under way. */
function ask(settings: HookSettings, options: { random?: () => number } = {}): World {
  const world = new World({ settings, ...options });
  submit(world);
  return world;
}

function submit(world: World, publisherId = "a"): void {
  world.pipeline.submit(pending(publisherId));
  world.endTurn();
}

const last = (world: World): Call => world.calls.at(-1)!;
const fail = (world: World) => last(world).answer([FAILED], 500);

describe("retry", () => {
  test("delays double up to the longest one; the answer says how often it was asked", async () => {
    const world = ask(RETRY);
    const askedAt = [world.now];
    for (let attempt = 1; attempt < 6; attempt++) {
      await fail(world);
      const before = world.calls.length;
      while (world.calls.length === before) await world.advance(50);
      askedAt.push(world.now);
    }
    expect(askedAt).toEqual([0, 100, 300, 700, 1100, 1500]);
    await last(world).answer();
    expect(world.completions).toMatchObject([
      { verdict: { kind: "accept" }, report: { attempts: 6, elapsedMs: 1500, status: 200, batchSize: 1 } },
    ]);
    expect(world.timers.size).toBe(0);
  });

  test("up to half of a delay is taken off at random", async () => {
    const world = ask(RETRY, { random: () => 0.999 });
    await fail(world);
    await world.advance(50);
    expect(world.calls).toHaveLength(1);
    await world.advance(1);
    expect(world.calls).toHaveLength(2);
  });

  test.each([
    ["drop", { kind: "drop", reason: "hook-status" }],
    ["pass", { kind: "accept", failure: { reason: "hook-status", detail: "HTTP 500" } }],
    ["reject", { kind: "reject", reasonCode: 0x83, reason: "hook-status" }],
  ] as const)("in the end it falls back to %s", async (fallback, verdict) => {
    const world = ask({ ...RETRY, retry: { ...RETRY.retry, fallback } });
    while (world.completions.length === 0) {
      await fail(world);
      await world.advance(400);
    }
    expect(world.completions[0]).toMatchObject({ verdict, report: { attempts: 5 } });
    expect(world.now).toBeLessThanOrEqual(RETRY.retry.totalMs + 400);
  });

  test("a hook that does not answer has its time for each attempt", async () => {
    const world = ask({ ...RETRY, timeoutMs: 1000 });
    await world.advance(1100);
    expect(world.calls).toHaveLength(2);
    expect(world.calls[0]!.signal.aborted).toBe(true);
    await world.calls[0]!.answer();
    expect(world.completions).toEqual([]);
    await world.advance(1000);
    expect(world.completions[0]).toMatchObject({ verdict: { reason: "hook-timeout" }, report: { attempts: 2 } });
  });

  test("its publisher's next messages wait, another's do not", async () => {
    const world = ask(RETRY);
    await fail(world);
    submit(world, "a");
    submit(world, "b");
    await last(world).answer();
    expect(world.completions.map(({ message: { publisherId } }) => publisherId)).toEqual(["b"]);
    await world.advance(100);
    await last(world).answer();
    world.endTurn();
    await last(world).answer();
    expect(world.completions.map(({ message: { publisherId } }) => publisherId)).toEqual(["b", "a", "a"]);
  });

  test("what the hook wants dropped, or answers for one message alone, is no reason to ask again", async () => {
    for (const reason of ["hook-dropped", "hook-changed-topic", "hook-invalid-message"] as const) {
      const world = ask(RETRY);
      await last(world).answer([{ kind: "drop", reason }]);
      expect(world.completions[0]).toMatchObject({ verdict: { kind: "drop", reason } });
    }
  });

  test("another hook gets the next attempt", async () => {
    const world = ask(RETRY);
    await fail(world);
    const calls: Call[] = [];
    world.guard.setHook(world.hook(calls));
    expect(world.closedHooks).toBe(1);
    await world.advance(100);
    await calls[0]!.answer();
    expect(world.completions[0]).toMatchObject({ verdict: { kind: "accept" } });
  });

  test("nothing is asked while the hook is held, and what waits for its next attempt is not waited for", async () => {
    const world = ask(RETRY);
    await fail(world);
    await world.guard.hold();
    await world.advance(5000);
    expect(world.calls).toHaveLength(1);
    world.guard.release();
    await world.advance(0);
    expect(world.calls).toHaveLength(2);
    await last(world).answer();
    expect(world.completions[0]).toMatchObject({ verdict: { kind: "accept" } });
  });

  test.each(["while it waits", "while it is held", "while it is asked"])("closing %s leaves nothing", async (when) => {
    const world = ask(RETRY);
    if (when !== "while it is asked") await fail(world);
    if (when === "while it is held") {
      await world.guard.hold();
      await world.advance(1000);
    }
    await world.pipeline.close();
    world.guard.release();
    await world.advance(10_000);
    expect(world.completions).toMatchObject([{ verdict: { kind: "drop", reason: "hook-stopped" } }]);
    expect(world.calls).toHaveLength(1);
    expect(world.timers.size).toBe(0);
  });
});

describe("circuit breaker", () => {
  const settings: HookSettings = { circuitBreaker: { failures: 3, openMs: 1000 } };
  const reasons = (world: World) =>
    world.completions.map(({ verdict }) => (verdict.kind === "drop" ? verdict.reason : verdict.kind));

  async function openCircuit(more: HookSettings = {}): Promise<World> {
    const world = new World({ settings: { ...settings, ...more } });
    for (let failures = 0; failures < 3; failures++) {
      submit(world);
      await fail(world);
    }
    return world;
  }

  test("opens after failures in a row, asks once when its time is over, and closes with an answer", async () => {
    const world = await openCircuit();
    expect(world.circuit).toEqual(["opened: the hook failed 3 times in a row, at last with hook-status"]);
    submit(world);
    await world.advance(999);
    expect(reasons(world)).toEqual(["hook-status", "hook-status", "hook-status", "hook-circuit-open"]);
    expect(world.calls).toHaveLength(3);
    await world.advance(1);
    // One batch is the probe; the other is not sent.
    submit(world, "b");
    submit(world, "c");
    await world.advance(0);
    expect(world.calls).toHaveLength(4);
    expect(reasons(world).at(-1)).toBe("hook-circuit-open");
    await last(world).answer();
    expect(world.circuit.slice(1)).toEqual(["closed: the hook answers again"]);
    submit(world);
    await last(world).answer();
    expect(reasons(world).slice(-2)).toEqual(["accept", "accept"]);
  });

  test("says how it stands, and since when", async () => {
    const world = new World({ settings });
    await world.advance(10);
    expect(world.guard.circuit).toEqual({ state: "closed", forMs: 10, failures: 0, probeInMs: undefined });
    const open = await openCircuit();
    await open.advance(400);
    expect(open.guard.circuit).toEqual({ state: "open", forMs: 400, failures: 3, probeInMs: 600 });
    await open.advance(700);
    expect(open.guard.circuit).toMatchObject({ state: "open", forMs: 1100, probeInMs: 0 });
    submit(open);
    await open.advance(5);
    expect(open.guard.circuit).toMatchObject({ state: "half-open", forMs: 5, failures: 3, probeInMs: undefined });
    await last(open).answer();
    expect(open.guard.circuit).toMatchObject({ state: "closed", forMs: 0, failures: 0 });
    open.guard.setPolicy(policyOf({}));
    expect(open.guard.circuit).toBeUndefined();
  });

  test("stays open where the probe fails, without saying so again", async () => {
    const world = await openCircuit();
    await world.advance(1000);
    submit(world);
    await fail(world);
    await world.advance(999);
    submit(world);
    await world.advance(0);
    expect(reasons(world).slice(3)).toEqual(["hook-status", "hook-circuit-open"]);
    expect(world.circuit).toHaveLength(1);
  });

  test("an answer in between begins the count anew; what the hook wants dropped is an answer", async () => {
    const world = new World({ settings });
    for (const verdict of [FAILED, FAILED, { kind: "drop", reason: "hook-dropped" } as const, FAILED, FAILED]) {
      submit(world);
      await last(world).answer([verdict]);
    }
    expect(world.circuit).toEqual([]);
  });

  test("a hook that is replaced, or has its breaker changed, is asked at once", async () => {
    const world = await openCircuit();
    world.guard.setHook(world.hook());
    expect(world.circuit.at(-1)).toBe("closed: the hook is another one");
    submit(world);
    expect(world.calls).toHaveLength(4);
    const other = await openCircuit();
    other.guard.setPolicy(policyOf({}));
    expect(other.circuit.at(-1)).toBe("closed: it has other settings");
  });

  test("retry goes on while it is open", async () => {
    const world = await openCircuit();
    world.policy = policyOf({ ...settings, ...RETRY });
    world.guard.setPolicy(world.policy);
    submit(world);
    await world.advance(1100);
    expect(world.calls).toHaveLength(4);
    await last(world).answer();
    expect(world.completions.at(-1)).toMatchObject({ verdict: { kind: "accept" } });
  });
});

test("how long requests take is counted, those that end without an answer too", async () => {
  const world = ask({ timeoutMs: 1000 });
  await world.advance(20);
  await last(world).answer();
  submit(world);
  await world.advance(1000);
  const { count, seconds } = world.guard.durations;
  expect({ count, seconds }).toEqual({ count: 2, seconds: 1.02 });
  expect([...world.guard.durations.cumulated()].filter(([bound]) => [0.01, 0.025, 0.5, 1].includes(bound))).toEqual([
    [0.01, 0],
    [0.025, 1],
    [0.5, 1],
    [1, 2],
  ]);
});

describe("policy", () => {
  const letter = { deadLetterTopic: "lost" };
  const failure = { reason: "hook-timeout", detail: "no answer within 10 s" } as const;
  const dropped: Verdict = { kind: "drop", ...failure };

  test.each<[HookSettings, Verdict, Verdict]>([
    [{}, dropped, dropped],
    [letter, dropped, { ...dropped, ...letter }],
    [{ ...letter, onFailure: "pass" }, dropped, { kind: "accept", failure }],
    [{ onFailure: "reject" }, dropped, { kind: "reject", reasonCode: 0x83, ...failure }],
    [
      { ...letter, onFailure: "reject", rejectReasonCode: 0x97 },
      dropped,
      { kind: "reject", reasonCode: 0x97, ...failure, ...letter },
    ],
    [{ onFailure: "retry", retry: { fallback: "pass" } }, dropped, { kind: "accept", failure }],
    // Delivering what the hook wanted changed would be wrong.
    [
      { ...letter, onFailure: "pass" },
      { kind: "drop", reason: "hook-invalid-message" },
      { kind: "drop", reason: "hook-invalid-message", ...letter },
    ],
    [
      { ...letter, onFailure: "pass" },
      { kind: "drop", reason: "hook-dropped" },
      { kind: "drop", reason: "hook-dropped" },
    ],
    [
      { ...letter, onFailure: "pass" },
      { kind: "drop", reason: "hook-stopped" },
      { kind: "drop", reason: "hook-stopped" },
    ],
    [{ onFailure: "reject" }, { kind: "accept" }, { kind: "accept" }],
  ])("with %j a verdict %j becomes %j", (settings, verdict, outcome) => {
    expect(outcomeOf(verdict, policyOf(settings))).toEqual(outcome);
  });

  test("a hook failed where it gave no verdict of its own", () => {
    expect(failureOf({ verdicts: [FAILED, FAILED] })).toBe(FAILED);
    expect(failureOf({ verdicts: [{ kind: "accept" }] })).toBeUndefined();
    expect(failureOf({ verdicts: [{ kind: "drop", reason: "hook-dropped" }] })).toBeUndefined();
    expect(failureOf({ verdicts: [] })).toBeUndefined();
  });
});

test("messages that found no room get the outcome of the policy, too", () => {
  const world = new World({ settings: { onFailure: "pass" }, waitingMax: 1 });
  world.pipeline.submit({ message: message({ publisherId: "a" }) });
  world.pipeline.submit({ message: message({ publisherId: "b" }) });
  expect(world.completions).toMatchObject([{ verdict: { kind: "accept", failure: { reason: "hook-overloaded" } } }]);
});
