/** `record` and `replay`: what is written is what is read, at the pace at which it came. */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { InterruptedError } from "../../src/cli/errors.ts";
import { paced } from "../../src/cli/messages/paced.ts";
import { type RecordedMessage, parseRecordedLine } from "../../src/cli/messages/recording.ts";
import { temporaryFolder } from "../setup/temporary-folder.ts";
import { type FakeBroker, type Script, startFakeBroker } from "./fake-broker.ts";
import { pubsub, start } from "./world.ts";

const parse = (line: object) => parseRecordedLine(Buffer.from(JSON.stringify(line)), "f", 7);

function file(...lines: (object | string)[]): string {
  const name = path.join(temporaryFolder(), "recording.ndjson");
  writeFileSync(name, lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line)) + "\n").join(""));
  return name;
}

const publishes = ({ received }: FakeBroker) =>
  received
    .filter(({ cmd }) => cmd === "publish")
    .map(({ topic, payload, qos, retain }) => ({ topic, payload: String(payload as Buffer), qos, retain }));

describe("a recorded line", () => {
  it("has its time in RFC 3339, as an offset, or not at all", () => {
    expect(parse({ topic: "a", time: "2026-11-20T12:00:00.250Z" }).atMs).toBe(Date.UTC(2026, 10, 20, 12, 0, 0, 250));
    expect(parse({ topic: "a", offset: 1.5 }).atMs).toBe(1500);
    expect(parse({ topic: "a" }).atMs).toBeUndefined();
  });

  it("may be mosquitto_sub's, with its names, numbers and microseconds", () => {
    const message = parse({
      ...{ tst: "2026-11-20T13:00:00.250123+0100", topic: "a", qos: 1, retain: 1, payloadlen: 1, mid: 3, payload: "x" },
      properties: { "content-type": "text/plain", "correlation-data": "c", "user-properties": { k: "v" } },
    });
    expect(message).toMatchObject({
      ...{ topic: "a", payload: Buffer.from("x"), atMs: Date.UTC(2026, 10, 20, 12, 0, 0, 250) },
      options: {
        ...{ qos: 1, retain: true },
        properties: { contentType: "text/plain", correlationData: Buffer.from("c"), userProperties: [["k", "v"]] },
      },
    });
    const embedded = parse({ tst: "2026-11-20T13:00:00+0100", topic: "a", qos: 0, retain: 0, payload: { n: 1 } });
    expect(embedded).toMatchObject({ payload: Buffer.from('{"n":1}'), atMs: Date.UTC(2026, 10, 20, 12) });
    // As mosquitto_sub 2.0.11 has it.
    const at = Date.UTC(2026, 10, 20, 12, 0, 0, 250);
    expect(parse({ tst: "2026-11-20T13:00:00.250834Z+0100", topic: "a", qos: 0, retain: 0 }).atMs).toBe(at);
  });

  it.each([
    [{ topic: "a", time: "yesterday" }, 'f, line 7: "yesterday" is not a time'],
    [{ topic: "a", time: 7 }, "f, line 7: 7 is not a time"],
    [{ topic: "a", offset: "1" }, "f, line 7: offset is a number of seconds"],
    [{ topic: "a/#" }, 'f, line 7: "a/#" is a filter'],
    [{ payload: "x" }, "f, line 7: there is no topic"],
    [{ topic: "a", payload: 7, payloadEncoding: "base64" }, "f, line 7: a payload in base64 is a text"],
  ])("%j is wrong", (line, message) => {
    expect(() => parse(line)).toThrow(
      expect.objectContaining({ code: "usage", message: expect.stringContaining(message) }),
    );
  });
});

describe("the pace", () => {
  /** When each message is given, by a clock that only sleeping moves; those given together stand together. */
  async function timeline(groups: (number | undefined)[][], speed: number, maxGapMs = Infinity) {
    const clock = {
      at: 1000,
      now: () => clock.at,
      sleep: async (ms: number) => void (clock.at += ms),
    };
    async function* recording() {
      for (const group of groups) yield group.map((atMs) => ({ atMs, topic: String(atMs) }) as RecordedMessage);
    }
    const given: [atMs: number, ...topics: string[]][] = [];
    for await (const group of paced(recording(), { speed, maxGapMs }, clock)) {
      if (group.length > 0) given.push([clock.at - 1000, ...group.map(({ topic }) => topic)]);
    }
    return given;
  }

  it("is the recording's, scaled", async () => {
    expect(await timeline([[5000, 5100], [6100]], 1)).toEqual([
      [0, "5000"],
      [100, "5100"],
      [1100, "6100"],
    ]);
    expect(await timeline([[5000, 5100], [6100]], 2)).toEqual([
      [0, "5000"],
      [50, "5100"],
      [550, "6100"],
    ]);
    expect(await timeline([[5000, 5100, 90_000]], Infinity)).toEqual([[0, "5000", "5100", "90000"]]);
  });

  it("does not drift, goes on where a time is missing or goes back, and shortens long pauses", async () => {
    const many = Array.from({ length: 1001 }, (_, index) => index * 3);
    expect((await timeline([many], 10)).at(-1)![0]).toBeCloseTo(300, 0);
    expect(await timeline([[0, undefined, 100, 50, 200]], 1)).toEqual([
      [0, "0", "undefined"],
      [100, "100", "50"],
      [200, "200"],
    ]);
    expect(await timeline([[0, 60_000, 60_010]], 1, 1000)).toEqual([
      [0, "0"],
      [1000, "60000"],
      [1010, "60010"],
    ]);
  });
});

describe("record", () => {
  const sends: Script = {
    subscribe: ({ messageId }, peer) => {
      peer.send({ cmd: "suback", messageId, granted: [2] });
      const message = { cmd: "publish", topic: "a/b", dup: false, messageId: 1 };
      peer.send({ ...message, payload: "one", qos: 0, retain: true });
      peer.send({ ...message, payload: Buffer.from([255]), qos: 1, retain: false, properties: { contentType: "x" } });
    },
  };

  it("writes a file that replay publishes as it was", async () => {
    const fake = await startFakeBroker(sends);
    const name = path.join(temporaryFolder(), "out.ndjson");
    const recorded = await pubsub(["record", "a/#", "-o", name, "-C", "2", "--url", fake.url]);
    expect(recorded).toMatchObject({ code: 0, stdout: "", stderr: expect.stringContaining("recorded 2 messages to") });
    const [subscribe] = fake.received.filter(({ cmd }) => cmd === "subscribe");
    expect(subscribe).toMatchObject({ subscriptions: [{ topic: "a/#", qos: 2, rap: true }] });
    const lines = readFileSync(name, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    expect(lines).toEqual([
      {
        ...{ v: 1, topic: "a/b", payload: "one", payloadEncoding: "utf8", qos: 0, retain: true },
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      },
      expect.objectContaining({ payload: "/w==", payloadEncoding: "base64", properties: { contentType: "x" } }),
    ]);
    const replayed = await pubsub(["replay", name, "--speed", "max", "--url", fake.url, "--json"]);
    expect(replayed).toMatchObject({ code: 0, stderr: expect.stringMatching(/^replayed 2 messages in \d\.\d s\n$/) });
    expect(JSON.parse(replayed.stdout)).toEqual({ file: name, published: 2 });
    expect(publishes(fake)).toEqual([
      { topic: "a/b", payload: "one", qos: 0, retain: true },
      { topic: "a/b", payload: String(Buffer.from([255])), qos: 1, retain: false },
    ]);
  });

  it("ends with Ctrl-C or its time as a success", async () => {
    const fake = await startFakeBroker(sends);
    const name = path.join(temporaryFolder(), "out.ndjson");
    const recording = start(["record", "-o", name, "--until", 'text == "never"', "--url", fake.url, "--for", "0.05"]);
    expect(await recording.exitCode).toBe(0);
    expect(recording.stderr.text).toMatch(/^recorded \d messages? to /m);
    const endless = start(["record", "--url", fake.url]);
    await endless.stdout.until("/w==");
    endless.abort(new InterruptedError("SIGINT"));
    expect(await endless.exitCode).toBe(0);
    expect(endless.stdout.text.split("\n")).toHaveLength(3);
    expect(endless.stderr.text).toContain("recorded 2 messages\n");
  });

  it("says where it cannot write", async () => {
    const { code, stderr } = await pubsub(["record", "-o", "/nowhere/x"]);
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining("cannot write /nowhere/x") });
  });
});

describe("replay", () => {
  it("publishes what comes before a line that is wrong, and names the line", async () => {
    const fake = await startFakeBroker();
    const name = file({ topic: "a", payload: "1" }, "", "{");
    const { code, stderr } = await pubsub(["replay", name, "--url", fake.url]);
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining("line 3: this is not JSON") });
    expect(publishes(fake)).toEqual([{ topic: "a", payload: "1", qos: 0, retain: false }]);
  });

  it("begins again with --loop, until Ctrl-C", async () => {
    let count = 0;
    const name = file({ topic: "a", payload: "1", qos: 1 });
    const fake = await startFakeBroker({
      publish: ({ messageId }, peer) => {
        if (++count === 3) replaying.abort(new InterruptedError("SIGINT"));
        else peer.send({ cmd: "puback", messageId, reasonCode: 0 });
      },
    });
    const replaying = start(["replay", name, "--loop", "--url", fake.url]);
    expect(await replaying.exitCode).toBe(0);
    expect(count).toBeGreaterThanOrEqual(3);
  });

  it("says of a file without messages, or that is not there, only so", async () => {
    const fake = await startFakeBroker();
    const url = ["--url", fake.url];
    const empty = file();
    expect(await pubsub(["replay", empty, ...url])).toMatchObject({
      ...{ code: 0, stderr: `there is no message in ${empty}\n` },
    });
    const { code, stderr } = await pubsub(["replay", "/missing/file", ...url]);
    expect({ code, first: stderr.split("\n")[0] }).toEqual({
      ...{ code: 1, first: "error: cannot read /missing/file: there is no such file" },
    });
  });

  it("is interrupted by Ctrl-C while it waits", async () => {
    const fake = await startFakeBroker({ publish: () => replaying.abort(new InterruptedError("SIGINT")) });
    const replaying = start([
      ...["replay", file({ topic: "a", offset: 0 }, { topic: "b", offset: 3600 }), "--url", fake.url],
    ]);
    expect(await replaying.exitCode).toBe(130);
    expect(replaying.stderr.text).toMatch(/^replayed 1 message in/m);
  });

  it.each([
    [["replay", "/nowhere/x"], 1, "cannot read /nowhere/x: there is no such file"],
    [["replay", "/tmp"], 1, "cannot read /tmp: it is a folder"],
    [["replay", "x", "--speed", "0"], 2, "--speed takes a number above 0, or max"],
    [["replay", "-", "--loop"], 2, "--loop needs a file"],
  ])("%j", async (argv, exitCode, message) => {
    const fake = await startFakeBroker();
    const { code, stderr } = await pubsub([...argv, "--url", fake.url]);
    expect({ code, stderr }).toMatchObject({ code: exitCode, stderr: expect.stringContaining(message) });
  });

  it("says that a loop has nothing to repeat", async () => {
    const fake = await startFakeBroker();
    const { code, stderr } = await pubsub(["replay", file(""), "--loop", "--url", fake.url]);
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining("there is no message in") });
  });
});
