/** `pubsub test`: files of YAML, what is wrong with them, and what comes of them. */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { contains } from "../../src/testing/scenario/matching.ts";
import { readScenarios, runScenario } from "../../src/testing/scenario/index.ts";
import { scenarioJsonSchema } from "../../src/testing/scenario/schema.ts";
import { pubsub } from "../cli/world.ts";
import { temporaryFolder } from "../setup/temporary-folder.ts";

const options = { onWorkerOutput: () => {}, signal: new AbortController().signal };

async function run(yaml: string) {
  const results = [];
  for (const scenario of readScenarios(yaml, "t.yaml")) results.push(await runScenario(scenario, options));
  return results;
}

/** What is wrong with the only test. */
async function failureOf(yaml: string): Promise<string | undefined> {
  const [result] = await run(yaml);
  return result!.failure && `${result!.failure.line}:${result!.failure.column}: ${result!.failure.message}`;
}

describe("what stands in a file", () => {
  it.each([
    ["steps:\n  - publsh: a\n", 't.yaml:2:5: there is no step "publsh"; there are connect, '],
    ["steps:\n  - publish: {topic: a/#}\n", 't.yaml:2:22: topic: "a/#" is a filter, not a topic'],
    ["steps:\n  - expect: {within: soon}\n", 't.yaml:2:22: within: "soon" is not a duration'],
    ["steps:\n  - expect: {where: 'x > 1'}\n", 't.yaml:2:21: where: the condition "x > 1" cannot be read'],
    ["steps:\n  - publish: {topic: a, pyload: 1}\n", 't.yaml:2:25: there is no "pyload" here'],
    ["steps:\n  - publish: {topic: a, qos: 3}\n", "t.yaml:2:30: qos: Invalid option: expected one of 0|1|2"],
    ["steps: [{connect: a, kick: b}]\n", "t.yaml:1:9: a step does one thing: connect, "],
    ["steps: [\n", "t.yaml:2:1: Flow sequence in block collection must be"],
    ["steps: []\n", "t.yaml:1:8: steps: Too small"],
    ["name: x\n", "t.yaml:1:1: steps: Invalid input: expected array, received undefined"],
    [
      "broker: {hook: 7}\nsteps: [advance]\n",
      "t.yaml:1:16: broker.hook: Invalid input: expected string, received number, or",
    ],
    ["broker: {hook: [{drop: true, status: 500}]}\nsteps: []\n", "t.yaml:1:17: broker.hook.0: a rule does one thing"],
    ["broker: {limits: {abc: 1}}\nsteps: []\n", 't.yaml:1:19: there is no "abc" here'],
    ["nam: x\nsteps: [{advance: 1s}]\n", 't.yaml:1:1: there is no "nam" here'],
    [
      "name: x\nsteps: [{advance: 1s}]\n---\nsteps: [{advance: 1}]\n",
      "t.yaml:4:19: by: Invalid input: expected string, received number",
    ],
    ["a: *b\n", "t.yaml:1:1: Unresolved alias"],
    ["- a\n", "t.yaml:1:1: Invalid input: expected object, received array"],
    ["", "t.yaml has no test in it"],
    ["# nothing\n", "t.yaml has no test in it"],
  ])("%j", (yaml, message) => {
    expect(() => readScenarios(yaml, "t.yaml")).toThrow(
      expect.objectContaining({
        code: "test-invalid",
        message: expect.stringContaining(message),
      }),
    );
  });

  it("has a place, a name, and short forms", () => {
    const [first, second] = readScenarios("name: n\nsteps:\n- connect: a\n---\nsteps: [advance: 1h]\n", "t.yaml");
    expect(first).toMatchObject({
      name: "n",
      steps: [{ line: 3, column: 3, step: { name: "connect", value: { client: "a" } } }],
    });
    expect(second).toMatchObject({ name: "t.yaml, 2", steps: [{ line: 5, step: { value: { by: "1h" } } }] });
  });

  it("is described for editors", async () => {
    const schema = `${JSON.stringify(scenarioJsonSchema(), undefined, 2)}\n`;
    await expect(schema).toMatchFileSnapshot("../../docs/test-schema.json");
  });
});

describe("a test", () => {
  it("goes through sessions, wills, tokens, expiry and kicks, with time advanced by hand", async () => {
    expect(
      await failureOf(`
broker: { anonymous: false, now: 2026-11-20T12:00:00Z }
steps:
  - connect: { client: shop, acl: offers/# }
  - publish: { client: shop, topic: offers/a, payload: x, retain: true, properties: { messageExpiryInterval: 3600 } }
  - publish: { client: shop, topic: other, refused: 0x87 }
  - subscribe: { client: shop, to: other, refused: true }
  - connect: { client: terminal, session: 2h, will: { topic: gone/terminal, payload: bye, delay: 1m } }
  - subscribe: { client: terminal, to: orders/# }
  - subscribe: { client: watch, to: gone/# }
  - loseConnection: terminal
  - advance: 59s
  - expectNothing: { client: watch, within: 10ms }
  - advance: 1s
  - expect: { client: watch, payload: bye }
  - publish: { topic: orders/1, payload: kept, properties: { contentType: text/plain, userProperties: [[a, b]] } }
  - connect: { client: terminal, session: 2h, sessionPresent: true }
  - expect: { client: terminal, payload: kept, qos: 1, retain: false, properties: { contentType: text/plain } }
  - disconnect: terminal
  - advance: 3h
  - connect: { client: terminal, session: 2h, sessionPresent: false }
  - subscribe: { client: late, to: offers/# }
  - expectNothing: { client: late, within: 10ms }
  - kick: watch
  - expectEvent: { event: disconnect, clientId: watch, by: server }
  - revoke: terminal
  - expectEvent: { event: disconnect, clientId: terminal, reason: the token was revoked }
  - connect: { client: stranger, token: false, refused: 0x87 }
  - connect: { client: old, version: "3.1.1" }
`),
    ).toBeUndefined();
  });

  it("has rules for a hook, of which the first that matches decides", async () => {
    expect(
      await failureOf(`
broker:
  hook:
    - { topic: debug/#, drop: true }
    - { topic: boom, status: 503 }
    - { where: payload.card, payload: { card: "****" } }
  hookSettings: { onFailure: pass }
steps:
  - subscribe: "#"
  - publish: { topic: pay, payload: { card: "4111", n: 1 } }
  - expect: { topic: pay, payload: { card: "****" }, where: "!payload.n" }
  - publish: debug/x
  - publish: { topic: plain, payload: text }
  - expect: { payload: text }
  - publish: boom
  - expect: boom
  - expectNothing: { within: 10ms }
  - expectEvent: { event: hook, topic: debug/x, verdict: dropped, reason: hook-dropped }
`),
    ).toBeUndefined();
  });

  it.each([
    [
      "- subscribe: a\n- publish: { topic: a, payload: { n: 1 } }\n- expect: { payload: { n: 2 }, within: 10ms }",
      '4:3: test got no message within 10 ms; what came instead:\n  a {"n":1}\nexpected:\n  payload: {"n":2}',
    ],
    ["- subscribe: a\n- publish: a\n- expectNothing: a", "4:3: test got a message: a "],
    ["- connect: { client: a, refused: true }", "2:3: the connection of a was not refused"],
    [
      "- connect: { client: a, acl: b }\n- publish: { client: a, topic: c, refused: 0x97 }",
      "3:3: the message was not refused with Quota exceeded (0x97): ",
    ],
    [
      "- connect: { client: a, acl: b }\n- publish: { client: a, topic: c }",
      "3:3: the broker did not take the message on c: Not authorized (0x87)",
    ],
    ["- connect: { client: a, sessionPresent: true }", "2:3: a had no session"],
    [
      "- expectEvent: { event: hook, verdict: dropped, within: 10ms }",
      '2:3: there was no event hook with verdict "dropped"',
    ],
    ["- kick: a", "2:3: a has no session"],
    ["- revoke: a", "2:3: a has no token: connect it with acl or expires"],
  ])("that fails says where and why: %s", async (steps, message) => {
    expect(await failureOf(`steps:\n${steps}\n`)).toContain(message);
  });

  it("whose broker does not start fails", async () => {
    const [result] = await run("broker: { hook: nothing.js }\nsteps: [{ advance: 1s }]\n");
    expect(result).toMatchObject({ failure: { message: expect.stringContaining("nothing.js") }, trace: "" });
  });
});

it("JSON has what is expected of it", () => {
  expect(contains({ a: [1, { b: 2, c: 3 }], d: null }, { a: [1, { b: 2 }] })).toBe(true);
  expect(contains({ a: [1, 2] }, { a: [1] })).toBe(false);
  expect(contains({ a: null }, { a: {} })).toBe(false);
  expect(contains({}, { constructor: {} })).toBe(false);
  expect(contains([], {})).toBe(false);
  expect(contains(Number.NaN, Number.NaN)).toBe(true);
});

describe("the command", () => {
  function file(yaml: string): string {
    const name = path.join(temporaryFolder(), "t.yaml");
    writeFileSync(name, yaml);
    return name;
  }
  const two = "name: good\nsteps: [{ connect: a }]\n---\nname: bad\nsteps: [{ kick: a }]\n";

  it("runs what is filtered, and exits with 7 on failures, with the trace, JSON and JUnit", async () => {
    const name = file(two);
    expect(await pubsub(["test", name, "--filter", "GOOD"])).toMatchObject({ code: 0, stderr: "1 test succeeded\n" });
    const junit = `${name}.xml`;
    const failed = await pubsub(["test", name, "--junit", junit]);
    expect(failed).toMatchObject({ code: 7, stderr: "error: 1 of 2 tests failed\n" });
    expect(failed.stdout).toMatch(
      /^ok {6}good {2}\d+ ms\nfailed {2}bad {2}\d+ ms\n {2}\/.*t\.yaml:5:9: a has no session\n/,
    );
    expect(readFileSync(junit, "utf8")).toContain('tests="2" failures="1"');
    const lines = (await pubsub(["test", name, "--json"])).stdout.trim().split("\n");
    expect(JSON.parse(lines[1]!)).toMatchObject({ v: 1, name: "bad", ok: false, failure: { line: 5, column: 9 } });
    expect((await pubsub(["test", name, "--filter", "good", "--trace"])).stdout).toMatch(
      /what happened:\n.*connect +a/,
    );
  });

  it.each([
    [["test"], 2, "no file with tests is named"],
    [["test", "/nowhere/t.yaml"], 1, "cannot read /nowhere/t.yaml"],
    [["test", file("a: 1\n")], 1, 't.yaml:1:1: there is no "a" here'],
    [["test", file(two), "--filter", "ugly"], 5, 'no test has "ugly" in its name'],
  ])("%j", async (argv, exitCode, message) => {
    const { code, stderr } = await pubsub(argv);
    expect({ code, stderr }).toMatchObject({ code: exitCode, stderr: expect.stringContaining(message) });
  });
});
