/** The catalogue's content as an immutable value, and its form as JSON. */
import { z } from "zod";
import type { LimitSettings } from "../broker/ports.ts";
import { UserError } from "../errors.ts";
import type { ApiTokenRecord, BrokerRecord, NamespaceRecord, ScramCredential } from "./catalogue.ts";

/** Maps are in the order of creation. */
export interface CatalogueState {
  readonly accountId: string;
  /** By id. */
  readonly namespaces: ReadonlyMap<string, NamespaceRecord>;
  /** By id. */
  readonly brokers: ReadonlyMap<string, BrokerRecord>;
  /** Broker id → ids of its revoked tokens. Brokers without any are left out. */
  readonly revocations: ReadonlyMap<string, ReadonlySet<string>>;
  /** Broker id → client id → credential. Brokers without any are left out. */
  readonly scramCredentials: ReadonlyMap<string, ReadonlyMap<string, ScramCredential>>;
  /** By id. */
  readonly apiTokens: ReadonlyMap<string, ApiTokenRecord>;
}

export function emptyState(accountId: string): CatalogueState {
  return {
    accountId,
    namespaces: new Map(),
    brokers: new Map(),
    revocations: new Map(),
    scramCredentials: new Map(),
    apiTokens: new Map(),
  };
}

/** Every change of the form gets a new number, and code that reads the older ones. */
const VERSION = 1;

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
      onPublish: z.object({ url: z.string() }).nullable(),
      // What names it has is for the contract to say: this program wrote them.
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

/** One JSON document, indented: people may want to look into it. */
export function serializeState(state: CatalogueState): string {
  const document: z.input<typeof documentSchema> = {
    version: VERSION,
    accountId: state.accountId,
    namespaces: [...state.namespaces.values()],
    brokers: [...state.brokers.values()].map((broker) => ({ ...broker, keys: [...broker.keys] })),
    revocations: Object.fromEntries([...state.revocations].map(([brokerId, jtis]) => [brokerId, [...jtis]])),
    scramCredentials: Object.fromEntries(
      [...state.scramCredentials].map(([brokerId, credentials]) => [brokerId, [...credentials.values()].map(asJson)]),
    ),
    apiTokens: [...state.apiTokens.values()],
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function asJson({ topicAcl, ...credential }: ScramCredential) {
  return { ...credential, topicAcl: typeof topicAcl === "string" ? topicAcl : [...topicAcl] };
}

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
