import { beforeEach, describe, expect, test } from "vitest";
import { readUnverifiedToken, verifyToken } from "../../src/auth/index.ts";
import type { Tokens } from "../../src/contract/types.ts";
import { B, START_MS, harness } from "./harness.ts";

let api: ReturnType<typeof harness>;
beforeEach(() => {
  api = harness();
});

const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;
const issue = async (query = "") => (await api.call("issueCredentials", `GET ${B}/credentials${query}`)) as Tokens;

async function claimsOf(jwt: string | undefined) {
  const [broker] = api.catalogue.brokers();
  const verified = verifyToken(jwt!, {
    keys: broker!.keys,
    issuer: "ns",
    audience: "b",
    isRevoked: () => false,
    nowMs: START_MS,
  });
  if (!verified.ok) throw new Error(verified.reason);
  return verified.claims;
}

test("one token for a new client id, for everything and for ever", async () => {
  await api.createBroker();
  const [[clientId, jwt], ...others] = Object.entries(await issue()) as [[string, string]];
  expect(others).toEqual([]);
  expect(clientId).toMatch(ULID);
  expect(await claimsOf(jwt)).toEqual({
    issuer: "ns",
    audience: "b",
    clientId,
    jti: expect.stringMatching(ULID),
    topicAcl: "#",
    issuedAtMs: START_MS,
    expiresAtMs: Infinity,
  });
});

test("100 at once, all different", async () => {
  await api.createBroker();
  const tokens = await issue("?number=100&type=TOKEN");
  expect(Object.keys(tokens)).toHaveLength(100);
  const claims = await Promise.all(Object.values(tokens).map(claimsOf));
  expect(new Set(claims.map(({ jti }) => jti)).size).toBe(100);
});

test.each([
  ["?clientid=one", ["one"]],
  ["?clientid=one&clientid=two", ["one", "two"]],
  ["?number=2&clientid=one&clientid=a/b,c", ["one", "a/b,c"]],
  ["?clientid=%C3%BC%20x", ["ü x"]],
  ["?clientid=__proto__&clientid=constructor", ["__proto__", "constructor"]],
  [`?clientid=${"x".repeat(256)}`, ["x".repeat(256)]],
])("client ids that were asked for: %s", async (query, clientIds) => {
  await api.createBroker();
  const text = await (await api.request(`GET ${B}/credentials${query}`)).text();
  const tokens = Object.entries((JSON.parse(text) as { result: Record<string, string> }).result);
  expect(tokens.map(([clientId]) => clientId)).toEqual(clientIds);
  for (const [clientId, jwt] of tokens) expect((await claimsOf(jwt)).clientId).toBe(clientId);
});

describe("expiration: the shorter of the broker's and the token's", () => {
  test.each<[broker: number | null, query: string, seconds: number]>([
    [null, "", Infinity],
    [null, "?expiration=60", 60],
    [3600, "", 3600],
    [3600, "?expiration=60", 60],
    [3600, "?expiration=7200", 3600],
    [3600, "?expiration=-1", Infinity],
    [null, "?expiration=-1", Infinity],
  ])("%s, %s: %s", async (expiration, query, seconds) => {
    await api.createBroker({ expiration });
    const [jwt] = Object.values(await issue(query));
    expect((await claimsOf(jwt)).expiresAtMs).toBe(START_MS + seconds * 1000);
    expect("exp" in readUnverifiedToken(jwt!)!.claims).toBe(seconds !== Infinity);
  });
});

test.each([
  ["?topicAcl=a/%2B", "a/+"],
  // What comes of `topicAcl=#`.
  ["?topicAcl=", "#"],
  ["?topicAcl=a/%2B/b&topicAcl=c,d/%23", ["a/+/b", "c,d/#"]],
])("topic filters %s", async (query, topicAcl) => {
  await api.createBroker();
  const [jwt] = Object.values(await issue(query));
  expect((await claimsOf(jwt)).topicAcl).toEqual(topicAcl);
});

test.each<[query: string, message: string]>([
  ["number=NaN", "number: must be a whole number"],
  ["number=0", "number: must be at least 1"],
  ["number=-5", "number: must be at least 1"],
  ["number=2.5", "number: must be a whole number"],
  ["number=101", "number: must be at most 100"],
  ["number=", "number: must be a whole number"],
  ["number=1e1", "number: must be a whole number"],
  ["number=0x10", "number: must be a whole number"],
  ["number=%20", "number: must be a whole number"],
  ["number=99999999999999999999", "number: must be"],
  ["number=1&number=2", "number: must be given once"],
  ["number=3&clientid=a", "number: is 3, but there are 1 client ids"],
  ["number=1&clientid=a&clientid=b", "number: is 1, but there are 2 client ids"],
  ["clientid=", "clientid.0: must be 1 to 256 characters"],
  ["clientid=a%00b", "clientid.0: must be"],
  ["clientid=a%0Ab", "clientid.0: must be"],
  [`clientid=${"x".repeat(257)}`, "clientid.0: must be"],
  ["clientid=a&clientid=a", "clientid: must differ"],
  [Array.from({ length: 101 }, (_, i) => `clientid=c${i}`).join("&"), "clientid: "],
  ["type=MTLS", "type: "],
  ["type=token", "type: "],
  ["expiration=0", "expiration: must be at least 1 second"],
  ["expiration=-2", "expiration: must be at least 1 second"],
  ["expiration=1h", "expiration: must be -1 or"],
  ["expiration=1.5", "expiration: must be -1 or"],
  ["expiration=NaN", "expiration: must be -1 or"],
  ["topicAcl=&topicAcl=a", "topicAcl.0: "],
  ["topicAcl=a%23", "topicAcl.0: must be a topic filter"],
  ["topicAcl=a&topicAcl=%23/a", "topicAcl.1: must be a topic filter"],
])("no token for %s", async (query, message) => {
  await api.createBroker();
  expect(await api.refused("invalid-request", `GET ${B}/credentials?${query}`)).toContain(message);
});
