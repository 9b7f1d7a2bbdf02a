import * as crypto from "node:crypto";
import { beforeAll, beforeEach, expect, test, vi } from "vitest";
import { type SigningKey, TokenVerifier, generateSigningKey, issueToken } from "../../src/auth/index.ts";

vi.mock(import("node:crypto"), async (original) => {
  const actual = await original();
  return { ...actual, verify: vi.fn<typeof actual.verify>(actual.verify) as unknown as typeof actual.verify };
});
const verifications = vi.mocked(crypto.verify);

const NOW_MS = 1_700_000_000_000;
let key: SigningKey;
let otherKey: SigningKey;
beforeAll(async () => {
  key = await generateSigningKey(NOW_MS);
  otherKey = await generateSigningKey(NOW_MS);
});
beforeEach(() => {
  verifications.mockClear();
});

const claims = {
  issuer: "ns",
  audience: "broker",
  clientId: "client",
  jti: "jti",
  topicAcl: "#",
  issuedAtMs: NOW_MS,
  expiresAtMs: NOW_MS + 60_000,
};
const expected = () => ({
  keys: [key],
  issuer: "ns",
  audience: "broker",
  isRevoked: (_jti: string) => false,
  nowMs: NOW_MS,
});

test("a signature is verified once", async () => {
  const verifier = new TokenVerifier();
  const jwt = issueToken(key, claims);
  for (let time = 0; time < 3; time++) {
    expect(verifier.verify(jwt, { ...expected(), keys: [otherKey, key] })).toEqual({ ok: true, claims });
  }
  expect(verifications).toHaveBeenCalledTimes(1);
});

test("everything else is checked each time", async () => {
  const verifier = new TokenVerifier();
  const jwt = issueToken(key, claims);
  verifier.verify(jwt, expected());
  expect(verifier.verify(jwt, { ...expected(), nowMs: NOW_MS + 60_000 })).toMatchObject({ kind: "expired" });
  expect(verifier.verify(jwt, { ...expected(), isRevoked: (jti) => jti === "jti" })).toMatchObject({ kind: "revoked" });
  expect(verifier.verify(jwt, { ...expected(), audience: "other" })).toMatchObject({ kind: "wrong-audience" });
  expect(verifier.verify(jwt, { ...expected(), issuer: "other" })).toMatchObject({ kind: "wrong-issuer" });
  expect(verifier.verify(jwt, { ...expected(), keys: [otherKey] })).toMatchObject({ kind: "unknown-key" });
  expect(verifier.verify(jwt, { ...expected(), keys: [] })).toMatchObject({ kind: "unknown-key" });
  expect(verifier.verify(jwt, expected())).toEqual({ ok: true, claims });
});

test("a bad signature is never remembered, nor taken for a good one", async () => {
  const verifier = new TokenVerifier();
  const jwt = issueToken(key, claims);
  verifier.verify(jwt, expected());
  const forged = `${jwt.slice(0, -10)}${"A".repeat(10)}`;
  for (let time = 0; time < 2; time++) {
    expect(verifier.verify(forged, expected())).toMatchObject({ ok: false, kind: "bad-signature" });
  }
  expect(verifications).toHaveBeenCalledTimes(3);
  expect(verifier.verify(`${jwt}A`, expected())).toMatchObject({ ok: false, kind: "bad-signature" });
});

test("no more than so many are remembered, the latest", async () => {
  const verifier = new TokenVerifier();
  verifications.mockReturnValue(true as never);
  const [header, , signature] = issueToken(key, claims).split(".");
  const token = (number: number) => {
    const content = { iss: "ns", aud: "broker", sub: `client-${number}`, jti: "jti", iat: 1, topicAcl: "#" };
    return `${header}.${Buffer.from(JSON.stringify(content)).toString("base64url")}.${signature}`;
  };
  for (let number = 0; number <= 4096; number++) verifier.verify(token(number), expected());
  verifications.mockClear();
  verifier.verify(token(1), expected());
  verifier.verify(token(4096), expected());
  expect(verifications).not.toHaveBeenCalled();
  verifier.verify(token(0), expected());
  expect(verifications).toHaveBeenCalledTimes(1);
});

test("long tokens are verified each time", async () => {
  const verifier = new TokenVerifier();
  const jwt = issueToken(key, { ...claims, topicAcl: ["a".repeat(2048), "b"] });
  for (let time = 0; time < 2; time++) expect(verifier.verify(jwt, expected()).ok).toBe(true);
  expect(verifications).toHaveBeenCalledTimes(2);
});
