/** `hook chaos`: what hooks do with strangers, and what brokers make of hooks that misbehave. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { InterruptedError } from "../../src/cli/errors.ts";
import { type Fault, askHook, createKey, openHook, startChaosProxy } from "../../src/hook-testing/index.ts";
import { HookServer, type Received, isValidBrokerRequest } from "../hooks/server.ts";
import { temporaryFolder } from "../setup/temporary-folder.ts";
import { pubsub, start } from "./world.ts";

const hook = new HookServer();
let url: string;
let key: Awaited<ReturnType<typeof createKey>>;

beforeAll(async () => {
  url = await hook.listen();
  key = await createKey();
});
afterAll(() => hook.close());

function keyFile(): string {
  const file = path.join(temporaryFolder(), "key.json");
  writeFileSync(file, JSON.stringify(key.privateJwk));
  return file;
}

/** As a good Worker does. */
function answerSafely(): void {
  const keys = JSON.stringify({ keys: [key.publicJwk] });
  const answerTo = async (received: Received): Promise<string | undefined> =>
    (await isValidBrokerRequest(received, keys)) ? JSON.stringify(JSON.parse(received.body)) : undefined;
  hook.answer = (received, response) => {
    answerTo(received).then(
      (body) => response.writeHead(body === undefined ? 403 : 200).end(body),
      () => response.writeHead(500).end(),
    );
  };
}

it("finds nothing against a hook that checks signatures, and advises it to look at the time", async () => {
  answerSafely();
  const { code, stdout, stderr } = await pubsub(["hook", "chaos", "--url", url, "--key", keyFile()]);
  expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.not.stringContaining("failed") });
  expect(stdout).toContain("ok      another key under the broker's id: HTTP 403\n");
  expect(stdout).toContain("advice  a batch that was signed a day ago: takes it");
  expect(stderr).toContain("20 checks, 1 with advice\n");
});

it("finds a hook that trusts anybody, one that loses what is beside an odd message, and one that gives up", async () => {
  let broken = 0;
  hook.answer = ({ body }, response) => {
    const messages = JSON.parse(body) as { payload: unknown }[];
    const isOdd = messages.some(({ payload }) => Array.isArray(payload) && payload.length === 0);
    if (isOdd) broken++;
    response.writeHead(broken > 0 ? 500 : 200).end(body);
  };
  // What cannot be parsed throws, as it would in a process that ends then.
  const parse = hook.answer;
  hook.answer = (received, response) => {
    try {
      parse(received, response);
    } catch {
      response.writeHead(400).end();
    }
  };
  const { code, stdout, stderr } = await pubsub(["hook", "chaos", "--url", url, "--quiet"]);
  expect({ code, stderr }).toEqual({ code: 7, stderr: "error: 9 of 20 checks failed\n" });
  expect(stdout).toContain("failed  no signature: HTTP 200; a hook refuses it");
  expect(stdout).toContain(
    "advice  an empty payload, beside another message: HTTP 500: the messages beside it are lost",
  );
  expect(stdout).toContain("failed  a batch that is right, after all that: HTTP 500; a hook answers 200");
});

it("says that nothing can be said where a right batch is refused, or nobody is there", async () => {
  answerSafely();
  const { code, stderr } = await pubsub(["hook", "chaos", "--url", url, "--quiet"]);
  expect({ code, stderr }).toMatchObject({
    code: 7,
    stderr: expect.stringContaining("does not take a batch that is right"),
  });
  const away = await pubsub(["hook", "chaos", "--url", "http://127.0.0.1:1/", "--quiet", "--json"]);
  expect(away.code).toBe(7);
  expect(JSON.parse(away.stdout)).toMatchObject({
    v: 1,
    outcome: "failed",
    detail: expect.stringContaining("ECONNREFUSED"),
  });
});

async function verdictsBehind(fault: Fault): Promise<(string | undefined)[]> {
  answerSafely();
  const options = { upstream: url, port: 0, seed: 1, onRequest: () => {} };
  const proxy = await startChaosProxy({ ...options, shares: new Map([[fault, 1]]) });
  const tested = await openHook({ url: proxy.url }, key, "test");
  onTestFinished(async () => {
    await tested.close();
    await proxy.close();
  });
  const message = { qos: 0, retain: false, properties: undefined, receivedAtMs: 0, clientId: "c" } as const;
  const batch = ["a", "b", "c"].map((topic) => ({ ...message, topic, payload: Buffer.from("x") }));
  const timing = { timeoutMs: fault === "timeout" ? 50 : 5000, signal: new AbortController().signal };
  return (await askHook(tested.hook, batch, timing)).map(({ verdict, reason }) => reason ?? verdict);
}

it.each<[Fault, string[]]>([
  ["timeout", ["hook-timeout"]],
  ["status", ["hook-status"]],
  ["reset", ["hook-unreachable"]],
  ["truncate", ["hook-invalid-answer"]],
  ["nonsense", ["hook-invalid-answer"]],
  ["topic", ["hook-changed-topic", "passed"]],
  ["mid", ["hook-dropped", "passed"]],
  ["lose", ["hook-dropped", "passed"]],
  ["double", ["passed"]],
  ["tamper", ["hook-status"]],
])("behind the fault %s the broker says %j", async (fault, expected) => {
  const verdicts = await verdictsBehind(fault);
  expect(new Set(verdicts)).toEqual(new Set(expected));
});

it("stands before a hook until Ctrl-C, and chooses the same with the same seed", async () => {
  answerSafely();
  const choices = async () => {
    const argv = ["hook", "chaos", "--upstream", url, "--fault", "status=30%,nonsense=0.3", "--seed", "7", "--json"];
    const proxy = start(argv);
    await proxy.stderr.until("(Ctrl-C ends)");
    const address = /^(http:\S+) asks/m.exec(proxy.stderr.text)![1]!;
    for (let count = 0; count < 20; count++) await fetch(address, { method: "POST", body: "[]" });
    proxy.abort(new InterruptedError("SIGINT"));
    expect(await proxy.exitCode).toBe(0);
    const lines = proxy.stdout.text.trim().split("\n");
    return lines.map((line) => (JSON.parse(line) as { fault?: string }).fault ?? "passed");
  };
  const first = await choices();
  expect(new Set(first)).toEqual(new Set(["passed", "status", "nonsense"]));
  expect(await choices()).toEqual(first);
});

it.each([
  [["--fault", "timeout=5%"], "--fault and --seed go with --upstream"],
  [["--upstream", "http://127.0.0.1:1/", "--worker", "w"], "--upstream goes with neither --url nor --worker"],
  [["--upstream", "http://127.0.0.1:1/", "--fault", "nothing=5%"], '"nothing=5%" is not a fault and its share'],
  [["--upstream", "http://127.0.0.1:1/", "--fault", "slow=60%", "--fault", "reset=0.5"], "together they are 110%"],
  [[], "no hook is named"],
])("%j is wrong", async (argv, message) => {
  const { code, stderr } = await pubsub(["hook", "chaos", ...argv]);
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
});
