/** What `pub` publishes: templates, repetition, lines of JSON; and `--trace`. */
import { describe, expect, it } from "vitest";
import type { TailEvent } from "../../src/contract/types.ts";
import { compileTemplate } from "../../src/cli/messages/message-template.ts";
import { publishes, startFakeBroker } from "./fake-broker.ts";
import { type FakeClient, NOW, pubsub } from "./world.ts";

describe("templates", () => {
  const expand = (text: string, count = 1) => compileTemplate(text)?.expand({ count, now: NOW });

  it.each([
    ["{{count}}/{{ count }}", /^7\/7$/],
    ["at {{time}}", /^at 2026-11-20T12:00:00\.000Z$/],
    ["{{id}}", /^[0-9A-HJKMNP-TV-Z]{26}$/],
    ["<{{random 3 5}}>", /^<[345]>$/],
    ["{{random -2 -2}}", /^-2$/],
    ['{"a":{{count}},"b":{"c":{}}}', /^\{"a":7,"b":\{"c":\{\}\}\}$/],
    ["{{cuont}} stays", /^\{\{cuont\}\} stays$/],
  ])("%s", (text, expected) => {
    expect(expand(text, 7)).toMatch(expected);
  });

  it("cover their whole range", () => {
    const seen = new Set(Array.from({ length: 200 }, () => expand("{{random 1 3}}")));
    expect(seen).toEqual(new Set(["1", "2", "3"]));
  });

  it("are none where there are none", () => {
    expect(compileTemplate('{"a":{"b":1}} {{Name}} {{}}')).toBeUndefined();
  });

  it.each(["{{random}}", "{{random 5}}", "{{random 5 1}}", "{{random a b}}", "{{count 1}}"])("%s is wrong", (text) => {
    expect(() => compileTemplate(text)).toThrow(expect.objectContaining({ code: "usage" }));
  });

  it("are expanded in topic and message, each time anew; unknown ones are said", async () => {
    const fake = await startFakeBroker();
    const { code, stderr } = await pubsub([
      "pub",
      "m/{{count}}",
      "{{count}} {{nothing}}",
      "--repeat",
      "3",
      "--url",
      fake.url,
    ]);
    expect(code).toBe(0);
    expect(publishes(fake).map(({ topic, payload }) => `${String(topic)} ${String(payload)}`)).toEqual([
      "m/1 1 {{nothing}}",
      "m/2 2 {{nothing}}",
      "m/3 3 {{nothing}}",
    ]);
    expect(stderr).toBe(
      "warning: {{nothing}} is sent as it is; there are {{count}}, {{id}}, {{time}} and {{random 1 100}}\n",
    );
  });

  it("stay as they are with --no-template, and in what comes from elsewhere", async () => {
    const fake = await startFakeBroker();
    await pubsub(["pub", "a", "{{count}}", "--no-template", "--url", fake.url]);
    await pubsub(["pub", "a", "-s", "--url", fake.url], { stdin: "{{count}}" });
    await pubsub(["pub", "a", "-l", "--url", fake.url], { stdin: "{{count}}\n" });
    expect(publishes(fake).map(({ payload }) => String(payload))).toEqual(Array(3).fill("{{count}}"));
  });
});

describe("--count", () => {
  it("ends after so many, of lines or of repetitions", async () => {
    const fake = await startFakeBroker();
    await pubsub(["pub", "a", "-l", "--count", "2", "--url", fake.url], { stdin: "1\n2\n3\n" });
    await pubsub(["pub", "a", "x", "--repeat", "5", "--count", "3", "--url", fake.url]);
    expect(publishes(fake).map(({ payload }) => String(payload))).toEqual(["1", "2", "x", "x", "x"]);
  });
});

describe("--ndjson", () => {
  it("takes topic, payload, quality of service, retain and properties of each line", async () => {
    const fake = await startFakeBroker();
    const lines = [
      { v: 1, topic: "a/b", payload: "text", qos: 1, retain: true, time: "2026-11-20T12:00:00.000Z" },
      { topic: "c", payload: "/w==", payloadEncoding: "base64" },
      { payload: { x: 1 }, properties: { contentType: "application/json", userProperties: [["k", "v"]] } },
      { payload: "", properties: { correlationData: "Yw==", messageExpiryInterval: 5 } },
    ];
    const stdin = lines.map((line) => JSON.stringify(line)).join("\n\n");
    const { code, stdout } = await pubsub(["pub", "default", "--ndjson", "--json", "--url", fake.url], { stdin });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ published: 4 });
    expect(publishes(fake)).toMatchObject([
      { topic: "a/b", payload: Buffer.from("text"), qos: 1, retain: true },
      { topic: "c", payload: Buffer.from([255]), qos: 0 },
      {
        topic: "default",
        payload: Buffer.from('{"x":1}'),
        properties: { contentType: "application/json", userProperties: { k: "v" } },
      },
      { topic: "default", properties: { correlationData: Buffer.from("c"), messageExpiryInterval: 5 } },
    ]);
  });

  it.each([
    ["{", "line 2: this is not JSON"],
    ["[]", "line 2: this is not a JSON object"],
    ['{"payload":"x"}', "line 2: there is no topic"],
    ['{"topic":"a/#"}', 'line 2: "a/#" is a filter'],
    ['{"topic":"a","qos":3}', "line 2: qos is 0, 1 or 2"],
    ['{"topic":"a","retain":1}', "line 2: retain is true or false"],
    ['{"topic":"a","payload":1,"payloadEncoding":"base64"}', "line 2: a payload in base64 is a text"],
    ['{"topic":"a","payload":"x","payloadEncoding":"hex"}', "line 2: payloadEncoding is"],
    ['{"topic":"a","properties":{"userProperties":{"k":"v"}}}', "line 2: properties.userProperties is a list of pairs"],
    ['{"topic":"a","properties":{"payloadFormatIndicator":2}}', "line 2: properties.payloadFormatIndicator is 0 or 1"],
  ])("refuses %s, after what came before it", async (line, text) => {
    const fake = await startFakeBroker();
    const stdin = `{"topic":"ok","qos":1}\n${line}\n`;
    const { code, stderr } = await pubsub(["pub", "--ndjson", "--url", fake.url], { stdin });
    expect(code).toBe(2);
    expect(stderr).toContain(text);
    expect(publishes(fake)).toMatchObject([{ topic: "ok" }]);
  });
});

describe("--trace", () => {
  const verdict = (changes: object) =>
    ({
      ...{ v: 1, event: "hook", time: NOW.toISOString(), namespace: "local", broker: "dev", mid: 1, clientId: "me" },
      ...{ topic: "a", verdict: "passed", ms: 2.5, status: 200, batch: 1 },
      ...changes,
    }) as TailEvent;

  function withHook(...events: TailEvent[]): FakeClient {
    return {
      describeBroker: async () => ({ on_publish: { url: "http://127.0.0.1:9000/" } }),
      events: async (input: object) => {
        expect(input).toMatchObject({ namespace: "local", broker: "dev", client: ["me"] });
        expect((input as { event: string[] }).event).toContain("hook");
        return (async function* () {
          yield* events;
          // As a stream that goes on.
          await new Promise(() => {});
        })();
      },
    };
  }

  const trace = async (client: FakeClient, ...more: string[]) => {
    const fake = await startFakeBroker();
    const target = ["--url", fake.url, "--client-id", "me", "--ns", "local", "--broker", "dev"];
    return await pubsub(["pub", "a", "b", "--trace", ...target, ...more], { client });
  };

  it("prints the verdict", async () => {
    const { code, stdout } = await trace(withHook(verdict({})));
    expect(code).toBe(0);
    expect(stdout).toMatch(/hook .* a .*passed {2}2\.5 ms 200 batch 1\n$/);
  });

  it("prints that a message went past the hook, and waits for no verdict", async () => {
    const published = {
      ...{ v: 1, event: "publish", time: NOW.toISOString(), namespace: "local", broker: "dev", mid: 1, clientId: "me" },
      ...{ topic: "a", qos: 0, retain: false, payload: "b", payloadEncoding: "utf8", payloadBytes: 1 },
    } as TailEvent;
    const onPublish = { url: "http://127.0.0.1:9000/", topics: ["b/#"] };
    const client = { ...withHook(published), describeBroker: async () => ({ on_publish: onPublish }) };
    const { code, stdout } = await trace(client);
    expect(code).toBe(0);
    expect(stdout).toMatch(/publish .* a .*b\n$/);
  });

  it("exits with 7 if the hook dropped a message, and says why", async () => {
    const { code, stdout, stderr } = await trace(
      withHook(verdict({}), verdict({ verdict: "dropped", reason: "hook-timeout", detail: "no answer within 5 s" })),
      ...["--repeat", "2", "--json"],
    );
    expect(code).toBe(7);
    expect(
      stdout
        .trimEnd()
        .split("\n")
        .map((line) => (JSON.parse(line) as { verdict: string }).verdict),
    ).toEqual(["passed", "dropped"]);
    expect(stderr).toMatch(/did not let through .*: no answer within 5 s/);
  });

  it("waits for the verdict on a message that is refused, and no longer than there may be one", async () => {
    const fake = await startFakeBroker({
      publish: ({ messageId }, peer) => peer.send({ cmd: "puback", messageId, reasonCode: 0x87 }),
    });
    const disconnected = (reasonCode: number) => ({ ...verdict({ event: "disconnect", by: "client" }), reasonCode });
    const rejected = verdict({ verdict: "rejected", reason: "hook-status", detail: "status 403" });
    const target = ["--url", fake.url, "--client-id", "me", "--ns", "local", "--broker", "dev", "--qos", "1"];
    const run = async (...events: object[]) =>
      await pubsub(["pub", "a", "b", "--trace", ...target], { client: withHook(...(events as TailEvent[])) });
    // Who had the client's id before was sent away.
    const byAcl = await run(disconnected(0x8e), disconnected(0));
    expect(byAcl).toMatchObject({ code: 4, stdout: "" });
    expect(byAcl.stderr).toContain("did not take the message on a: Not authorized");
    expect(await run(rejected, disconnected(0))).toMatchObject({
      code: 7,
      stdout: expect.stringContaining("rejected") as string,
      stderr: expect.stringContaining("did not let through the message on a: status 403") as string,
    });
  });

  it("does not wait for verdicts where nothing could be published", async () => {
    const fake = await startFakeBroker({ connect: (_packet, peer) => peer.send({ cmd: "connack", reasonCode: 0x87 }) });
    const target = ["--url", fake.url, "--client-id", "me", "--ns", "local", "--broker", "dev"];
    const { code, stderr } = await pubsub(["pub", "a", "b", "--trace", ...target], { client: withHook() });
    expect(code).toBe(4);
    expect(stderr).toContain("refused the connection");
  });

  it("does not wait for ever for a verdict", async () => {
    const { code, stderr } = await trace(withHook(), "--timeout", "0.1");
    expect(code).toBe(27);
    expect(stderr).toContain("verdict did not come within 0.1 s");
  });

  it("says that events are missing", async () => {
    const { code, stderr } = await trace(withHook(verdict({ event: "lost", reason: "slow-reader", count: 3 })));
    expect(code).toBe(1);
    expect(stderr).toContain("3 events are missing");
  });

  it("needs a hook", async () => {
    const { code, stderr } = await trace({ describeBroker: async () => ({}) });
    expect(code).toBe(1);
    expect(stderr).toContain("the broker local/dev has no hook");
  });
});
