/**
 * The API as curl sees it: the requests that the documentation of Cloudflare Pub/Sub had in its guide (first version, May
 * 2022), its pages on authentication and on Workers, with nothing changed but where the server is.
 */
import { spawnSync } from "node:child_process";
import { createPublicKey } from "node:crypto";
import { expect, test } from "vitest";
import { type Ready, World } from "./world.ts";

/** Developers may be without; CI has it, and there its absence is a failure. */
const hasCurl = process.env["CI"] !== undefined || spawnSync("curl", ["--version"]).error === undefined;

const AUTH = '-H "X-Auth-Email: ${CF_API_EMAIL}" -H "X-Auth-Key: ${CF_API_KEY}"';
const JSON_TYPE = '-H "Content-Type: application/json"';
const NAMESPACES = "${API}/accounts/${CF_ACCOUNT_ID}/pubsub/namespaces";
const BROKERS = `${NAMESPACES}/\${DEFAULT_NAMESPACE}/brokers`;
const BROKER = `${BROKERS}/\${BROKER_NAME}`;

/** Runs a line in a shell, as the guide has its readers do, and gives the envelope and the status. */
function shell(world: World, { api, apiToken, accountId }: Ready) {
  const env = {
    API: api,
    CF_API_EMAIL: "you@example.com",
    CF_API_KEY: apiToken,
    CF_ACCOUNT_ID: accountId,
    DEFAULT_NAMESPACE: "my-namespace",
    BROKER_NAME: "example-broker",
    CLOUDFLARE_API_TOKEN: apiToken,
    NO_PROXY: "127.0.0.1",
  };
  return async (line: string) => {
    const { code, stdout, stderr } = await world.spawn("sh", ["-c", `${line} -w '\\n%{http_code}'`], env).finished;
    expect(code, stderr).toBe(0);
    const [body = "", status] = stdout.split(/\n(?=\d{3}$)/);
    const envelope = JSON.parse(body) as { success: boolean; errors: unknown[]; messages: string[]; result: unknown };
    return { status: Number(status), ...envelope };
  };
}

const ok = (result: unknown) => ({ status: 200, success: true, errors: [], messages: [], result });

test.runIf(hasCurl)("curl: the archived documentation's requests", async () => {
  const world = await World.create();
  const ready = await world.dev("--no-tls", "--memory");
  const run = shell(world, ready);

  const created = await run(`curl -s ${AUTH} ${JSON_TYPE} "${NAMESPACES}" --data '{"name": "my-namespace" }'`);
  expect(created).toMatchObject(ok({ name: "my-namespace", description: "", id: expect.stringMatching(/^\w{32}$/) }));
  const broker = `--data '{"name": "example-broker", "authType": "TOKEN" }'`;
  expect(await run(`curl -s ${AUTH} ${JSON_TYPE} "${BROKERS}" ${broker}`)).toMatchObject(
    ok({ name: "example-broker", authType: "TOKEN", expiration: null }),
  );
  // curl takes `#` for the beginning of a fragment: what comes is `topicAcl=`.
  const issued = await run(`curl -s ${AUTH} ${JSON_TYPE} "${BROKER}/credentials?number=2&type=TOKEN&topicAcl=#"`);
  expect(issued).toMatchObject({ status: 200, success: true });
  const tokens = issued.result as Record<string, string>;
  expect(Object.keys(tokens)).toHaveLength(2);
  const [clientId, token] = Object.entries(tokens)[0]!;
  const publish = ["pub", "example-topic", "hello", "-q", "1", "--url", ready.mqtt, "-i", clientId, "-u", "PubSub"];
  expect(await world.run([...publish, "--token-stdin"], token)).toMatchObject({ code: 0 });

  const jti = (JSON.parse(Buffer.from(token.split(".")[1]!, "base64url").toString()) as { jti: string }).jti;
  // Without quotes, as it was there.
  const revocations = (method: string) => `curl -s ${method} ${AUTH} ${BROKER}/revocations?jti=${jti},01G18XXDR6JG9VTB`;
  expect(await run(revocations("-X POST"))).toEqual(ok(null));
  expect(await run(`curl -s ${AUTH} ${BROKER}/revocations`)).toEqual(ok([jti, "01G18XXDR6JG9VTB"]));
  expect(await world.run([...publish, "--token-stdin"], token)).toMatchObject({ code: 4 });
  expect(await run(revocations("-X DELETE"))).toEqual(ok(null));
  expect(await run(`curl -s ${AUTH} ${BROKER}/revocations`)).toEqual(ok([]));

  // The page on Workers, with the newer kind of token; curl's own content type is that of a form.
  const bearer = '-H "Authorization: Bearer ${CLOUDFLARE_API_TOKEN}"';
  const url = "https://your.worker.workers.dev/";
  const update = `--data '{"expiration": 604800, "on_publish": {"url": "${url}"}}'`;
  expect(await run(`curl -s -X PATCH ${bearer} "${BROKER}" ${update}`)).toMatchObject(
    ok({ expiration: 604_800, on_publish: { url } }),
  );
  const { result } = await run(`curl -s ${bearer} "${BROKER}/publickeys"`);
  const [key] = (result as { keys: { kty: string; crv: string; x: string }[] }).keys;
  expect(createPublicKey({ key: key!, format: "jwk" }).asymmetricKeyType).toBe("ed25519");

  expect(await run(`curl -s ${bearer} "${BROKERS}"`)).toMatchObject({
    status: 200,
    result: [{ name: "example-broker" }],
  });
  expect(await run(`curl -s -X DELETE ${bearer} "${BROKER}"`)).toEqual(ok(null));
  expect(await run(`curl -s -X DELETE ${bearer} "${NAMESPACES}/\${DEFAULT_NAMESPACE}"`)).toEqual(ok(null));
});

test.runIf(hasCurl)("curl: the guide's mistakes get the answers that it describes", async () => {
  const world = await World.create();
  const run = shell(world, await world.dev("--no-tls", "--memory"));
  const wrong = AUTH.replace("${CF_API_KEY}", "<YOUR_API_KEY>");
  expect(await run(`curl -s ${wrong} ${JSON_TYPE} "${NAMESPACES}"`)).toMatchObject({
    status: 403,
    errors: [{ code: 9109 }],
  });
  expect(await run(`curl -s ${AUTH} ${JSON_TYPE} "${NAMESPACES}" --data '{"name": my-namespace }'`)).toMatchObject({
    status: 400,
    success: false,
    errors: [{ message: expect.stringContaining("not JSON") }],
  });
  expect(await run(`curl -s "${NAMESPACES}"`)).toMatchObject({ status: 401, success: false });
  expect(await run(`curl -s ${AUTH} "${BROKER}"`)).toMatchObject({ status: 404, result: null });
});
