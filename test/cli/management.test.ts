import { generateKeyPairSync, sign } from "node:crypto";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { ApiError } from "../../src/client/index.ts";
import { UserError } from "../../src/errors.ts";
import { temporaryFolder } from "../setup/temporary-folder.ts";
import { type FakeClient, NOW, pubsub } from "./world.ts";

const NS = { PUBSUB_NAMESPACE: "local", PUBSUB_BROKER: "dev" };
const namespace = {
  id: "1",
  name: "shop",
  description: "tills",
  created_on: NOW.toISOString(),
  modified_on: NOW.toISOString(),
};
const broker = {
  ...namespace,
  name: "orders",
  authType: "TOKEN",
  auth_type: "TOKEN",
  expiration: 172_800,
  endpoint: "mqtt://orders.shop.localhost:1883",
  on_publish: { url: "http://127.0.0.1:8787/" },
};

/** Answers every operation with the same result, and keeps the inputs. */
function recorder(result: unknown, ...operations: (keyof FakeClient)[]): { client: FakeClient; inputs: unknown[] } {
  const inputs: unknown[] = [];
  const answer = async (input: unknown) => {
    inputs.push(input);
    return result;
  };
  return { inputs, client: Object.fromEntries(operations.map((operation) => [operation, answer])) };
}

describe("namespaces", () => {
  it("are created, and shown as fields or JSON", async () => {
    const { client, inputs } = recorder(namespace, "createNamespace");
    const human = await pubsub(["namespace", "create", "shop", "--description", "tills"], { client });
    expect(human.stdout).toMatch(/^name +shop\nid +1\ndescription +tills\n/);
    const json = await pubsub(["namespace", "create", "shop", "--json"], { client });
    expect(JSON.parse(json.stdout)).toEqual(namespace);
    expect(inputs).toEqual([{ name: "shop", description: "tills" }, { name: "shop" }]);
  });

  it("may be there already with --if-not-exists", async () => {
    const { client, inputs } = recorder(namespace, "ensureNamespace");
    const { stdout } = await pubsub(["namespace", "create", "Shop", "--if-not-exists"], { client });
    expect(stdout).toMatch(/^name +shop\n/);
    await pubsub(["namespace", "create", "shop", "--if-not-exists", "--description", "tills"], { client });
    expect(inputs).toEqual([{ namespace: "Shop" }, { namespace: "shop", description: "tills" }]);
    const brokers = recorder(broker, "ensureBroker");
    const argv = ["broker", "create", "orders", "--if-not-exists", "--expiration", "none", "--json"];
    expect(JSON.parse((await pubsub(argv, { client: brokers.client, env: NS })).stdout)).toEqual(broker);
    expect(brokers.inputs).toEqual([{ namespace: "local", broker: "orders", expiration: null }]);
  });

  it("are listed as a table; none is said on standard error", async () => {
    const { client } = recorder([namespace, { ...namespace, name: "a" }], "listNamespaces");
    const { stdout } = await pubsub(["namespace", "list"], { client });
    expect(stdout.split("\n").map((line) => line.split(/ {2,}/)[0])).toEqual(["NAME", "shop", "a", ""]);
    const empty = await pubsub(["namespace", "list"], { client: recorder([], "listNamespaces").client });
    expect(empty).toMatchObject({ code: 0, stdout: "" });
    expect(empty.stderr).toContain("no namespace yet");
    expect((await pubsub(["namespace", "list", "-q"], { client: recorder([], "listNamespaces").client })).stderr).toBe(
      "",
    );
    expect(
      (await pubsub(["namespace", "list", "--json"], { client: recorder([], "listNamespaces").client })).stdout,
    ).toBe("[]\n");
  });

  it("are the configured one or the only one where none is named", async () => {
    const { client, inputs } = recorder(namespace, "describeNamespace");
    await pubsub(["namespace", "describe"], { client, env: NS });
    const only = { ...client, listNamespaces: async () => [namespace] };
    await pubsub(["namespace", "describe"], { client: only });
    expect(inputs).toEqual([{ namespace: "local" }, { namespace: "shop" }]);

    const several = await pubsub(["namespace", "describe"], {
      client: { listNamespaces: async () => [namespace, broker] },
    });
    expect(several.code).toBe(2);
    expect(several.stderr).toContain("several namespaces: shop, orders");
    const none = await pubsub(["namespace", "describe"], { client: { listNamespaces: async () => [] } });
    expect(none.code).toBe(5);
  });

  it("are deleted only by who says so", async () => {
    const { client, inputs } = recorder(null, "deleteNamespace");
    const refused = await pubsub(["namespace", "delete", "shop"], { client });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("--yes");
    expect(inputs).toEqual([]);
    expect(await pubsub(["namespace", "delete", "shop", "--yes"], { client })).toMatchObject({ code: 0, stdout: "" });
    expect(inputs).toEqual([{ namespace: "shop" }]);
  });

  it.each([
    ["y\n", 0, 1],
    ["Yes\n", 0, 1],
    ["n\n", 1, 0],
    ["\n", 1, 0],
    ["", 1, 0],
  ])("are deleted at a terminal after the answer %j", async (answer, code, deleted) => {
    const { client, inputs } = recorder(null, "deleteNamespace");
    const result = await pubsub(["namespace", "delete", "shop"], { client, isTTY: true, stdin: answer });
    expect(result.code).toBe(code);
    expect(result.stderr).toContain("Delete the namespace shop for good? [y/N]");
    expect(inputs).toHaveLength(deleted);
  });

  it.each([
    ["--no-input", {}],
    ["--json", { CI: "true" }],
  ])("are not asked about with %s %o", async (flag, env) => {
    const options = { isTTY: true, stdin: new Readable({ read() {} }), env };
    expect(await pubsub(["namespace", "delete", "shop", flag], options)).toMatchObject({ code: 2 });
  });
});

describe("brokers", () => {
  it("are created with wrangler's options", async () => {
    const { client, inputs } = recorder(broker, "createBroker");
    const argv = [
      "broker",
      "create",
      "orders",
      "--namespace",
      "shop",
      "--on-publish-url",
      "http://127.0.0.1:8787/",
      "--expiration",
      "48h",
    ];
    const { code, stdout } = await pubsub(argv, { client });
    expect(code).toBe(0);
    expect(stdout).toMatch(/tokens end after +2 days\non publish +http:\/\/127\.0\.0\.1:8787\//);
    expect(inputs).toEqual([
      { namespace: "shop", name: "orders", on_publish: { url: "http://127.0.0.1:8787/" }, expiration: 172_800 },
    ]);
  });

  it.each<[string[], object]>([
    [["--on-publish-url", "https://example.com/"], { on_publish: { url: "https://example.com/" } }],
    [["--no-on-publish"], { on_publish: { url: null } }],
    [["--hook-on-failure", "pass"], { on_publish: { on_failure: "pass" } }],
    [["--hook-circuit-breaker", "off"], { on_publish: { circuit_breaker: null } }],
    [["--expiration", "none"], { expiration: null }],
    [["--exp", "1mo", "--description", ""], { expiration: 2_592_000, description: "" }],
  ])("are changed by %j", async (flags, changes) => {
    const { client, inputs } = recorder(broker, "updateBroker");
    await pubsub(["broker", "update", "orders", "--ns", "shop", ...flags], { client });
    expect(inputs).toEqual([{ namespace: "shop", broker: "orders", ...changes }]);
  });

  it.each([
    [["broker", "update", "orders"], "nothing to change"],
    [["broker", "update", "orders", "--on-publish-url", "x"], "is not a URL"],
    [["broker", "update", "orders", "--on-publish-url", "ftp://x/"], "over HTTP"],
    [["broker", "update", "orders", "--no-on-publish", "--on-publish-url", "https://x/"], "exclude each other"],
    [["broker", "create", "-bad-"], "unknown option"],
    [["broker", "create", "bad_name"], "cannot be the name of a broker"],
    [["broker", "create", "b", "--expiration", "soon"], "is not a duration"],
    [["broker", "describe", "a", "--broker", "b"], "named twice"],
  ])("%j is wrong usage", async (argv, text) => {
    const { code, stderr } = await pubsub(argv, { env: NS });
    expect(code).toBe(2);
    expect(stderr).toContain(text);
  });

  it("of another namespace than the configured one are not guessed from the configuration", async () => {
    const { client, inputs } = recorder(broker, "describeBroker");
    const withList = { ...client, listBrokers: async () => [broker] };
    await pubsub(["broker", "describe"], { client: withList, env: NS });
    await pubsub(["broker", "describe", "--namespace", "shop"], { client: withList, env: NS });
    expect(inputs).toEqual([
      { namespace: "local", broker: "dev" },
      { namespace: "shop", broker: "orders" },
    ]);
  });

  it("are listed, deleted, and have keys", async () => {
    const keys = { keys: [{ kid: "k1", alg: "EdDSA", crv: "Ed25519", x: "abc" }] };
    const client: FakeClient = {
      listBrokers: async () => [broker],
      deleteBroker: async () => null,
      listPublicKeys: async () => keys,
    };
    expect((await pubsub(["broker", "list"], { client, env: NS })).stdout).toMatch(
      /^NAME +ON PUBLISH .*\norders +http/,
    );
    expect(await pubsub(["broker", "delete", "orders", "-y"], { client, env: NS })).toMatchObject({ code: 0 });
    expect((await pubsub(["broker", "public-keys"], { client, env: NS })).stdout).toMatch(
      /\nk1 +EdDSA +Ed25519 +abc\n$/,
    );
    expect(JSON.parse((await pubsub(["broker", "public-keys", "--json"], { client, env: NS })).stdout)).toEqual(keys);
  });
});

describe("tokens", () => {
  it.each([["token"], ["broker"]])("are issued by `%s issue`", async (group) => {
    const { client, inputs } = recorder({ a: "token-a", b: "token-b" }, "issueCredentials");
    const argv = [
      group,
      "issue",
      "dev",
      "--namespace",
      "local",
      "--type",
      "TOKEN",
      "--exp",
      "1h",
      "--client-id",
      "a",
      "--client-id",
      "b",
    ];
    const { stdout } = await pubsub(argv, { client });
    expect(stdout).toBe("a\ttoken-a\nb\ttoken-b\n");
    expect(inputs).toEqual([
      { namespace: "local", broker: "dev", type: "TOKEN", clientid: ["a", "b"], expiration: 3600 },
    ]);
  });

  it("are issued for ever, in numbers, and for some topics only", async () => {
    const { client, inputs } = recorder({}, "issueCredentials");
    await pubsub(["token", "issue", "-n", "3", "--expiration", "-1", "--topic-acl", "a/#", "--topic-acl", "b"], {
      client,
      env: NS,
    });
    expect(inputs).toMatchObject([{ number: 3, expiration: -1, topicAcl: ["a/#", "b"] }]);
    for (const number of ["0", "-5", "2.5", "NaN", "101"]) {
      expect(await pubsub(["token", "issue", "--number", number], { client, env: NS })).toMatchObject({ code: 2 });
    }
  });

  it("are revoked, listed and unrevoked, in wrangler's spelling too", async () => {
    const { client, inputs } = recorder(null, "revoke", "unrevoke");
    const all = { ...client, listRevocations: async () => ["j1", "j2"] };
    for (const group of ["token", "broker"]) {
      await pubsub([group, "revoke", "dev", "--jti", "j1,j2", "--jti", "j1"], { client: all, env: NS });
      await pubsub([group, "unrevoke", "dev", "--jti", "j1"], { client: all, env: NS });
    }
    const target = { namespace: "local", broker: "dev" };
    const round = [
      { ...target, jtis: ["j1", "j2"] },
      { ...target, jtis: ["j1"] },
    ];
    expect(inputs).toEqual([...round, ...round]);
    expect((await pubsub(["token", "revocations"], { client: all, env: NS })).stdout).toBe("j1\nj2\n");
    expect((await pubsub(["broker", "show-revocations", "dev"], { client: all, env: NS })).stdout).toBe("j1\nj2\n");
    expect(await pubsub(["token", "revoke"], { client: all, env: NS })).toMatchObject({ code: 2 });
  });
});

describe("token inspect", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const { kty, crv, x } = publicKey.export({ format: "jwk" }) as { kty: string; crv: string; x: string };
  const seconds = NOW.getTime() / 1000;
  const claims = {
    iss: "local",
    aud: "dev",
    sub: "terminal-7",
    jti: "j1",
    topicAcl: "#",
    iat: seconds - 60,
    exp: seconds + 7200,
  };

  function token(overrides: object = {}): string {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const signed = `${part({ alg: "EdDSA", kid: "k1" })}.${part({ ...claims, ...overrides })}`;
    return `${signed}.${sign(null, Buffer.from(signed), privateKey).toString("base64url")}`;
  }
  const unreachable: FakeClient = {
    listPublicKeys: async () => await Promise.reject(new UserError("server-not-running", "no server")),
    listRevocations: async () => await Promise.reject(new UserError("server-not-running", "no server")),
  };
  const reachable: FakeClient = {
    listPublicKeys: async () => ({ keys: [{ kid: "k1", kty, crv, x }] }),
    listRevocations: async () => ["j1"],
  };

  it("needs no server", async () => {
    const { code, stdout, stderr } = await pubsub(["token", "inspect", token()], { client: unreachable });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/client id +terminal-7\n/);
    expect(stdout).toMatch(/issued .*\(1 min ago\)\n/);
    expect(stdout).toMatch(/expires .*\(in 2 h\)\nstate +not expired\n/);
    expect(stdout).not.toContain("signature");
  });

  it("says what the server knows", async () => {
    const good = await pubsub(["token", "inspect", "-", "--json"], { client: reachable, stdin: `${token()}\n` });
    expect(JSON.parse(good.stdout)).toMatchObject({ claims, expired: false, signature: "valid", revoked: true });
    const [header, , signature] = token().split(".");
    const forged = [header, token({ sub: "other" }).split(".")[1], signature].join(".");
    const bad = await pubsub(["token", "inspect", "--json"], { client: reachable, env: { PUBSUB_TOKEN: forged } });
    expect(JSON.parse(bad.stdout)).toMatchObject({ signature: "invalid" });
  });

  it("sees that it has expired, or never does", async () => {
    expect((await pubsub(["token", "inspect", token({ exp: seconds - 1 })], { client: unreachable })).stdout).toMatch(
      /state +expired/,
    );
    expect((await pubsub(["token", "inspect", token({ exp: undefined })], { client: unreachable })).stdout).toMatch(
      /expires +never/,
    );
  });

  it("refuses what is no token", async () => {
    for (const text of ["abc", "a.b", "a.b.c", "..", ""]) {
      expect(await pubsub(["token", "inspect", "-"], { stdin: text })).toMatchObject({ code: 2, stdout: "" });
    }
  });
});

describe("errors of the API", () => {
  const failing = (thrown: Error) => ({ client: { listNamespaces: async () => await Promise.reject(thrown) } });

  it.each([
    [new UserError("server-not-running", "no pubsub server at X", "start one with: pubsub dev"), 3],
    [new ApiError(401, 10000, "no API token"), 4],
    [new ApiError(403, 9109, "wrong API token"), 4],
    [new ApiError(404, 17100, "no such namespace"), 5],
    [new ApiError(400, 17000, "number must be at least 1"), 2],
    [new ApiError(409, 17101, "the namespace exists already"), 1],
    [new ApiError(500, 17099, "the server failed"), 1],
  ])("%s exits with %i", async (error, code) => {
    const result = await pubsub(["namespace", "list"], failing(error));
    expect(result.code).toBe(code);
    expect(result.stderr).toMatch(new RegExp(`^error: ${error.message}\n`));
    const json = await pubsub(["namespace", "list", "--json"], failing(error));
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { code: error.code, message: error.message } });
  });

  it("that nobody foresaw are marked as such", async () => {
    const { code, stderr } = await pubsub(["namespace", "list"], failing(new TypeError("x is undefined")));
    expect(code).toBe(1);
    expect(stderr).toContain("error: unexpected: x is undefined");
    expect(stderr).not.toContain("    at ");
  });
});

describe("wait", () => {
  const refused = () => Promise.reject(new ApiError(401, 10000, "Authentication error: no API token"));

  it("goes on where the server listens, and its token does not stand in the configuration yet", async () => {
    let asked = 0;
    const status = async () => (++asked < 3 ? await refused() : { version: "1" });
    expect(await pubsub(["wait"], { client: { status } })).toMatchObject({ code: 0, stderr: "" });
  });

  it("says at once that the token of a ready file is wrong", async () => {
    const readyFile = path.join(temporaryFolder(), "ready.json");
    writeFileSync(readyFile, JSON.stringify({ v: 1, pid: process.pid, api: "http://127.0.0.1:1", apiToken: "x" }));
    const { code, stderr } = await pubsub(["wait", "--ready-file", readyFile], { client: { status: refused } });
    expect([code, stderr]).toEqual([4, expect.stringContaining("no API token")]);
  });
});

it("start says where its log cannot be written", async () => {
  const file = path.join(temporaryFolder(), "a-file");
  writeFileSync(file, "");
  const { code, stdout, stderr } = await pubsub(["start"], { env: { PUBSUB_CONFIG_DIR: path.join(file, "below") } });
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toMatch(/cannot be written \(ENOTDIR\)[^]*PUBSUB_CONFIG_DIR/);
});
