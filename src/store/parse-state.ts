/** Reads what state.ts wrote. */
import type { LimitSettings } from "../broker/ports.ts";
import { UserError } from "../errors.ts";
import type { HookSettings } from "../hooks/settings.ts";
import type { ScramCredential } from "./catalogue.ts";
import {
  type Form,
  FormError,
  anyObject,
  listOf,
  mapOf,
  number,
  object,
  oneOf,
  orMissing,
  orNull,
  text,
  textLike,
  wholeNumber,
} from "./form.ts";
import { type CatalogueState, VERSION } from "./state.ts";

const id = textLike(/^[0-9a-f]{32}$/);

const publicJwk = {
  use: oneOf("sig"),
  kty: oneOf("OKP"),
  kid: text,
  crv: oneOf("Ed25519"),
  alg: oneOf("EdDSA"),
  x: text,
};

const key = object({
  kid: text,
  createdOn: text,
  publicJwk: object(publicJwk),
  privateJwk: object({ ...publicJwk, d: text }),
});

const keys: Form<[Key, ...Key[]]> = (value, path) => {
  const [first, ...others] = listOf(key)(value, path);
  if (first === undefined) throw new FormError(path, "a list with a key");
  return [first, ...others];
};

type Key = ReturnType<typeof key>;

const namespace = object({ id, name: text, description: text, createdOn: text, modifiedOn: text });

const broker = object({
  id,
  namespaceId: id,
  name: text,
  description: text,
  authType: oneOf("TOKEN", "MTLS", "MTLS_AND_TOKEN"),
  expirationSeconds: orNull(wholeNumber),
  // What is in these two is for the contract to say: this program wrote them.
  onPublish: orNull((value, path) => anyObject(value, path) as HookSettings),
  limits: orMissing<LimitSettings>(anyObject, {}),
  keys,
  createdOn: text,
  modifiedOn: text,
});

const scramCredential: Form<ScramCredential> = object({
  clientId: text,
  jti: text,
  topicAcl: (value: unknown, path: readonly string[]) =>
    typeof value === "string" ? value : listOf(text)(value, path),
  expiresAtMs: orNull(number),
  salt: text,
  iterations: wholeNumber,
  storedKey: text,
  serverKey: text,
});

const apiToken = object({
  id,
  name: text,
  scope: oneOf("read", "write", "admin"),
  namespaceId: orNull(id),
  hash: text,
  createdOn: text,
});

const document = object({
  version: oneOf(VERSION),
  accountId: id,
  namespaces: listOf(namespace),
  brokers: listOf(broker),
  /** Broker id → token ids. */
  revocations: mapOf(id, listOf(text)),
  /** Broker id → credentials. */
  scramCredentials: orMissing<Map<string, ScramCredential[]>>(mapOf(id, listOf(scramCredential)), new Map()),
  apiTokens: orMissing(listOf(apiToken), []),
});

/**
 * @param file its name, for the message
 * @throws {UserError} `catalogue-unreadable`: another version, not JSON, or not a catalogue
 */
export function parseState(content: string, file: string): CatalogueState {
  const unreadable = (what: string) =>
    new UserError(
      "catalogue-unreadable",
      `${file} ${what}`,
      "it is left as it is: restore it from a backup or move it away",
    );
  let json: unknown;
  try {
    json = JSON.parse(content);
  } catch {
    throw unreadable("is not JSON");
  }
  const version = (json as { version?: unknown } | null)?.version;
  if (typeof version === "number" && version !== VERSION) {
    throw unreadable(`has version ${version}, and this program reads version ${VERSION}`);
  }
  let parsed: ReturnType<typeof document>;
  try {
    parsed = document(json, []);
  } catch (error) {
    throw unreadable(`is not a catalogue: ${(error as FormError).message}`);
  }
  const { accountId, namespaces, brokers, revocations, scramCredentials, apiTokens } = parsed;
  const orphan = brokers.find(({ namespaceId }) => !namespaces.some((each) => each.id === namespaceId));
  if (orphan !== undefined) throw unreadable(`is not a catalogue: the broker ${orphan.name} is in no namespace`);
  return {
    accountId,
    namespaces: new Map(namespaces.map((each) => [each.id, each])),
    brokers: new Map(brokers.map((each) => [each.id, each])),
    revocations: new Map([...revocations].map(([brokerId, jtis]) => [brokerId, new Set(jtis)])),
    scramCredentials: new Map(
      [...scramCredentials].map(([brokerId, credentials]) => [
        brokerId,
        new Map(credentials.map((credential) => [credential.clientId, credential])),
      ]),
    ),
    apiTokens: new Map(apiTokens.map((each) => [each.id, each])),
  };
}
