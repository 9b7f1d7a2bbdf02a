import { SignJWT, UnsecuredJWT } from "jose";
import { beforeAll, describe, expect, test } from "vitest";
import {
  type SigningKey,
  type TokenClaims,
  type TokenExpectations,
  type TokenFailureKind,
  generateSigningKey,
  issueToken,
  readUnverifiedToken,
  verifyToken,
} from "../../src/auth/index.ts";

const NOW_MS = Date.UTC(2025, 5, 1, 12);
const NOW = NOW_MS / 1000;

let key: SigningKey;
let otherKey: SigningKey;
let expected: TokenExpectations;

beforeAll(async () => {
  key = await generateSigningKey();
  otherKey = await generateSigningKey();
  expected = { keys: [otherKey, key], issuer: "ns", audience: "b", isRevoked: () => false, nowMs: NOW_MS };
});

const claims: TokenClaims = {
  issuer: "ns",
  audience: "b",
  clientId: "client",
  jti: "jti",
  topicAcl: "#",
  issuedAtMs: NOW_MS,
  expiresAtMs: NOW_MS + 3_600_000,
};
const payload = { iss: "ns", aud: "b", sub: "client", jti: "jti", iat: NOW, topicAcl: "#" };

/** A token of our key with any content. */
function sign(content: object, header: object = {}): Promise<string> {
  return new SignJWT({ ...content })
    .setProtectedHeader({ alg: "EdDSA", kid: key.kid, ...header })
    .sign({ ...key.privateJwk });
}

describe("issued tokens", () => {
  test("pass, with their claims", async () => {
    expect(verifyToken(issueToken(key, claims), expected)).toEqual({ ok: true, claims });
  });

  test("have the header and claims of the original", async () => {
    const jwt = issueToken(key, { ...claims, issuedAtMs: NOW_MS + 999, topicAcl: ["a/#"] });
    expect(readUnverifiedToken(jwt)).toEqual({
      header: { alg: "EdDSA", kid: key.kid, typ: "JWT" },
      claims: { ...payload, exp: NOW + 3600, topicAcl: "a/#" },
    });
  });

  test("without an end have no exp; several filters are a list", async () => {
    const endless = { ...claims, expiresAtMs: Infinity, topicAcl: ["a", "b/+"] };
    const jwt = issueToken(key, endless);
    expect(readUnverifiedToken(jwt)?.claims).toEqual({ ...payload, topicAcl: ["a", "b/+"] });
    expect(verifyToken(jwt, { ...expected, nowMs: 8e15 })).toEqual({ ok: true, claims: endless });
  });
});

describe("refused tokens", () => {
  const changes: [what: string, kind: TokenFailureKind, content: object][] = [
    ["no iss", "missing-claim", { iss: undefined }],
    ["no aud", "missing-claim", { aud: undefined }],
    ["a list as aud", "missing-claim", { aud: ["b"] }],
    ["no sub", "missing-claim", { sub: undefined }],
    ["an empty sub", "missing-claim", { sub: "" }],
    ["no jti", "missing-claim", { jti: undefined }],
    ["no iat", "missing-claim", { iat: undefined }],
    ["iat in words", "missing-claim", { iat: "now" }],
    ["a negative iat", "missing-claim", { iat: -1 }],
    ["nbf in words", "missing-claim", { nbf: "now" }],
    ["exp in words", "missing-claim", { exp: "never" }],
    ["exp beyond all dates", "missing-claim", { exp: 1e300 }],
    ["no topicAcl", "missing-claim", { topicAcl: undefined }],
    ["a number as topicAcl", "missing-claim", { topicAcl: 1 }],
    ["numbers in topicAcl", "missing-claim", { topicAcl: ["a", 1] }],
    ["another namespace", "wrong-issuer", { iss: "other" }],
    ["another broker", "wrong-audience", { aud: "other" }],
    ["iat in the future", "not-yet-valid", { iat: NOW + 61 }],
    ["nbf in the future", "not-yet-valid", { nbf: NOW + 61 }],
    ["exp in the past", "expired", { exp: NOW - 1 }],
    ["exp right now", "expired", { exp: NOW }],
  ];
  test.each(changes)("%s: %s", async (_, kind, content) => {
    const result = verifyToken(await sign({ ...payload, ...content }), expected);
    expect(result).toEqual({ ok: false, kind, reason: expect.any(String) });
  });

  test("a clock that is a little ahead does no harm", async () => {
    expect(verifyToken(await sign({ ...payload, iat: NOW + 59, nbf: NOW + 59 }), expected).ok).toBe(true);
  });

  test("revoked", async () => {
    const isRevoked = (jti: string) => jti === "jti";
    const result = verifyToken(await sign(payload), { ...expected, isRevoked });
    expect(result).toMatchObject({ ok: false, kind: "revoked" });
  });

  test.each(["", "x", "a.b.c", "..", "e30.e30.e30", "e30.e30", "\u0000", "ä.ö.ü"])("malformed: %j", async (jwt) => {
    expect(verifyToken(jwt, expected)).toMatchObject({ ok: false, kind: "malformed" });
  });

  test("without a signature", async () => {
    expect(verifyToken(new UnsecuredJWT(payload).encode(), expected)).toMatchObject({ kind: "malformed" });
  });

  test("signed with the public key as a shared secret", async () => {
    const secret = new TextEncoder().encode(JSON.stringify(key.publicJwk));
    const jwt = await new SignJWT(payload).setProtectedHeader({ alg: "HS256", kid: key.kid }).sign(secret);
    expect(verifyToken(jwt, expected)).toMatchObject({ kind: "malformed" });
  });

  test("with extensions that must be understood", async () => {
    const [header, ...rest] = (await sign(payload)).split(".");
    const critical = { ...JSON.parse(Buffer.from(header!, "base64url").toString()), crit: ["x"], x: 1 };
    const jwt = [Buffer.from(JSON.stringify(critical)).toString("base64url"), ...rest].join(".");
    expect(verifyToken(jwt, expected)).toMatchObject({ kind: "malformed" });
  });

  test("of another broker's key", async () => {
    const result = verifyToken(await sign(payload), { ...expected, keys: [otherKey] });
    expect(result).toMatchObject({ ok: false, kind: "unknown-key" });
    expect(verifyToken(await sign(payload, { kid: undefined }), expected)).toMatchObject({ kind: "unknown-key" });
  });

  test("signed with another key under our key's name", async () => {
    const jwt = issueToken({ ...otherKey, kid: key.kid }, claims);
    expect(verifyToken(jwt, expected)).toMatchObject({ ok: false, kind: "bad-signature" });
  });

  test("with any other content under the same signature", async () => {
    const [header, , signature] = (await sign(payload)).split(".");
    const content = Buffer.from(JSON.stringify({ ...payload, sub: "admin" })).toString("base64url");
    expect(verifyToken(`${header}.${content}.${signature}`, expected)).toMatchObject({ kind: "bad-signature" });
  });

  test("never say what is in the token beyond names", async () => {
    const jwt = await sign({ ...payload, aud: "other", secret: "s3cret" });
    expect(JSON.stringify(verifyToken(jwt, expected))).not.toContain("s3cret");
  });
});

test("what is not a token reads as undefined", () => {
  for (const text of ["", "a.b", "e30.W10.x", "hello world"]) expect(readUnverifiedToken(text)).toBeUndefined();
});
