import { describe, expect, it } from "vitest";
import { type Subject, parseCondition } from "../../src/cli/messages/condition.ts";

const subject: Subject = {
  topic: "roof/1",
  payload: { celsius: 31.5, tags: ["hot", "dry"], nested: { "a-b": null } },
  text: '{"celsius":31.5}',
  qos: 1,
  retain: false,
  properties: { contentType: "application/json" },
};

describe("a condition", () => {
  it.each([
    ["payload.celsius > 30", true],
    ["payload.celsius >= 31.5 && payload.celsius <= 31.5", true],
    ["payload.celsius < 30 || qos == 1", true],
    ["payload.celsius < -30", false],
    ["!retain", true],
    ["retain", false],
    ["!(qos == 1 && topic == 'roof/1')", false],
    ['topic =~ "^roof/\\d$"', true],
    ['text =~ "celsius"', true],
    ['payload.tags[1] == "dry"', true],
    ["payload.tags", true],
    ["payload.nested.a-b == null", true],
    ["payload.missing.deeper", false],
    ["payload.missing == null", true],
    ["payload.missing != null", false],
    ["payload.celsius != null", true],
    ["payload.missing == payload.nested.a-b", true],
    ["payload.missing == false", false],
    ["payload.constructor", false],
    ['payload.celsius == "31.5"', false],
    ['payload.tags > "a"', false],
    ["qos != 1 || true", true],
    ['properties.contentType == "application/json"', true],
    ['topic == "say \\"hi\\""', false],
  ])("%s is %s", (text, expected) => {
    expect(parseCondition(text)(subject)).toBe(expected);
  });

  it.each([
    ["", "it ends too early"],
    ["payload >", "it ends too early"],
    ["payload.a = 1", "cannot be read from"],
    ["(qos == 1", '")" is missing'],
    ["qos 1", '"1" is one too many'],
    ["colour == 1", 'there is no "colour"'],
    ["topic =~ topic", "regular expression in quotes"],
    ['topic =~ "("', "Invalid regular expression"],
    ["&& 1", "stands where a value has to be"],
    ["x".repeat(5000), "longer than 4096"],
  ])("%j cannot be read", (text, why) => {
    expect(() => parseCondition(text)).toThrow(
      expect.objectContaining({ code: "usage", message: expect.stringContaining(why) as string }),
    );
  });
});
