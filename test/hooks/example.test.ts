/** The example's hook, unchanged, behind its few lines of Node, asked by the real webhook. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Message, Verdict } from "../../src/broker/ports.ts";
import { Webhook } from "../../src/hooks/index.ts";
import { message } from "./messages.ts";
import { signingKey } from "./server.ts";

interface Serving {
  readonly url: string;
  close(): Promise<void>;
}
type Serve = (worker: unknown, options: { env: Record<string, unknown> }) => Promise<Serving>;

const folder = new URL("../../examples/payment-terminals/", import.meta.url);
const key = signingKey();
const points: unknown[] = [];
let serving: Serving;
let serve: Serve;

beforeAll(async () => {
  ({ serve } = (await import(new URL("serve.js", folder).href)) as { serve: Serve });
  const { default: worker } = (await import(new URL("hook.js", folder).href)) as { default: unknown };
  const TRANSACTIONS = { writeDataPoint: (point: unknown) => points.push(point) };
  serving = await serve(worker, {
    env: { BROKER_PUBLIC_KEYS: JSON.stringify({ keys: [key.publicJwk] }), TRANSACTIONS },
  });
});
afterAll(() => serving.close());

async function ask(batch: Message[], signedWith = key, url = serving.url): Promise<readonly Verdict[]> {
  const hook = new Webhook({ url, brokerHost: "b.ns.example.com", signingKey: signedWith });
  const { verdicts } = await hook.onPublish(batch, new AbortController().signal);
  await hook.close();
  return verdicts;
}

test("transactions are counted and redacted, debug is dropped, the rest passes", async () => {
  const transaction = (card: unknown) => Buffer.from(JSON.stringify({ amount: 12.5, currency: "EUR", card }));
  const properties = { payloadFormatIndicator: 1, contentType: "application/json" };
  const verdicts = await ask([
    message({ topic: "transactions/eu/ams-2", payload: transaction("4111 1111 1111 1111"), properties }),
    message({ topic: "transactions/eu/ams-2", payload: transaction(4_111_111_111_111_111) }),
    message({ topic: "debug/ams-2" }),
    message({ topic: "debug" }),
    message({ topic: "debugging/ams-2" }),
    message({ topic: "status/ams-2", payload: Buffer.from([0xff, 0]) }),
    message({ topic: "transactions/us/x", payload: Buffer.from("4111111111111111") }),
    message({ topic: "transactions/us/x", payload: Buffer.from('["4111111111111111"]') }),
  ]);
  const payload = transaction("************1111");
  expect(verdicts).toEqual([
    { kind: "replace", payload, properties },
    { kind: "replace", payload, properties: undefined },
    { kind: "drop", reason: "hook-dropped" },
    { kind: "drop", reason: "hook-dropped" },
    { kind: "accept" },
    { kind: "accept" },
    { kind: "drop", reason: "hook-dropped" },
    { kind: "drop", reason: "hook-dropped" },
  ]);
  expect(await (await fetch(`${serving.url}/counts`)).json()).toEqual({ eu: 2 });
  expect(points).toEqual([{ indexes: ["eu"], blobs: ["eu", "EUR"], doubles: [2, 25] }]);
});

test("only the broker's requests are answered", async () => {
  const [verdict] = await ask([message()], signingKey());
  expect(verdict).toEqual({ kind: "drop", reason: "hook-status", detail: "HTTP 403: not a valid broker request" });
  for (const method of ["GET", "POST"]) expect((await fetch(serving.url, { method })).status).toBe(403);
});

test("an exception of a Worker is a 500 that says what it was", async () => {
  const worker = { fetch: () => Promise.reject(new Error("out of paper")) };
  const failing = await serve(worker, { env: {} });
  const logged = vi.spyOn(console, "error").mockImplementation(() => {});
  const [verdict] = await ask([message()], key, failing.url);
  await failing.close();
  expect(logged).toHaveBeenCalledOnce();
  logged.mockRestore();
  expect(verdict).toEqual({ kind: "drop", reason: "hook-status", detail: "HTTP 500: exception: out of paper" });
});

test("serve.js is a program too", async () => {
  const child = spawn(process.execPath, [fileURLToPath(new URL("serve.js", folder)), "--port", "0"], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, BROKER_PUBLIC_KEYS: JSON.stringify({ keys: [key.publicJwk] }) },
  });
  try {
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    expect(await ask([message()], key, line.toString().trim())).toEqual([{ kind: "accept" }]);
  } finally {
    child.kill();
  }
});
