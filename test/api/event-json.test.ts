import { describe, expect, test } from "vitest";
import { publicEvent } from "../../src/api/event-json.ts";
import type { BrokerEvent } from "../../src/broker/ports.ts";
import { eventSchema } from "../../src/contract/events.ts";
import { START_MS } from "./harness.ts";
import { message } from "./messages.ts";

const source = { namespace: "ns", broker: "b" };
const common = { v: 1, time: "2025-06-01T12:00:00.000Z", ...source };

/** What the contract says about it is checked as well. */
function json(event: BrokerEvent): unknown {
  const result = publicEvent(event, START_MS, source);
  expect(eventSchema.parse(result)).toEqual(result);
  return JSON.parse(JSON.stringify(result));
}

const hello = { payload: "hello", payloadEncoding: "utf8", payloadBytes: 5 };
const delivery = { mid: 7, publisher: "sensor", topic: "a/b" };
const report = { elapsedMs: 1.5, batchSize: 3, status: 200 };
const hook = { event: "hook", mid: 7, clientId: "sensor", topic: "a/b", ms: 1.5, batch: 3, status: 200 };
const connect = { clientId: "c", protocolVersion: 5, cleanStart: true, sessionPresent: false, keepAlive: 60 };

test.each<[event: BrokerEvent, expected: object]>([
  [
    { type: "connect", ...connect },
    { event: "connect", ...connect },
  ],
  [
    { type: "connect", ...connect, tokenId: "t" },
    { event: "connect", ...connect, jti: "t" },
  ],
  [
    { type: "refuse", clientId: "c", reasonCode: 0x87, reason: "no" },
    { event: "refuse", clientId: "c", reasonCode: 0x87, reason: "no" },
  ],
  [
    { type: "disconnect", clientId: "c", reasonCode: 0, reason: "", by: "client" },
    { event: "disconnect", clientId: "c", reasonCode: 0, reason: "", by: "client" },
  ],
  [
    { type: "subscribe", clientId: "c", topicFilter: "a/#", reasonCode: 1 },
    { event: "subscribe", clientId: "c", topicFilter: "a/#", reasonCode: 1 },
  ],
  [
    { type: "unsubscribe", clientId: "c", topicFilter: "a/#", reasonCode: 0 },
    { event: "unsubscribe", clientId: "c", topicFilter: "a/#", reasonCode: 0 },
  ],
  [
    { type: "publish", message: message() },
    { event: "publish", mid: 7, clientId: "sensor", jti: "jti", topic: "a/b", qos: 1, retain: false, ...hello },
  ],
  [
    { type: "publish", message: message({ publisherId: "", tokenId: undefined, qos: 0, retain: true }) },
    { event: "publish", mid: 7, clientId: "", topic: "a/b", qos: 0, retain: true, ...hello },
  ],
  [
    { type: "hook", message: message(), verdict: { kind: "accept" }, report },
    { ...hook, verdict: "passed" },
  ],
  [
    {
      type: "hook",
      message: message(),
      verdict: { kind: "replace", payload: Buffer.from([0xff]), properties: { contentType: "x" } },
      report,
    },
    {
      ...hook,
      verdict: "modified",
      before: hello,
      after: { payload: "/w==", payloadEncoding: "base64", payloadBytes: 1, properties: { contentType: "x" } },
    },
  ],
  [
    {
      type: "hook",
      message: message(),
      verdict: { kind: "drop", reason: "hook-unreachable", detail: "ECONNREFUSED" },
      report: { elapsedMs: 1.5, batchSize: 3 },
    },
    { ...hook, status: undefined, verdict: "dropped", reason: "hook-unreachable", detail: "ECONNREFUSED" },
  ],
  [
    { type: "hook", message: message(), verdict: { kind: "drop", reason: "hook-dropped" }, report },
    { ...hook, verdict: "dropped", reason: "hook-dropped" },
  ],
  [
    { type: "hook", message: message(), verdict: { kind: "reject", reasonCode: 0x99, reason: "no" }, report },
    { ...hook, verdict: "rejected", reason: "no", reasonCode: 0x99 },
  ],
  [
    { type: "deliver", message: message(), clientId: "reader", qos: 0 },
    { event: "deliver", ...delivery, clientId: "reader", qos: 0 },
  ],
  [
    { type: "drop", message: message(), reason: "queue-full" },
    { event: "drop", ...delivery, reason: "queue-full" },
  ],
  [
    { type: "drop", message: message(), clientId: "reader", reason: "slow-consumer" },
    { event: "drop", ...delivery, clientId: "reader", reason: "slow-consumer" },
  ],
  [
    { type: "expire", message: message() },
    { event: "expire", ...delivery },
  ],
  [
    { type: "expire", message: message(), clientId: "reader" },
    { event: "expire", ...delivery, clientId: "reader" },
  ],
])("%j", (event, expected) => {
  expect(json(event)).toEqual({ ...common, ...expected });
});

test("properties: those of messages only", () => {
  const properties = {
    payloadFormatIndicator: 1,
    messageExpiryInterval: 60,
    contentType: "text/plain",
    responseTopic: "r",
    correlationData: Buffer.from([0, 255]),
    userProperties: [
      ["k", "1"],
      ["k", "2"],
    ] as [string, string][],
    topicAlias: 3,
    subscriptionIdentifiers: [1],
  };
  expect(json({ type: "publish", message: message({ properties }) })).toHaveProperty("properties", {
    payloadFormatIndicator: 1,
    messageExpiryInterval: 60,
    contentType: "text/plain",
    responseTopic: "r",
    correlationData: "AP8=",
    userProperties: [
      ["k", "1"],
      ["k", "2"],
    ],
  });
});

describe("payloads", () => {
  const KiB64 = 65_536;
  test.each<[what: string, payload: Buffer, shown: string, encoding: string, truncated: boolean]>([
    ["empty", Buffer.alloc(0), "", "utf8", false],
    ["text", Buffer.from("grün 🙂 \u0000"), "grün 🙂 \u0000", "utf8", false],
    ["bytes", Buffer.from([0xc3, 0x28]), "wyg=", "base64", false],
    ["half a character at the end", Buffer.from("ü").subarray(0, 1), "ww==", "base64", false],
    ["64 KiB", Buffer.alloc(KiB64, "x"), "x".repeat(KiB64), "utf8", false],
    ["more", Buffer.alloc(KiB64 + 1, "x"), "x".repeat(KiB64), "utf8", true],
    ["cut within 2 bytes", Buffer.from(`x${"ü".repeat(KiB64)}`), `x${"ü".repeat(KiB64 / 2 - 1)}`, "utf8", true],
    ["cut within 3 bytes", Buffer.from("€".repeat(KiB64)), "€".repeat(Math.floor(KiB64 / 3)), "utf8", true],
    ["cut within 4 bytes", Buffer.from(`xxx${"🙂".repeat(KiB64)}`), `xxx${"🙂".repeat(KiB64 / 4 - 1)}`, "utf8", true],
    ["cut between characters", Buffer.from("🙂".repeat(KiB64)), "🙂".repeat(KiB64 / 4), "utf8", true],
    ["many bytes", Buffer.alloc(KiB64 + 1, 0x80), Buffer.alloc(KiB64, 0x80).toString("base64"), "base64", true],
  ])("%s", (_, payload, shown, encoding, truncated) => {
    const event = json({ type: "publish", message: message({ payload }) }) as Record<string, unknown>;
    expect(event["payload"] === shown).toBe(true);
    expect(event).toMatchObject({ payloadEncoding: encoding, payloadBytes: payload.length });
    expect(event["payloadTruncated"]).toBe(truncated || undefined);
  });
});
