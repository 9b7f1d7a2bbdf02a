import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { expect, test } from "vitest";
import { currentKey, generateSigningKey } from "../../src/auth/index.ts";

test("a key is plain JSON with a public part in Cloudflare's form", async () => {
  const key = await generateSigningKey(Date.UTC(2025, 0, 2));
  expect(JSON.parse(JSON.stringify(key))).toEqual(key);
  expect(key.createdOn).toBe("2025-01-02T00:00:00.000Z");
  const { kid } = key;
  const x = expect.stringMatching(/^[\w-]{43}$/);
  expect(key.publicJwk).toEqual({ use: "sig", kty: "OKP", kid, crv: "Ed25519", alg: "EdDSA", x });
  expect(key.privateJwk).toEqual({ ...key.publicJwk, d: expect.any(String) });
});

test("both parts belong together, as Node sees them", async () => {
  const { publicJwk, privateJwk } = await generateSigningKey();
  const data = Buffer.from("data");
  const signature = sign(null, data, createPrivateKey({ key: { ...privateJwk }, format: "jwk" }));
  expect(verify(null, data, createPublicKey({ key: { ...publicJwk }, format: "jwk" }), signature)).toBe(true);
});

test("the last key is the one that signs", async () => {
  const keys = [await generateSigningKey(), await generateSigningKey()];
  expect(keys[0]!.kid).not.toBe(keys[1]!.kid);
  expect(currentKey(keys)).toBe(keys[1]);
  expect(() => currentKey([])).toThrow("without a key");
});
