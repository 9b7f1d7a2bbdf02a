/** The key that signs what a tested hook gets: made for the run, or kept in a file. */
import { readFile, writeFile } from "node:fs/promises";
import { type SigningKey, generateSigningKey } from "../auth/index.ts";
import { UserError } from "../errors.ts";

/** Needed by nobody after the run. */
export async function createKey(): Promise<SigningKey> {
  return await generateSigningKey();
}

/**
 * Reads a key, as JSON; where there is no such file, makes one that only its owner can read.
 * @throws {UserError} `key-invalid`, `file-unwritable`
 */
export async function readKey(file: string): Promise<SigningKey> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new UserError("key-invalid", `cannot read the key in ${file}: ${error.code}`, "check the path");
  });
  if (text !== undefined) return parseKey(text, file);
  const key = await generateSigningKey();
  try {
    await writeFile(file, `${JSON.stringify(key.privateJwk, undefined, 2)}\n`, { mode: 0o600, flag: "wx" });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UserError("file-unwritable", `cannot write the key to ${file}: ${code}`, "check the path");
  }
  return key;
}

function parseKey(text: string, file: string): SigningKey {
  const hint = "delete it, and a new one is made; it is a private JSON Web Key of type OKP, curve Ed25519";
  let jwk: Record<string, unknown>;
  try {
    jwk = JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new UserError("key-invalid", `${file} has no key in it: it is not JSON`, hint);
  }
  const { kid, crv, x, d } = jwk ?? {};
  if (crv !== "Ed25519" || typeof kid !== "string" || typeof x !== "string" || typeof d !== "string") {
    throw new UserError("key-invalid", `${file} has no private Ed25519 key with kid, x and d in it`, hint);
  }
  const publicJwk = { use: "sig", kty: "OKP", kid, crv, alg: "EdDSA", x } as const;
  return { kid, createdOn: new Date(0).toISOString(), publicJwk, privateJwk: { ...publicJwk, d } };
}
