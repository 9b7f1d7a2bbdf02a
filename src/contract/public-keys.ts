import { z } from "zod";

const publicKeySchema = z
  .object({
    use: z.literal("sig"),
    kty: z.literal("OKP"),
    kid: z.string(),
    crv: z.literal("Ed25519"),
    // Not `Ed25519`, which Node would write: the original verifier rejects that.
    alg: z.literal("EdDSA"),
    x: z.string().describe("base64url"),
  })
  .meta({ id: "PublicKey" });

export const publicKeyOperations = {
  listPublicKeys: {
    summary: "The keys (JWK Set) that verify the broker's tokens and the signatures of its hook requests",
    result: z.object({ keys: z.array(publicKeySchema) }),
    errors: ["namespace-not-found", "broker-not-found"],
  },
} as const;
