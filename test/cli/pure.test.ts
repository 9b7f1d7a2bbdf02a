import { Readable } from "node:stream";
import { afterEach, describe, expect, it, vi } from "vitest";
import { wantsColors } from "../../src/cli/output/colors.ts";
import { formatDuration, parseDuration, parseExpiration } from "../../src/cli/duration.ts";
import { decodeToken, tokenClientId, tokenExpiresAtMs } from "../../src/cli/settings/jwt.ts";
import { splitLines } from "../../src/cli/messages/lines.ts";
import { joinPropertyArguments, parseProperties, propertiesToJson } from "../../src/cli/mqtt/properties.ts";
import { PublishWindow } from "../../src/cli/messages/publish-window.ts";
import { Unacknowledged } from "../../src/cli/mqtt/unacknowledged.ts";
import { retryDelayMs } from "../../src/cli/reconnect.ts";
import { displayWidth, formatFields, formatTable, printable, truncate } from "../../src/cli/output/table.ts";
import { formatRelative } from "../../src/cli/output/time-format.ts";
import { checkTopicFilter, checkTopicName, topicMatches } from "../../src/cli/messages/topic.ts";
import { NOW } from "./world.ts";

const DAY = 86_400;

describe("durations", () => {
  it.each([
    ["90s", 90],
    ["90", 90],
    ["5m", 300],
    ["48h", 2 * DAY],
    ["7d", 7 * DAY],
    ["2w", 14 * DAY],
    // wrangler's own parser makes these seven times as long.
    ["1mo", 30 * DAY],
    ["1y", 365 * DAY],
    ["6 days", 6 * DAY],
    ["1 month", 30 * DAY],
    ["1h30m", 5400],
    ["1 hour 30 minutes", 5400],
    ["1.5h", 5400],
    [" 2D ", 2 * DAY],
  ])("%j are %i s", (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds);
  });

  it.each(["", "abc", "0", "0s", "-1", "-5m", "1x", "1h!", "NaN", "1e3", "101y", "d", "1 2"])("%j is none", (text) => {
    expect(() => parseDuration(text)).toThrow(expect.objectContaining({ code: "usage" }));
  });

  it("can have no end", () => {
    expect(["none", "never", "-1", "None"].map(parseExpiration)).toEqual([null, null, null, null]);
    expect(parseExpiration("1d")).toBe(DAY);
  });

  it.each([
    [0, "0 s"],
    [59, "59 s"],
    [3661, "1 h 1 min"],
    [DAY, "1 day"],
    [2 * DAY + 3600 + 60, "2 days 1 h"],
  ])("%i s are %s", (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });

  it("are in the past or the future", () => {
    const at = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);
    expect([at(-90), at(0), at(DAY)].map((time) => formatRelative(time, NOW))).toEqual([
      "1 min 30 s ago",
      "now",
      "in 1 day",
    ]);
  });
});

describe("colours", () => {
  it.each<[boolean | undefined, Record<string, string>, boolean, boolean]>([
    [undefined, {}, true, true],
    [undefined, {}, false, false],
    [undefined, { TERM: "dumb" }, true, false],
    [undefined, { NO_COLOR: "1" }, true, false],
    [undefined, { NO_COLOR: "" }, true, true],
    [undefined, { FORCE_COLOR: "1", NO_COLOR: "1", TERM: "dumb" }, false, true],
    [undefined, { FORCE_COLOR: "0" }, true, false],
    [true, { NO_COLOR: "1" }, false, true],
    [false, { FORCE_COLOR: "1" }, true, false],
  ])("--color %s, %o, terminal %s: %s", (flag, env, isTTY, wanted) => {
    expect(wantsColors(flag, env, isTTY)).toBe(wanted);
  });
});

describe("tables", () => {
  it("are as wide as what they hold, without blanks at the end", () => {
    expect(
      formatTable(
        ["A", "LONG"],
        [
          ["xyz", "1"],
          ["", ""],
        ],
      ),
    ).toBe("A    LONG\nxyz  1\n\n");
    expect(
      formatFields([
        ["a", "1"],
        ["none", undefined],
        ["longer", "2"],
      ]),
    ).toBe("a       1\nlonger  2\n");
  });

  it("count what is seen", () => {
    expect(displayWidth("\u001b[31mäö\u001b[39m")).toBe(2);
    expect([truncate("äöü", 3), truncate("äöüx", 3)]).toEqual(["äöü", "äö…"]);
    expect(printable("a\n\u0007\u001b\u009b\u2028ü")).toBe("a\\n\\x07\\x1b\\x9b\\u2028ü");
  });
});

describe("topics", () => {
  it.each(["a", "/", "a/b", "$SYS/x", " ", "ä/ö"])("%j can be published on", (topic) => {
    expect(() => checkTopicName(topic)).not.toThrow();
  });
  it.each(["", "a/+", "#", "a\0b", "x".repeat(65_536)])("%j cannot", (topic) => {
    expect(() => checkTopicName(topic)).toThrow(expect.objectContaining({ code: "usage" }));
  });
  it.each(["#", "+", "a/+/b", "a/#", "/+", "$share/g/a/#"])("%j can be subscribed to", (filter) => {
    expect(() => checkTopicFilter(filter)).not.toThrow();
  });
  it.each(["", "a#", "#/a", "a+/b", "+a"])("%j cannot be", (filter) => {
    expect(() => checkTopicFilter(filter)).toThrow(expect.objectContaining({ code: "usage" }));
  });
  it.each([
    ["#", "a/b", true],
    ["a/#", "a", true],
    ["a/+", "a", false],
    ["+/b", "a/b", true],
    ["+", "/", false],
    ["#", "$SYS/x", false],
    ["$SYS/#", "$SYS/x", true],
    ["a/b", "a/b/c", false],
  ])("%j covers %j: %s", (filter, topic, matches) => {
    expect(topicMatches(filter, topic)).toBe(matches);
  });
});

describe("properties", () => {
  it("come from words", () => {
    const definitions = [
      "publish user-property name value",
      'user-property name "with blanks"',
      "publish content-type text/plain",
      "correlation-data abc",
      "message-expiry-interval 60",
      "payload-format-indicator 1",
      "response-topic a/b",
      "topic-alias 5",
    ];
    expect(parseProperties(definitions)).toEqual({
      userProperties: [
        ["name", "value"],
        ["name", "with blanks"],
      ],
      contentType: "text/plain",
      correlationData: Buffer.from("abc"),
      messageExpiryInterval: 60,
      payloadFormatIndicator: 1,
      responseTopic: "a/b",
      topicAlias: 5,
    });
    expect(parseProperties([])).toBeUndefined();
  });

  it.each([
    "",
    "content-type",
    "user-property a",
    "content-type a b",
    "colour red",
    "topic-alias x",
    "message-expiry-interval -1",
    "payload-format-indicator 2",
    "topic-alias 65536",
  ])("%j are none", (definition) => {
    expect(() => parseProperties([definition])).toThrow(expect.objectContaining({ code: "usage" }));
  });

  it("may be arguments of their own, as in mosquitto_pub", () => {
    const joined = joinPropertyArguments([
      "-D",
      "publish",
      "user-property",
      "k",
      "v w",
      "t",
      "-D",
      "content-type x",
      "--",
      "-D",
      "publish",
    ]);
    expect(joined).toEqual([
      "-D",
      '"publish" "user-property" "k" "v w"',
      "t",
      "-D",
      "content-type x",
      "--",
      "-D",
      "publish",
    ]);
    expect(parseProperties([joined[1]!])).toEqual({ userProperties: [["k", "v w"]] });
    expect(joinPropertyArguments(["-D", "publish"])).toEqual(["-D", '"publish"']);
  });

  it("are JSON without the alias, which is the connection's own", () => {
    expect(propertiesToJson({ topicAlias: 1 })).toBeUndefined();
    expect(propertiesToJson({ payloadFormatIndicator: 0, subscriptionIdentifiers: [3] })).toEqual({
      payloadFormatIndicator: 0,
      subscriptionIdentifiers: [3],
    });
  });
});

describe("tokens", () => {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  it("are decoded without being believed", () => {
    const token = `${encode({ alg: "EdDSA" })}.${encode({ sub: "c", exp: 12 })}.x`;
    expect(decodeToken(`${token}\n`)).toEqual({ header: { alg: "EdDSA" }, claims: { sub: "c", exp: 12 } });
    expect([tokenClientId(token), tokenExpiresAtMs(token)]).toEqual(["c", 12_000]);
    expect([tokenClientId("x"), tokenExpiresAtMs("x")]).toEqual([undefined, Infinity]);
    for (const wrong of ["", "a.b.c", `${encode([])}.${encode({})}.x`, `${encode({})}.x`]) {
      expect(decodeToken(wrong)).toBeUndefined();
    }
  });
});

describe("lines of bytes", () => {
  const split = async (chunks: (string | Buffer)[], max = 100) => {
    const lines: string[] = [];
    for await (const group of splitLines(Readable.from(chunks), max)) {
      lines.push(...group.map((line) => line.toString("latin1")));
    }
    return lines;
  };

  it.each<[string[], string[]]>([
    [[], []],
    [["a\nb\n"], ["a", "b"]],
    [["a\nb"], ["a", "b"]],
    [
      ["a", "b\nc", "\n", "\nd"],
      ["ab", "c", "", "d"],
    ],
    [["\n"], [""]],
  ])("%j are %j", async (chunks, lines) => {
    expect(await split(chunks)).toEqual(lines);
  });

  it("come in groups, however many are there at once", async () => {
    const sizes: number[] = [];
    for await (const group of splitLines(Readable.from(["x\n".repeat(600)]), 100)) sizes.push(group.length);
    expect(sizes).toEqual([256, 256, 88]);
  });

  it("may be any bytes, but not without end", async () => {
    expect(await split([Buffer.from([0xff, 0x0a, 0x00])])).toEqual(["\u00ff", "\0"]);
    await expect(split(["x".repeat(60), "x".repeat(60)])).rejects.toThrow(RangeError);
  });
});

describe("the window of publishes", () => {
  it("lets so many go at a time", async () => {
    const window = new PublishWindow(2);
    expect(window.add()).toBeUndefined();
    let added = false;
    const second = window.add()!.then(() => (added = true));
    await Promise.resolve();
    expect(added).toBe(false);
    window.settle();
    await second;
    window.settle();
    await window.drained();
  });

  it("passes a failure on to whoever waits, and to all who come after", async () => {
    const window = new PublishWindow(1);
    const waiting = window.orFailure(new Promise(() => {}));
    const error = new Error("refused");
    window.fail(error);
    await expect(waiting).rejects.toBe(error);
    await expect(window.drained()).rejects.toBe(error);
    await expect(window.orFailure(Promise.resolve(1))).rejects.toBe(error);
    await expect(window.add()).rejects.toBe(error);
  });
});

describe("publishes without an acknowledgement", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it("are given up each in its own time", () => {
    vi.useFakeTimers();
    const unacknowledged = new Unacknowledged(1000);
    const outcomes: string[] = [];
    const note = (name: string) => (error?: Error) => void outcomes.push(`${name}: ${error?.message ?? "done"}`);
    unacknowledged.add(1, "a", note("first"));
    vi.advanceTimersByTime(600);
    unacknowledged.add(2, "b", note("second"));
    unacknowledged.add(3, "c", note("third"));
    unacknowledged.settle(3);
    unacknowledged.settle(3);
    expect(outcomes).toEqual(["third: done"]);
    vi.advanceTimersByTime(400);
    expect(outcomes).toEqual(["third: done", "first: the broker did not answer the message on a within 1 s"]);
    expect(unacknowledged.has(1)).toBe(false);
    vi.advanceTimersByTime(599);
    expect(unacknowledged.has(2)).toBe(true);
    vi.advanceTimersByTime(2);
    expect(outcomes.at(-1)).toContain("second: the broker did not answer");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("end with the connection", () => {
    vi.useFakeTimers();
    const unacknowledged = new Unacknowledged(1000);
    const errors: (Error | undefined)[] = [];
    for (const packetId of [1, 2]) unacknowledged.add(packetId, "a", (error) => void errors.push(error));
    const lost = new Error("lost");
    unacknowledged.fail(lost);
    expect(errors).toEqual([lost, lost]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

it("pauses between attempts grow to five seconds", () => {
  expect([0, 1, 2, 3, 4, 5, 50].map(retryDelayMs)).toEqual([250, 500, 1000, 2000, 4000, 5000, 5000]);
});
