/** `--time`, wherever times are shown. */
import { expect, it } from "vitest";
import { InterruptedError } from "../../src/cli/errors.ts";
import { startFakeBroker } from "./fake-broker.ts";
import { type FakeClient, NOW, pubsub, start } from "./world.ts";

const BEFORE = new Date(NOW.getTime() - 90_000).toISOString();
const times = { created_on: BEFORE, modified_on: BEFORE, started_on: BEFORE, received_on: BEFORE };
const named = {
  ...times,
  id: "1",
  name: "dev",
  description: "",
  authType: "TOKEN",
  auth_type: "TOKEN",
  expiration: null,
};
const connection = { connected_on: BEFORE, remote: "127.0.0.1:1", transport: "tcp", keepAlive: 60 };
const session = { clientId: "c", connection, subscriptions: 0, sessionExpiryInterval: 0, filters: [] };
const retained = {
  ...times,
  topic: "t",
  payload: "x",
  payloadEncoding: "utf8",
  publisher: "c",
  payloadBytes: 1,
  qos: 0,
};

const client: FakeClient = {
  createNamespace: async () => named,
  describeNamespace: async () => named,
  listNamespaces: async () => [named],
  createBroker: async () => named,
  describeBroker: async () => named,
  updateBroker: async () => named,
  listApiTokens: async () => [{ ...named, scope: "read", namespace: null }],
  listRetained: async () => ({ messages: [retained] }),
  listSessions: async () => ({ sessions: [session] }),
  describeSession: async () => session,
  status: async () => ({ ...times, version: "1", pid: 1, mqtt: "mqtt://x", ws: "ws://x" }),
  listLogs: async () => [{ id: 1, time: BEFORE, message: "said" }],
};

const env = { PUBSUB_NAMESPACE: "local", PUBSUB_BROKER: "dev", TZ: "UTC" };

it.each([
  ["namespace", "create", "dev"],
  ["namespace", "describe"],
  ["namespace", "list"],
  ["broker", "create", "dev"],
  ["broker", "describe"],
  ["broker", "update", "--description", ""],
  ["api-token", "list"],
  ["retained", "list"],
  ["session", "list"],
  ["session", "describe", "c"],
  ["status"],
])("%s %s %s", async (...argv) => {
  const shown = async (style: string) => (await pubsub([...argv, "--time", style], { client, env })).stdout;
  expect(await shown("iso")).toContain("2026-11-20T11:58:30.000Z");
  expect(await shown("unix")).toContain(" 1795175910.000");
  expect(await shown("local")).toMatch(/ 2026-11-20 \d\d:\d8:30/);
  expect(await shown("relative")).toContain(" 1 min 30 s ago");
  expect((await pubsub([...argv, "--time", "delta"], { client, env })).code).toBe(2);
});

it("is RFC 3339 where nobody knows the time zone: in files and pipes", async () => {
  expect((await pubsub(["namespace", "list"], { client, env })).stdout).toContain("2026-11-20T11:58:30.000Z");
  expect((await pubsub(["logs"], { client, env })).stdout).toBe("2026-11-20T11:58:30.000Z  said\n");
  const terminal = { client, env, isTTY: true };
  expect((await pubsub(["namespace", "list"], terminal)).stdout).toMatch(/ 2026-11-20 \d\d:\d8:30/);
});

it("logs --follow goes on with what the server says, as soon as it does", async () => {
  const line = (id: number) => ({ id, time: "2026-11-20T11:58:30.000Z", message: `line ${id}` });
  const asked: object[] = [];
  let stop: (error: Error) => void = () => {};
  const answers = [[line(1)], [line(2), line(3)], [line(4)]];
  const logs = start(["logs", "--follow"], {
    env,
    client: {
      listLogs: async (input: object) => {
        asked.push(input);
        return answers.shift() ?? (await new Promise((_, reject) => (stop = reject)));
      },
    },
  });
  await logs.stdout.until("line 4");
  expect(asked.slice(1, 3)).toMatchObject([
    { after: 1, wait_ms: 20_000 },
    { after: 3, wait_ms: 20_000 },
  ]);
  logs.abort(new InterruptedError("SIGINT"));
  stop(new Error("the request was given up"));
  expect(await logs.exitCode).toBe(0);
});

it("sub --time says when each message came", async () => {
  const broker = await startFakeBroker({
    subscribe: ({ messageId }, peer) => {
      peer.send({ cmd: "suback", messageId, granted: [0] });
      for (const payload of ["one", "two"]) {
        peer.send({ cmd: "publish", topic: "a", payload, qos: 0, retain: false, dup: false });
      }
    },
  });
  const argv = ["sub", "a", "-v", "-C", "2", "--url", broker.url];
  const iso = await pubsub([...argv, "--time", "iso"]);
  expect(iso.stdout).toMatch(/^(20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z a (one|two)\n){2}$/);
  const delta = await pubsub([...argv, "--time", "delta"]);
  expect(delta.stdout).toMatch(/^ +\+0\.000 a one\n +\+\d\.\d{3} a two\n$/);
  const both = await pubsub(["sub", "a", "--url", broker.url, "--time", "iso", "--json"]);
  expect(both).toMatchObject({ code: 2, stderr: expect.stringContaining("--json has the time") });
});
