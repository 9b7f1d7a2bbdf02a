import { expect, test } from "vitest";
import { createApiTokenCheck, generateApiToken, hashApiToken } from "../../src/auth/index.ts";

test("only the token itself passes", () => {
  const token = generateApiToken();
  expect(token).toMatch(/^[\w-]{43}$/);
  expect(generateApiToken()).not.toBe(token);
  const isApiToken = createApiTokenCheck(hashApiToken(token));
  expect(isApiToken(token)).toBe(true);
  for (const other of ["", `${token} `, token.slice(1), hashApiToken(token), "é".repeat(100)]) {
    expect(isApiToken(other)).toBe(false);
  }
});
