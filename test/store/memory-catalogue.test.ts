import { describe, expect, test } from "vitest";
import { createMemoryCatalogue } from "../../src/store/index.ts";
import { catalogueSuite } from "./catalogue-suite.ts";

describe("memory catalogue", () => {
  catalogueSuite(async (now) => createMemoryCatalogue({ now }));

  test("takes an account id", () => {
    const accountId = "0123456789abcdef0123456789abcdef";
    expect(createMemoryCatalogue({ accountId }).accountId).toBe(accountId);
  });
});
