/** `hook test`, `hook replay` and `record --hook`, with a hook over HTTP. */
import { readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { TailEvent } from "../../src/contract/types.ts";
import { formatJunit } from "../../src/cli/output/junit.ts";
import { HookServer, isValidBrokerRequest } from "../hooks/server.ts";
import { temporaryFolder } from "../setup/temporary-folder.ts";
import { type FakeClient, pubsub } from "./world.ts";

const hook = new HookServer();
let url: string;
let folder: string;

beforeAll(async () => void (url = await hook.listen()));
afterAll(() => hook.close());

interface HookMessage {
  mid: number;
  topic: string;
  payload: number[] | string;
  clientId: string;
  receivedAt: number;
}

type Rule = (message: HookMessage) => object | undefined;

const passAll: Rule = (message) => message;
const text = ({ payload }: HookMessage) => (typeof payload === "string" ? payload : Buffer.from(payload).toString());
const mask: Rule = (message) =>
  message.topic === "debug" ? undefined : { ...message, payload: text(message).replace(/\d{4}/, "****") };

function answer(rule: Rule): void {
  hook.answer = ({ body }, response) =>
    response.end(JSON.stringify((JSON.parse(body) as HookMessage[]).map(rule).filter(Boolean)));
}

const batches = () => hook.received.map(({ body }) => (JSON.parse(body) as HookMessage[]).map(({ topic }) => topic));

beforeEach(() => {
  hook.received.length = 0;
  answer(mask);
  folder = temporaryFolder();
});

function write(name: string, lines: readonly object[]): string {
  const file = path.join(folder, name);
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  return file;
}

const three = () =>
  write("m.ndjson", [
    { topic: "cards", payload: { card: "4111" }, clientId: "t-1", time: "2026-11-20T12:00:00.500Z" },
    { topic: "debug", payload: "x" },
    { topic: "other", payload: "y" },
  ]);

it("says what becomes of each message, and signs with a key that it prints", async () => {
  const { code, stdout, stderr } = await pubsub(["hook", "test", "--url", url, "--messages", three()]);
  expect(code).toBe(0);
  expect(stdout).toBe(
    [
      "    1  cards         modified",
      '    - payload.card = "4111"',
      '    + payload.card = "****"',
      "    2  debug         dropped:hook-dropped",
      "    3  other         passed",
      "",
    ].join("\n"),
  );
  expect(stderr).toContain("3 messages in 1 batch: 1 passed, 1 modified, 1 dropped\n");
  const keys = /^BROKER_PUBLIC_KEYS=(.*)$/m.exec(stderr)![1]!;
  expect(await isValidBrokerRequest(hook.received[0]!, keys)).toBe(true);
  const [first] = JSON.parse(hook.received[0]!.body) as HookMessage[];
  expect(first).toMatchObject({ mid: 0, clientId: "t-1", receivedAt: Date.UTC(2026, 10, 20, 12) / 1000 });
});

it("keeps what a hook does with --update, and then exits with 7 on changes, JUnit included", async () => {
  const argv = ["hook", "test", "--url", url, "--messages", three(), "--quiet"];
  expect(await pubsub([...argv, "--update"])).toMatchObject({ code: 0 });
  const snapshot = `${folder}/m.ndjson.snapshot`;
  expect(readFileSync(snapshot, "utf8").split("\n")).toHaveLength(4);
  expect(await pubsub(argv)).toMatchObject({ code: 0, stderr: "" });

  answer((message) => ({ ...message, payload: text(message).replace(/\d{4}/, "####") }));
  const junit = path.join(folder, "j.xml");
  const changed = await pubsub([...argv, "--junit", junit]);
  expect(changed).toMatchObject({ code: 7, stderr: expect.stringContaining(`2 messages differ from ${snapshot}`) });
  expect(changed.stdout).toBe(
    [
      "≠   1  cards         modified  in another way",
      '    - payload.card = "****"',
      '    + payload.card = "####"',
      "≠   2  debug         passed  was dropped:hook-dropped",
      "    3  other         passed",
      "",
    ].join("\n"),
  );
  expect(readFileSync(junit, "utf8")).toContain('name="line 1: cards" time="');
  expect(readFileSync(junit, "utf8")).toMatch(/<testsuites tests="3" failures="2" time="[\d.]+">/);

  const lines = (await pubsub([...argv, "--json"])).stdout.trim().split("\n");
  expect(JSON.parse(lines[1]!)).toMatchObject({
    ...{ v: 1, line: 2, topic: "debug", verdict: "passed", status: 200, batch: 3 },
    difference: { before: "dropped:hook-dropped", after: "passed", changes: [] },
  });
});

it("misses messages that are not there any more, and knows those that are new", async () => {
  const file = three();
  const argv = ["hook", "test", "--url", url, "--messages", file, "--quiet"];
  await pubsub([...argv, "--update"]);
  write("m.ndjson", [{ topic: "cards", payload: { card: "4111" } }]);
  const fewer = await pubsub(argv);
  expect(fewer).toMatchObject({ code: 7, stdout: expect.stringContaining("debug  is missing") });
  await pubsub([...argv, "--update"]);
  write("m.ndjson", [{ topic: "cards", payload: { card: "4111" } }, { topic: "new" }]);
  const more = await pubsub(argv);
  expect(more).toMatchObject({ code: 7, stdout: expect.stringContaining("passed  is new") });
});

it("fails without a snapshot where the hook fails, and says why", async () => {
  const failing = ["hook", "test", "--url", url, "--messages", three(), "--quiet"];
  hook.answer = (_, response) => response.writeHead(500).end("out of paper");
  const failed = await pubsub(failing);
  expect(failed).toMatchObject({
    code: 7,
    stdout: expect.stringContaining("dropped:hook-status  HTTP 500: out of paper"),
  });
  expect(failed.stderr).toContain("the hook failed for 3 of 3 messages: HTTP 500: out of paper");
  hook.answer = () => {};
  const late = await pubsub([...failing, "--timeout", "0.05"]);
  expect(late).toMatchObject({
    code: 7,
    stdout: expect.stringContaining("dropped:hook-timeout  no answer within 0.05 s"),
  });
});

it("splits batches, and keeps its key in a file of its owner", async () => {
  const key = path.join(folder, "key.json");
  const argv = ["hook", "test", "--url", url, "--messages", three(), "--batch-size", "2", "--key", key];
  const first = await pubsub(argv);
  expect(batches()).toEqual([["cards", "debug"], ["other"]]);
  expect(statSync(key).mode & 0o777).toBe(0o600);
  const keysOf = ({ stderr }: { stderr: string }) => /^BROKER_PUBLIC_KEYS=.*$/m.exec(stderr)![0];
  expect(keysOf(await pubsub(argv))).toBe(keysOf(first));
  expect(keysOf(first)).not.toContain('"d"');
});

it.each([
  [["hook", "test", "--messages", "m"], 2, "no hook is named"],
  [["hook", "test", "--url", "http://127.0.0.1:1/"], 2, "no messages are named"],
  [["hook", "test", "--url", "http://example.com/", "--messages", "m"], 1, "would send messages unencrypted"],
  [["hook", "test", "--url", "http://127.0.0.1:1/", "--worker", "w", "--messages", "m"], 2, "exclude each other"],
  [["hook", "test", "--url", "http://127.0.0.1:1/", "--messages", "/nowhere/m"], 1, "cannot read /nowhere/m"],
  [["hook", "test", "--url", "http://127.0.0.1:1/", "--messages", "m", "--snapshot", "/nowhere/s"], 5, "no snapshot"],
  [["hook", "test", "--url", "http://127.0.0.1:1/", "--messages", "m", "--batch-size", "101"], 2, "from 1 to 100"],
])("%j", async (argv, exitCode, message) => {
  const { code, stderr } = await pubsub(argv);
  expect({ code, stderr }).toMatchObject({ code: exitCode, stderr: expect.stringContaining(message) });
});

it("says that a hook is not there, with exit code 3, and writes no snapshot of that", async () => {
  const { code, stderr } = await pubsub([
    ...["hook", "test", "--url", "http://127.0.0.1:1/", "--messages", three(), "--update", "--quiet"],
  ]);
  expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringContaining("the hook does not answer") });
  expect(() => statSync(`${folder}/m.ndjson.snapshot`)).toThrow("ENOENT");
});

it("a recording with --hook has batches and verdicts, and another hook is asked in the same batches", async () => {
  const common = { v: 1, namespace: "local", broker: "dev", time: "2026-11-20T12:00:00.000Z", clientId: "t" } as const;
  const content = (payload: string) => ({ payload, payloadEncoding: "utf8", payloadBytes: payload.length }) as const;
  const publish = (mid: number, topic: string, payload: string): TailEvent => ({
    ...{ ...common, event: "publish", mid, topic, qos: 1, retain: false },
    ...content(payload),
  });
  const verdict = (mid: number, batchId: number, batch: number, facts: object): TailEvent =>
    ({ ...common, event: "hook", mid, topic: "-", ms: 1, batch, batchId, status: 200, ...facts }) as TailEvent;
  const events = [
    verdict(4, 11, 1, { verdict: "passed" }),
    publish(5, "cards", "4111"),
    publish(6, "debug", "x"),
    publish(7, "cards", "no number"),
    { ...publish(8, "huge", "x"), payloadTruncated: true } as TailEvent,
    verdict(5, 12, 2, { verdict: "modified", before: content("4111"), after: content("****") }),
    verdict(6, 12, 2, { verdict: "dropped", reason: "hook-dropped" }),
    verdict(8, 13, 2, { verdict: "passed" }),
    verdict(7, 13, 2, { verdict: "passed" }),
  ];
  const client: FakeClient = {
    describeBroker: () => ({ on_publish: { url } }),
    events: async (input: object) => {
      expect(input).toMatchObject({ payload_bytes_max: 1_048_576 });
      return (async function* () {
        yield* events;
      })();
    },
  };
  const env = { PUBSUB_NAMESPACE: "local", PUBSUB_BROKER: "dev", PUBSUB_API_TOKEN: "t" };
  const file = path.join(folder, "hook.ndjson");
  const recorded = await pubsub(["record", "--hook", "-o", file, "-C", "3"], { client, env });
  expect(recorded).toMatchObject({ code: 0, stderr: expect.stringContaining("recorded 3 messages") });
  expect(recorded.stderr).toContain("a message on huge is left out: its payload is larger than 1 MiB");
  const hooks = readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { hook: object }).hook);
  expect(hooks).toMatchObject([
    { batch: 12, verdict: "modified", after: { payload: "****" } },
    { batch: 12, verdict: "dropped", reason: "hook-dropped" },
    { batch: 13, verdict: "passed" },
  ]);

  const argv = ["hook", "replay", file, "--against", url, "--quiet"];
  expect(await pubsub(argv)).toMatchObject({ code: 0 });
  expect(batches()).toEqual([["cards", "debug"], ["cards"]]);
  answer(passAll);
  const other = await pubsub(argv);
  expect(other).toMatchObject({ code: 7, stderr: expect.stringContaining("2 of 3 messages come out differently") });
  expect(other.stdout).toContain("cards         passed  was modified\n");
});

it("results in JUnit's XML may have any characters", () => {
  const failure = { message: '"<&>"', text: "\u001b[31m\ud800 ü\n" };
  expect(formatJunit([{ name: "a&b", cases: [{ name: "<c>", ms: 1, failure }] }])).toBe(
    [
      '<?xml version="1.0" encoding="UTF-8"?>',
      '<testsuites tests="1" failures="1" time="0.001">',
      '  <testsuite name="a&amp;b" tests="1" failures="1" time="0.001">',
      '    <testcase classname="a&amp;b" name="&lt;c&gt;" time="0.001">' +
        '<failure message="&quot;&lt;&amp;&gt;&quot;">\ufffd[31m\ufffd ü\n</failure></testcase>',
      "  </testsuite>",
      "</testsuites>",
      "",
    ].join("\n"),
  );
});
