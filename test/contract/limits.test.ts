import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { defaultLimits } from "../../src/broker/index.ts";
import { limitProfiles } from "../../src/broker/limits.ts";
import { type LimitName, limitProfileNames, limitTable } from "../../src/contract/limit-table.ts";

/** Of the server, before it is known which broker a connection is for. */
const SERVER_LIMITS = ["connectBytesMax", "connectTimeoutMs", "connectionsPerAddressMax"];

describe("the table of limits", () => {
  test("has the limits and the defaults of the broker", () => {
    const brokerLimits = Object.entries(defaultLimits).filter(([name]) => !SERVER_LIMITS.includes(name));
    const table = Object.entries(limitTable).map(([name, entry]) => [name, entry.default]);
    expect(Object.fromEntries(table)).toEqual(Object.fromEntries(brokerLimits));
    for (const { default: value, minimum, maximum } of Object.values(limitTable)) {
      expect(value).toBeGreaterThanOrEqual(minimum);
      expect(value).toBeLessThanOrEqual(maximum);
    }
  });

  test("has the profiles of the broker, within its bounds", () => {
    expect(Object.keys(limitProfiles)).toEqual([...limitProfileNames]);
    for (const profile of Object.values(limitProfiles)) {
      for (const [name, value] of Object.entries(profile)) {
        expect(value).toBeLessThanOrEqual(limitTable[name as LimitName].maximum);
      }
    }
  });

  test("has no limit that no other test sets", () => {
    const folder = fileURLToPath(new URL("../", import.meta.url));
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
      (file) => file.endsWith(".test.ts") && !file.startsWith("contract"),
    );
    const tests = files.map((file) => readFileSync(path.join(folder, file), "utf8")).join("\n");
    expect(Object.keys(defaultLimits).filter((name) => !new RegExp(`\\b${name}: `).test(tests))).toEqual([]);
  });

  test("is that of docs/limits.md", () => {
    const rows = Object.entries(limitTable).map(
      ([name, { default: value, outcome, meaning }]) => `| \`${name}\` | ${value} | ${meaning} | ${outcome || "–"} |`,
    );
    const compact = (text: string) => text.replaceAll(/ *\| */g, "|");
    const page = compact(readFileSync(new URL("../../docs/limits.md", import.meta.url), "utf8"));
    for (const row of rows) expect(page).toContain(compact(row));
  });
});
