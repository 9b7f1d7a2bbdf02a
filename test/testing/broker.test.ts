/** `pubsub-cli/testing`, as a test uses it. */
import mqtt from "mqtt";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type * as Published from "../../testing/index.js";
import { parseMilliseconds } from "../../src/testing/clock.ts";
import { ExpectationError, HookFailure, startBroker } from "../../src/testing/index.ts";

// What is published says what is there.
startBroker satisfies typeof Published.startBroker;

type Broker = Awaited<ReturnType<typeof startBroker>>;
let broker: Broker;

beforeEach(async () => {
  broker = await startBroker({ now: new Date("2026-11-20T12:00:00Z") });
});
afterEach(() => broker.close());

describe("messages", () => {
  it("come to whom expects them, from clients of any kind", async () => {
    const client = await mqtt.connectAsync(broker.url, { protocolVersion: 5, clientId: "theirs" });
    const alert = broker.expectMessage("alerts/+", { where: "payload.level > 2" });
    await broker.publish("alerts/roof", { level: 1 });
    await client.publishAsync("alerts/roof", JSON.stringify({ level: 3 }), { qos: 1 });
    expect((await alert).json()).toEqual({ level: 3 });
    await client.endAsync();
    expect(broker.events.map(({ event }) => event)).toContain("disconnect");
  });

  it("are taken once, in their order, by topic and function", async () => {
    const client = await broker.subscribe(["a/#", "$share/g/b"]);
    expect(await broker.publish("a/1", "one", { qos: 2, properties: { contentType: "text/plain" } })).toBe(0);
    await broker.publish("b", Buffer.from([255]), { qos: 0 });
    await broker.publish("a/2", "two");
    expect(await broker.publish("c")).toBe(0x10);
    expect((await client.expectMessage("a/+", { where: ({ text }) => text === "two" })).topic).toBe("a/2");
    const first = await client.expectMessage("a/+");
    expect(first).toMatchObject({ topic: "a/1", text: "one", qos: 2, properties: { contentType: "text/plain" } });
    expect((await client.expectMessage()).payload).toEqual(Buffer.from([255]));
    await client.expectNothing(undefined, { within: 10 });
    expect(client.messages).toHaveLength(3);
  });

  it("that do not come fail with what came instead, and with the trace", async () => {
    const client = await broker.subscribe("#");
    await broker.publish("other", "x");
    const missing = await client
      .expectMessage("alerts/#", { within: 20, where: "payload == 1" })
      .catch((e: Error) => e);
    expect(missing).toBeInstanceOf(ExpectationError);
    expect((missing as ExpectationError).what).toBe(
      "subscriber-1 got no message on alerts/# where payload == 1 within 20 ms; what came instead:\n  other x",
    );
    expect((missing as Error).message).toMatch(
      /what happened:\n {2} +\+0\.000 {2}connect [^]*publish +#1 +test +other +x/,
    );
    await expect(client.expectNothing("other")).rejects.toThrow("subscriber-1 got a message: other x");
    await expect(client.expectMessage("a", { where: "nothing(" })).rejects.toThrow("cannot be read");
  });
});

describe("a hook", () => {
  it("may be a function, which changes, drops, and fails", async () => {
    await using hooked = await startBroker({
      hook: (messages) => {
        if (messages.some(({ topic }) => topic === "boom")) throw new HookFailure(503, "out of paper");
        const passed = messages.filter(({ topic }) => topic !== "debug");
        return passed.map((message) => ({
          ...message,
          payload: Buffer.from(message.payload).toString().toUpperCase(),
        }));
      },
    });
    const client = await hooked.subscribe("#");
    for (const topic of ["debug", "boom", "shout"]) await hooked.publish(topic, "x", { qos: 0 });
    expect((await client.expectMessage()).toString()).toBe("shout X");
    const failed = await hooked.expectEvent("hook", { where: ({ topic }) => topic === "boom" });
    expect(failed).toMatchObject({ verdict: "dropped", reason: "hook-status", detail: "HTTP 503: out of paper" });
    expect(hooked.trace()).toMatch(/hook +#1 +test +debug +dropped:hook-dropped/);
  });

  it("that fails has the settings of a broker", async () => {
    const hookSettings = { onFailure: "pass", topics: ["a/#"], deadLetterTopic: "dead" } as const;
    await using hooked = await startBroker({ hook: () => Promise.reject(new Error("no")), hookSettings });
    const client = await hooked.subscribe("#");
    await hooked.publish("a/b", "x");
    await hooked.publish("b", "y");
    expect((await client.expectMessage()).toString()).toBe("a/b x");
    expect(hooked.events.filter(({ event }) => event === "hook")).toHaveLength(1);
  });

  it("that does not start fails the start", async () => {
    await expect(startBroker({ hook: "/nowhere/worker.ts" })).rejects.toThrow("there is no /nowhere/worker.ts");
  });
});

describe("time", () => {
  it("stands still, and ends retained messages, sessions, wills' delays and tokens when it is moved, in their order", async () => {
    const watcher = await broker.subscribe("wills/#");
    const theirs = await mqtt.connectAsync(broker.url, { protocolVersion: 5, clientId: "keeps-alive", keepalive: 1 });
    const will = { topic: "wills/a", payload: "gone", delaySeconds: 60 };
    const a = await broker.connect("a", { expiryInterval: 3600, will });
    await a.subscribe("x");
    await a.loseConnection();
    const b = await broker.connect("b", { expiresIn: "2h" });
    await broker.publish("kept", "for a while", { retain: true, properties: { messageExpiryInterval: 90 } });
    broker.advance("59s");
    await watcher.expectNothing(undefined, { within: 10 });
    broker.advance(1000);
    expect((await watcher.expectMessage("wills/a")).text).toBe("gone");
    expect((await broker.expectMessage("kept")).properties.messageExpiryInterval).toBe(30);
    broker.advance("30s");
    await expect(broker.expectMessage("kept", { within: 10 })).rejects.toThrow("got no message on kept");
    expect((await broker.connect("a", { cleanStart: false, expiryInterval: 3600 })).sessionPresent).toBe(true);
    await broker.kick("a");
    await broker.expectEvent("disconnect", { where: ({ clientId, by }) => clientId === "a" && by === "server" });
    broker.advance("1h 1s");
    expect((await broker.connect("a", { cleanStart: false })).sessionPresent).toBe(false);
    broker.advance("1h");
    expect((await b.ended()).message).toContain("the token expired");
    expect(broker.now.toISOString()).toBe("2026-11-20T14:01:31.000Z");
    expect(theirs.connected).toBe(true);
    await theirs.endAsync();
  });

  it.each([
    ["250ms", 250],
    ["1.5s", 1500],
    ["1h 30m", 5_400_000],
    ["2d", 172_800_000],
    [7, 7],
  ])("%s is %i ms", (text, ms) => expect(parseMilliseconds(text)).toBe(ms));

  it.each(["", "5", "5 years", "-1s", "1h x", "1s,2s", Number.NaN, -1, "1000000d"])("%s is no duration", (text) => {
    expect(() => parseMilliseconds(text)).toThrow("is not a duration");
  });
});

describe("tokens", () => {
  it("allow what they say, are needed where nobody is anonymous, and can be revoked", async () => {
    await using strict = await startBroker({ anonymous: false });
    await expect(strict.connect("nobody")).rejects.toThrow("the broker refused the connection");
    const client = await strict.connect("a", { topicAcl: ["a/#"] });
    await expect(client.publish("b", "x")).rejects.toThrow("Not authorized");
    await expect(client.subscribe("#")).rejects.toThrow("Not authorized");
    const token = await strict.token("b");
    const other = await strict.connect("b", { token });
    await strict.revoke(token);
    expect((await other.ended()).message).toContain("the token was revoked");
  });
});
