import { describe, expect, it } from "vitest";
import type { DropReason, HookDropReason } from "../../src/broker/ports.ts";
import { deliveryExplanations, dropExplanations } from "../../src/cli/messages/delivery-explanations.ts";
import type { DeliveryReason } from "../../src/runtime/index.ts";
import { type FakeClient, pubsub } from "./world.ts";

const TARGET = ["--ns", "local", "--broker", "dev"];

const withoutNull = (hook: object) => Object.fromEntries(Object.entries(hook).filter(([, value]) => value !== null));

/** A broker whose hook is as it was set last. */
function fakeClient(before: object = {}): { client: FakeClient; inputs: unknown[] } {
  const inputs: unknown[] = [];
  const broker = (hook: object | undefined) => ({ name: "dev", ...(hook && { on_publish: hook }) });
  return {
    inputs,
    client: {
      describeBroker: async () => broker(before),
      describeHook: async () => null,
      updateBroker: async ({ on_publish: hook }: { on_publish: { url?: string | null } }) => {
        inputs.push(hook);
        return broker(hook?.url === null ? undefined : withoutNull({ ...before, ...hook }));
      },
    },
  };
}

describe("hook set", () => {
  it.each<[string[], object]>([
    [["http://127.0.0.1:8787/"], { url: "http://127.0.0.1:8787/" }],
    [["--topic", "a/#", "--topic", "+/b"], { topics: ["a/#", "+/b"] }],
    [["--timeout", "1.5s", "--on-failure", "pass"], { timeout_ms: 1500, on_failure: "pass" }],
    [["--on-failure", "reject", "--reject-code", "0x97"], { on_failure: "reject", reject_reason_code: 0x97 }],
    [["--reject-code", "131"], { reject_reason_code: 0x83 }],
    [
      ["--retry-for", "5m", "--retry-delay", "50ms", "--retry-delay-max", "2s", "--fallback", "pass"],
      { retry: { total_ms: 300_000, initial_delay_ms: 50, max_delay_ms: 2000, fallback: "pass" } },
    ],
    [["--circuit-breaker", "5/10s"], { circuit_breaker: { failures: 5, open_ms: 10_000 } }],
    [["--circuit-breaker", "3"], { circuit_breaker: { failures: 3 } }],
    [["--circuit-breaker", "off"], { circuit_breaker: null }],
    [["--dead-letter-topic", "lost"], { dead_letter_topic: "lost" }],
  ])("%j", async (args, hook) => {
    const { client, inputs } = fakeClient();
    const { code, stdout } = await pubsub(["hook", "set", ...args, ...TARGET, "--json"], { client });
    expect({ code, inputs }).toEqual({ code: 0, inputs: [hook] });
    expect(JSON.parse(stdout)).toEqual(withoutNull(hook));
  });

  it.each([
    [[], "nothing to set was named"],
    [["nowhere"], "is not a URL"],
    [["--topic", "a/#/b"], "is not a topic filter"],
    [["--timeout", "10"], "--timeout takes a duration from 10 ms to 1 min"],
    [["--timeout", "2m"], "--timeout takes a duration"],
    [["--on-failure", "ignore"], "--on-failure"],
    [["--fallback", "retry"], "--fallback"],
    [["--reject-code", "0x00"], "--reject-code takes 0x80, 0x83, 0x87, 0x97, 0x99"],
    [["--circuit-breaker", "often"], "--circuit-breaker takes a number of failures"],
    [["--circuit-breaker", "5/soon"], "--circuit-breaker takes a duration"],
    [["--circuit-breaker", "0"], "--circuit-breaker takes a number of failures"],
  ])("not with %j", async (args, message) => {
    const { client, inputs } = fakeClient();
    const { code, stderr } = await pubsub(["hook", "set", ...args, ...TARGET], { client });
    expect({ code, inputs }).toEqual({ code: 2, inputs: [] });
    expect(stderr).toContain(message);
  });
});

describe("hook show", () => {
  it("says every setting, with defaults", async () => {
    const { stdout } = await pubsub(["hook", "show", ...TARGET], {
      client: fakeClient({ url: "https://h.example/" }).client,
    });
    expect(stdout.split("\n").map((line) => line.split(/ {2,}/))).toEqual([
      ["broker", "local/dev"],
      ["url", "https://h.example/"],
      ["topics", "all"],
      ["timeout", "10 s"],
      ["on failure", "drop"],
      ["circuit breaker", "off"],
      ["dead letters", "nowhere"],
      [""],
    ]);
  });

  it("says how it retries, and what publishers are told in the end", async () => {
    const hook = {
      topics: ["a/#"],
      timeout_ms: 250,
      on_failure: "retry",
      retry: { total_ms: 90_000, fallback: "reject" },
      circuit_breaker: {},
      dead_letter_topic: "lost",
    };
    const { stdout } = await pubsub(["hook", "show", ...TARGET], { client: fakeClient(hook).client });
    for (const text of [
      /url +no hook/,
      /topics +a\/#/,
      /timeout +250 ms/,
      /on failure +retry for 1 min 30 s, every 200 ms to 10 s, then reject/,
      /reject code +Implementation specific error \(0x83\)/,
      /circuit breaker +after 5 failures, for 10 s/,
      /dead letters +lost/,
    ]) {
      expect(stdout).toMatch(text);
    }
  });

  it("says that its circuit is half-open, and after how many failures", async () => {
    const circuit = { state: "half-open", since: "2026-11-20T11:59:58.000Z", failures: 1 };
    const { client } = fakeClient({ url: "https://h.example/", circuit_breaker: { failures: 1 } });
    const { stdout } = await pubsub(["hook", "show", ...TARGET, "--time", "relative"], {
      client: { ...client, describeHook: async () => ({ circuit }) },
    });
    expect(stdout).toContain("half-open since 2 s ago; 1 failure; one request shows whether the hook is back\n");
  });

  it("says that there is none", async () => {
    const { stdout } = await pubsub(["hook", "show", ...TARGET], { client: fakeClient().client });
    expect(stdout).toMatch(/^broker +local\/dev\nurl +no hook\n$/);
  });
});

it("hook clear takes it away", async () => {
  const { client, inputs } = fakeClient({ url: "https://h.example/" });
  const { code, stderr } = await pubsub(["hook", "clear", ...TARGET], { client });
  expect({ code, inputs }).toEqual({ code: 0, inputs: [{ url: null }] });
  expect(stderr).toContain("local/dev has no hook any more");
});

// Does not compile where one is missing.
const reasons: Record<HookDropReason | DropReason, true> = {
  "hook-dropped": true,
  "hook-changed-topic": true,
  "hook-invalid-message": true,
  "hook-invalid-answer": true,
  "hook-answer-too-large": true,
  "hook-status": true,
  "hook-timeout": true,
  "hook-unreachable": true,
  "hook-overloaded": true,
  "hook-circuit-open": true,
  "hook-stopped": true,
  loop: true,
  "queue-full": true,
  "slow-consumer": true,
  "packet-too-large": true,
  "rejected-by-client": true,
  "retained-quota": true,
};

it("every reason for which a message is dropped has an explanation, and no other has", () => {
  expect(Object.keys(dropExplanations).toSorted()).toEqual(Object.keys(reasons).toSorted());
});

const deliveryReasons: Record<DeliveryReason, true> = {
  delivered: true,
  waiting: true,
  "waiting-for-hook": true,
  expired: true,
  "no-session": true,
  "connected-later": true,
  "no-subscription": true,
  "subscribed-later": true,
  "subscription-refused": true,
  "no-local": true,
  "shared-elsewhere": true,
  "offline-qos0": true,
  unknown: true,
};

it("so has every other reason for which a client got a message, or did not", () => {
  expect(Object.keys(deliveryExplanations).toSorted()).toEqual(Object.keys(deliveryReasons).toSorted());
});

describe("explain message", () => {
  const event = {
    ...{ v: 1, event: "deliver", time: "2026-11-20T12:00:00.123Z", namespace: "local", broker: "dev" },
    ...{ mid: 12, publisher: "p", topic: "a/b", qos: 0, clientId: "c" },
  } as const;

  it.each([
    [
      { outcome: "delivered", reason: "delivered", events: [event] },
      /^message 12 for c: delivered\n .*\n.*deliver +#12/,
    ],
    [
      { outcome: "not-delivered", reason: "no-subscription", detail: "it has a/#", events: [] },
      /^message 12 for c: not delivered \(no-subscription\)\n  None of .*\n  it has a\/#\n$/,
    ],
    [{ outcome: "not-delivered", reason: "the hook's own", events: [] }, /: not delivered \(the hook's own\)\n$/],
    [{ outcome: "waiting", reason: "waiting", events: [] }, /: not yet \(waiting\)\n/],
  ])("%j", async (explanation, text) => {
    const inputs: object[] = [];
    const explainMessage = async (input: object) => {
      inputs.push(input);
      return { mid: 12, client: "c", ...explanation };
    };
    const client = { explainMessage };
    const { code, stdout } = await pubsub(["explain", "message", "#12", "--for", "c", ...TARGET], { client });
    expect(code).toBe(0);
    expect(stdout).toMatch(text);
    expect(inputs).toEqual([{ namespace: "local", broker: "dev", mid: 12, client: "c" }]);
  });

  it.each([
    [["message"], "takes the number of a message"],
    [["message", "x", "--for", "c"], "takes the number of a message"],
    [["message", "12"], "name the client"],
    [["0x87", "12"], "one code at a time"],
    [["0x87", "--for", "c"], "one code at a time"],
  ])("not with %j", async (args, text) => {
    const { code, stderr } = await pubsub(["explain", ...args]);
    expect(code).toBe(2);
    expect(stderr).toContain(text);
  });
});

it.each(["hook-circuit-open", "passed:hook-timeout", "dropped:hook-status"])("explain %s", async (reason) => {
  const { code, stdout } = await pubsub(["explain", reason]);
  expect(code).toBe(0);
  expect(stdout).toContain(`drop reason ${reason.replace(/^\w+:/, "")}`);
});
