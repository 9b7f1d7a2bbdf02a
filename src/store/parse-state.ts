/** Reads what state.ts wrote. Loads zod: import it lazily. */
import { z } from "zod";
import type { LimitSettings } from "../broker/ports.ts";
import { UserError } from "../errors.ts";
import type { HookSettings } from "../hooks/settings.ts";
import { type CatalogueState, VERSION } from "./state.ts";

const idSchema = z.string().regex(/^[0-9a-f]{32}$/);

const publicJwkSchema = z.object({
  use: z.literal("sig"),
  kty: z.literal("OKP"),
  kid: z.string(),
  crv: z.literal("Ed25519"),
  alg: z.literal("EdDSA"),
  x: z.string(),
});

const documentSchema = z.object({
  version: z.literal(VERSION),
  accountId: idSchema,
  namespaces: z.array(
    z.object({
      id: idSchema,
      name: z.string(),
      description: z.string(),
      createdOn: z.string(),
      modifiedOn: z.string(),
    }),
  ),
  brokers: z.array(
    z.object({
      id: idSchema,
      namespaceId: idSchema,
      name: z.string(),
      description: z.string(),
      authType: z.enum(["TOKEN", "MTLS", "MTLS_AND_TOKEN"]),
      expirationSeconds: z.int().nullable(),
      // What is in these two is for the contract to say: this program wrote them.
      onPublish: z.custom<HookSettings>((value) => typeof value === "object").nullable(),
      limits: z.custom<LimitSettings>((value) => typeof value === "object" && value !== null).default({}),
      keys: z
        .array(
          z.object({
            kid: z.string(),
            createdOn: z.string(),
            publicJwk: publicJwkSchema,
            privateJwk: publicJwkSchema.extend({ d: z.string() }),
          }),
        )
        .min(1),
      createdOn: z.string(),
      modifiedOn: z.string(),
    }),
  ),
  /** Broker id → token ids. */
  revocations: z.record(idSchema, z.array(z.string())),
  /** Broker id → credentials. */
  scramCredentials: z
    .record(
      idSchema,
      z.array(
        z.object({
          clientId: z.string(),
          jti: z.string(),
          topicAcl: z.union([z.string(), z.array(z.string())]),
          expiresAtMs: z.number().nullable(),
          salt: z.string(),
          iterations: z.int(),
          storedKey: z.string(),
          serverKey: z.string(),
        }),
      ),
    )
    .default({}),
  apiTokens: z
    .array(
      z.object({
        id: idSchema,
        name: z.string(),
        scope: z.enum(["read", "write", "admin"]),
        namespaceId: idSchema.nullable(),
        hash: z.string(),
        createdOn: z.string(),
      }),
    )
    .default([]),
});

/** As it is written. */
export type CatalogueDocument = z.input<typeof documentSchema>;

/**
 * @param file its name, for the message
 * @throws {UserError} `catalogue-unreadable`: another version, not JSON, or not a catalogue
 */
export function parseState(text: string, file: string): CatalogueState {
  const unreadable = (what: string) =>
    new UserError(
      "catalogue-unreadable",
      `${file} ${what}`,
      "it is left as it is: restore it from a backup or move it away",
    );
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw unreadable("is not JSON");
  }
  const version = (json as { version?: unknown } | null)?.version;
  if (typeof version === "number" && version !== VERSION) {
    throw unreadable(`has version ${version}, and this program reads version ${VERSION}`);
  }
  const parsed = documentSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw unreadable(`is not a catalogue: ${issue?.path.join(".") || "document"}: ${issue?.message}`);
  }
  const { accountId, namespaces, brokers, revocations, scramCredentials, apiTokens } = parsed.data;
  const orphan = brokers.find(({ namespaceId }) => !namespaces.some(({ id }) => id === namespaceId));
  if (orphan !== undefined) throw unreadable(`is not a catalogue: the broker ${orphan.name} is in no namespace`);
  return {
    accountId,
    namespaces: new Map(namespaces.map((namespace) => [namespace.id, namespace])),
    brokers: new Map(brokers.map((broker) => [broker.id, broker])),
    revocations: new Map(Object.entries(revocations).map(([brokerId, jtis]) => [brokerId, new Set(jtis)])),
    scramCredentials: new Map(
      Object.entries(scramCredentials).map(([brokerId, credentials]) => [
        brokerId,
        new Map(credentials.map((credential) => [credential.clientId, credential])),
      ]),
    ),
    apiTokens: new Map(apiTokens.map((apiToken) => [apiToken.id, apiToken])),
  };
}
