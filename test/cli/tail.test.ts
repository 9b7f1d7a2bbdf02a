import { describe, expect, it } from "vitest";
import { createColors } from "../../src/cli/output/colors.ts";
import { InterruptedError } from "../../src/cli/errors.ts";
import { TailFormatter } from "../../src/cli/output/tail-format.ts";
import type { TailEvent } from "../../src/contract/types.ts";
import { UserError } from "../../src/errors.ts";
import { pubsub, start } from "./world.ts";

const common = { v: 1 as const, time: "2026-11-20T12:00:00.123Z", namespace: "local", broker: "dev" };
const content = (payload: string) => ({ payload, payloadEncoding: "utf8" as const, payloadBytes: payload.length });
const publish: TailEvent = {
  ...common,
  event: "publish",
  mid: 1,
  clientId: "terminal-7",
  topic: "transactions/eu/7",
  qos: 1,
  retain: false,
  ...content('{"amount":12}'),
};
const hook = {
  ...common,
  event: "hook" as const,
  mid: 1,
  clientId: "terminal-7",
  topic: "transactions/eu/7",
  ms: 3.14,
  batch: 4,
  batchId: 7,
};
const modified: TailEvent = {
  ...hook,
  verdict: "modified",
  status: 200,
  before: content("card 1234"),
  after: content("card ****"),
};

const env = { PUBSUB_NAMESPACE: "local", PUBSUB_BROKER: "dev" };

/** Gives the events, then waits until the caller ends it. */
async function* eventsThenSilence(events: TailEvent[], signal: AbortSignal): AsyncGenerator<TailEvent> {
  yield* events;
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve());
  });
}

async function* eventsThenLoss(): AsyncGenerator<TailEvent> {
  yield* [];
  throw new UserError("connection-lost", "lost the connection to the server at X");
}

describe("tail", () => {
  it("asks the server for what the filters say, and prints objects", async () => {
    const queries: object[] = [];
    const client = {
      events: async (query: object, signal: AbortSignal) => {
        queries.push(query);
        return eventsThenSilence([publish, modified], signal);
      },
    };
    const argv = [
      "tail",
      "--topic",
      "a/#",
      "--client",
      "c",
      "--event",
      "publish,hook",
      "--verdict",
      "dropped",
      "--json",
      "-C",
      "2",
    ];
    const { code, stdout, stderr } = await pubsub(argv, { client, env });
    expect(code).toBe(0);
    expect(queries).toEqual([
      {
        namespace: "local",
        broker: "dev",
        topic: ["a/#"],
        client: ["c"],
        event: ["publish", "hook"],
        verdict: ["dropped"],
      },
    ]);
    expect(
      stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([publish, modified]);
    expect(stderr).toBe("listening: local/dev (Ctrl-C ends)\n");
  });

  it("takes the broker as an argument", async () => {
    const queries: object[] = [];
    const client = {
      events: async (query: object, signal: AbortSignal) => {
        queries.push(query);
        return eventsThenSilence([publish], signal);
      },
    };
    await pubsub(["tail", "orders", "--namespace", "shop", "-C", "1"], { client });
    expect(queries).toEqual([{ namespace: "shop", broker: "orders" }]);
  });

  it("ends with 27 when the time is over, with 0 at Ctrl-C", async () => {
    const client = { events: async (_query: object, signal: AbortSignal) => eventsThenSilence([], signal) };
    const { code, stderr } = await pubsub(["tail", "-C", "1", "-W", "0.05"], { client, env });
    expect(code).toBe(27);
    expect(stderr).toContain("0 of 1 events came");

    const started = start(["tail"], { client, env });
    await started.stderr.until("listening");
    started.abort(new InterruptedError("SIGINT"));
    expect(await started.exitCode).toBe(0);
  });

  it("says when it lost the server, and resumes", async () => {
    let streams = 0;
    const client = {
      events: async (_query: object, signal: AbortSignal) => {
        if (++streams === 2) throw new UserError("server-not-running", "no pubsub server at X");
        if (streams > 2) return eventsThenSilence([publish], signal);
        return eventsThenLoss();
      },
    };
    const { code, stdout, stderr } = await pubsub(["tail", "--json", "-C", "1"], { client, env });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual(publish);
    expect(stderr).toContain("warning: lost the connection to the server at X; watching again");
    expect(stderr).toContain("watching again");
  });

  it("says when the server left events out, which do not count", async () => {
    const lost: TailEvent = { ...common, event: "lost", reason: "slow-reader", count: 12 };
    const client = {
      events: async (_query: object, signal: AbortSignal) => eventsThenSilence([lost, publish], signal),
    };
    const { stdout, stderr } = await pubsub(["tail", "--json", "-C", "1"], { client, env });
    expect(stdout.trimEnd().split("\n")).toHaveLength(2);
    expect(stderr).toContain("12 events are missing here: this reader was too slow");
  });

  it("fails when there is no server, and when the broker is deleted", async () => {
    const notRunning = new UserError("server-not-running", "no pubsub server at X", "start one with: pubsub dev");
    const absent = { events: async () => await Promise.reject(notRunning) };
    expect(await pubsub(["tail"], { client: absent, env })).toMatchObject({ code: 3 });
    const deleted = { events: async () => (async function* (): AsyncGenerator<TailEvent> {})() };
    const { code, stderr } = await pubsub(["tail"], { client: deleted, env });
    expect(code).toBe(1);
    expect(stderr).toContain("the broker was deleted");
  });

  it.each([
    [["tail", "--event", "nonsense"], 'there is no "nonsense"'],
    [["tail", "--verdict", "passed,bad"], 'there is no "bad"'],
    [["tail", "--topic", "a/#/b"], "is not a topic filter"],
    [["tail", "--json", "--format", "pretty"], "exclude each other"],
  ])("%j is wrong usage", async (argv, text) => {
    const { code, stderr } = await pubsub(argv);
    expect(code).toBe(2);
    expect(stderr).toContain(text);
  });
});

describe("tail's lines", () => {
  const lines = (events: TailEvent[], columns?: number) => {
    const formatter = new TailFormatter(createColors(false), columns);
    return events.map((event) => formatter.format(event).replace(/^\S+/, "TIME"));
  };

  it("are in columns", () => {
    const dropped: TailEvent = { ...hook, verdict: "dropped", reason: "hook-timeout", detail: "no answer within 10 s" };
    expect(lines([publish, { ...hook, verdict: "passed", status: 200 }, modified, dropped])).toEqual([
      'TIME  publish      #1   terminal-7  transactions/eu/7  {"amount":12}  QoS 1',
      "TIME  hook         #1   terminal-7  transactions/eu/7  passed  3.1 ms 200 batch 4 (#7)",
      "TIME  hook         #1   terminal-7  transactions/eu/7  modified  3.1 ms 200 batch 4 (#7)  card 1234 → card ****",
      "TIME  hook         #1   terminal-7  transactions/eu/7  dropped:hook-timeout  3.1 ms batch 4 (#7)  no answer within 10 s",
    ]);
  });

  it("have what a Worker printed below the first message of its batch", () => {
    const printed = {
      ...hook,
      verdict: "passed" as const,
      console: [
        { kind: "log" as const, text: "seen\u001b[2J" },
        { kind: "exception" as const, text: "Error: ouch\n    at worker.ts:8" },
      ],
    };
    expect(
      lines([printed, { ...printed, mid: 2 }, { ...printed, batchId: 8 }]).map((line) => line.split("\n").slice(1)),
    ).toEqual([
      ["    log: seen\\x1b[2J", "    exception: Error: ouch", "          at worker.ts:8"],
      [],
      ["    log: seen\\x1b[2J", "    exception: Error: ouch", "          at worker.ts:8"],
    ]);
  });

  it("say what else happens", () => {
    const client = { ...common, clientId: "c" };
    expect(
      lines([
        { ...client, event: "connect", protocolVersion: 5, cleanStart: true, sessionPresent: false, keepAlive: 60 },
        { ...client, event: "refuse", reasonCode: 0x87, reason: "the token has expired" },
        { ...client, event: "subscribe", topicFilter: "a/#", reasonCode: 1 },
        { ...client, event: "subscribe", topicFilter: "b/#", reasonCode: 0x87 },
        { ...client, event: "deliver", mid: 1, publisher: "p", topic: "a", qos: 0 },
        { ...common, event: "drop", mid: 1, publisher: "p", topic: "a", reason: "queue-full" },
        { ...client, event: "disconnect", reasonCode: 0, reason: "Success", by: "client" },
        { ...common, event: "lost", reason: "slow-reader", count: 3 },
      ]).map((line) => line.replaceAll(/ {2,}/g, "  ")),
    ).toEqual([
      "TIME  connect  c  –  MQTT 5.0",
      "TIME  refuse  c  –  the token has expired (Not authorized (0x87))",
      "TIME  subscribe  c  a/#  ok",
      "TIME  subscribe  c  b/#  Not authorized (0x87)",
      "TIME  deliver  #1  c  a  QoS 0",
      "TIME  drop  #1  –  a  queue-full",
      "TIME  disconnect  c  –  by client",
      "TIME  lost  –  –  3 events are missing here: this reader was too slow",
    ]);
  });

  it("let no payload rewrite the screen, and cut it on a terminal only", () => {
    const long = { ...publish, qos: 0 as const, ...content(`\u001b[2J\n${"x".repeat(200)}`) };
    const binary: TailEvent = { ...publish, qos: 0, payload: "AP8=", payloadEncoding: "base64", payloadBytes: 2 };
    expect(lines([long])[0]).toContain(`\\x1b[2J\\n${"x".repeat(200)}`);
    expect(lines([long], 100)[0]).toMatch(/\\x1b\[2J\\nx+…$/);
    expect(lines([binary])[0]).toContain("0x00ff");
  });
});

describe("tail's filters", () => {
  it("of text, share and time go to the server", async () => {
    const queries: object[] = [];
    const client = {
      events: async (query: object, signal: AbortSignal) => {
        queries.push(query);
        return eventsThenSilence([publish], signal);
      },
    };
    const options = ["--search", "amount", "--sampling-rate", "0.5", "--since", "10m", "--json", "-C", "1"];
    expect(await pubsub(["tail", ...options], { client, env })).toMatchObject({ code: 0 });
    await pubsub(["tail", "--since", "2026-11-20T13:00:00+02:00", "--json", "-C", "1"], { client, env });
    expect(queries).toMatchObject([
      { search: "amount", sampling_rate: 0.5, since: "2026-11-20T11:50:00.000Z" },
      { since: "2026-11-20T11:00:00.000Z" },
    ]);
  });

  it.each([
    [["tail", "--sampling-rate", "2"], "a number from 0 to 1"],
    [["tail", "--since", "yesterday"], "not a duration"],
    [["tail", "--since", "2026-13-40"], "is no time"],
    [["tail", "--diff", "--json"], "--diff is for people"],
    [["tail", "--time", "swatch"], '--time takes local, iso, unix, relative, delta, not "swatch"'],
  ])("%j is wrong usage", async (argv, text) => {
    const { code, stderr } = await pubsub(argv, { env });
    expect(code).toBe(2);
    expect(stderr).toContain(text);
  });
});

describe("tail --diff", () => {
  const show = (before: object, after: object) => {
    const event = { ...hook, verdict: "modified", status: 200, before, after } as TailEvent;
    const formatter = new TailFormatter(createColors(false), undefined, { diff: true, time: "iso" });
    return formatter.format(event).split("\n").slice(1);
  };

  it("shows members of JSON that changed, came or went", () => {
    const before = content('{"card":{"number":"4111"},"list":[1,2],"same":1,"old":true}');
    const after = content('{"card":{"number":"****"},"list":[1,3],"same":1,"a b":null}');
    expect(show(before, after)).toEqual([
      '    - payload.card.number = "4111"',
      '    + payload.card.number = "****"',
      "    - payload.list[1] = 2",
      "    + payload.list[1] = 3",
      "    - payload.old = true",
      '    + payload["a b"] = null',
    ]);
  });

  it("shows text, bytes and properties", () => {
    const before = { ...content("card 1234"), properties: { contentType: "text/plain", userProperties: [["k", "v"]] } };
    const after = { payload: "/w==", payloadEncoding: "base64", payloadBytes: 1, properties: { contentType: "x" } };
    expect(show(before, after)).toEqual([
      "    - payload = card 1234",
      "    + payload = 0xff",
      '    - contentType = "text/plain"',
      '    + contentType = "x"',
      '    - userProperties = [["k","v"]]',
    ]);
  });

  it("lets nothing rewrite the terminal", () => {
    expect(show(content("\u001b[2J"), content("x")).join("")).not.toContain("\u001b");
  });
});

it.each([
  ["iso", ["2026-11-20T12:00:00.123Z", "2026-11-20T12:00:01.623Z"]],
  ["unix", ["1795176000.123", "1795176001.623"]],
  ["relative", ["    +0.000", "    +1.500"]],
  ["delta", ["    +0.000", "    +1.500"]],
] as const)("--time %s", (time, expected) => {
  const formatter = new TailFormatter(createColors(false), undefined, { time });
  const later = { ...publish, time: "2026-11-20T12:00:01.623Z" };
  const lines = [publish, later].map((event) => formatter.format(event));
  expect(lines.map((line) => line.split("  publish")[0])).toEqual(expected);
});
