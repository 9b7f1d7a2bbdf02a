import { describe, expect, it } from "vitest";
import { compileFormat } from "../../src/cli/messages/message-format.ts";
import type { ReceivedMessage } from "../../src/cli/messages/received-message.ts";
import { timeConversion } from "../../src/cli/messages/strftime.ts";

// Local time, so that what is printed does not depend on the machine's zone.
const time = new Date(2026, 10, 5, 8, 4, 9, 67);

const message: ReceivedMessage = {
  topic: "a/b",
  payload: Buffer.from('{"x":1}'),
  qos: 1,
  retain: false,
  dup: false,
  messageId: 7,
  time,
  properties: {
    userProperties: [
      ["k", "v"],
      ["k2", "v 2"],
      ["k2", "w"],
    ],
    contentType: "text/plain",
    correlationData: Buffer.from("cd"),
    messageExpiryInterval: 60,
    payloadFormatIndicator: 1,
    responseTopic: "r/t",
    subscriptionIdentifiers: [1, 2],
  },
};
const print = (format: string, changes: Partial<ReceivedMessage> = {}) =>
  compileFormat(format)({ ...message, ...changes }).toString();

describe("-F", () => {
  // The first column is what mosquitto_sub 2.0.11 was asked, the second what it printed.
  it.each([
    ["%t %p", 'a/b {"x":1}'],
    ["%q%r%l%m", "1077"],
    ["%x %X", "7b2278223a317d 7B2278223A317D"],
    ["%C|%D|%E|%F|%R", "text/plain|cd|60|1|r/t"],
    ["%10t|%-10t|%010l|%.2t", "       a/b|a/b       |0000000007|a/"],
    ["%-010l|%5.1t|%1t", "7         |    a|a/b"],
    ["%% @@ \\\\ \\t\\n\\0", "% @ \\ \t\n\0"],
  ])("%s", (format, printed) => {
    expect(print(format)).toBe(printed);
  });

  it("leaves out what the message does not have", () => {
    expect(print("%C|%D|%E|%F|%R|%A|%S|%P|%m", { properties: undefined, messageId: undefined })).toBe("||||||||0");
  });

  it("prints all user properties and identifiers", () => {
    expect(print("%P|%S")).toBe("k:v k2:v 2 k2:w|1 2");
  });

  it("prints times", () => {
    expect(print("%I")).toMatch(/^2026-11-05T08:04:09[+-]\d{4}$/);
    expect(print("%U")).toBe(`${Math.floor(time.getTime() / 1000)}.067000000`);
    expect(print("@Y-@m-@d @H:@M:@S.@N @j @a @b")).toBe("2026-11-05 08:04:09.067000000 309 Thu Nov");
  });

  it("prints JSON, with the payload as text or as JSON", () => {
    const asText = JSON.parse(print("%j")) as Record<string, unknown>;
    expect(asText).toMatchObject({ topic: "a/b", qos: 1, retain: 0, payloadlen: 7, mid: 7, payload: '{"x":1}' });
    expect(asText["properties"]).toMatchObject({ "content-type": "text/plain", "message-expiry-interval": 60 });
    expect(asText["tst"]).toMatch(/^2026-11-05T08:04:09\.067000[+-]\d{4}$/);
    expect(JSON.parse(print("%J"))).toMatchObject({ payload: { x: 1 } });
    expect(JSON.parse(print("%J", { payload: Buffer.from("no JSON") }))).toMatchObject({ payload: null });
  });

  it("keeps bytes as they are", () => {
    const payload = Buffer.from([0, 255, 128]);
    expect(compileFormat("<%p>")({ ...message, payload })).toEqual(Buffer.from([0x3c, 0, 255, 128, 0x3e]));
  });

  it.each(["%y", "%", "a%", "\\q", "\\", "@", "@!", "%.3p", "%5q", "%5%x%"])("%j is wrong", (format) => {
    expect(() => compileFormat(format)).toThrow(expect.objectContaining({ code: "usage" }));
  });
});

describe("strftime", () => {
  it.each([
    ["p", new Date(2026, 0, 1, 0), "AM"],
    ["I", new Date(2026, 0, 1, 0), "12"],
    ["e", new Date(2026, 0, 1), " 1"],
    // 1 January 2027 is a Friday: the last week of 2026 by ISO 8601.
    ["V", new Date(2027, 0, 1), "53"],
    ["G", new Date(2027, 0, 1), "2026"],
    ["u", new Date(2026, 10, 1), "7"],
    ["w", new Date(2026, 10, 1), "0"],
    ["U", new Date(2026, 0, 4), "01"],
    ["W", new Date(2026, 0, 4), "00"],
    ["c", new Date(2026, 0, 4, 5, 6, 7), "Sun Jan  4 05:06:07 2026"],
    ["D", new Date(2026, 0, 4), "01/04/26"],
  ])("%%%s of %s", (letter, date, text) => {
    expect(timeConversion(letter)!(date)).toBe(text);
  });

  it("knows no other letters", () => {
    expect(timeConversion("toString")).toBeUndefined();
    expect(timeConversion("!")).toBeUndefined();
  });
});
