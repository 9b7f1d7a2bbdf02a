/** An API over a catalogue in memory, without a network, whose answers are held against the contract. */
import { expect } from "vitest";
import { createApi } from "../../src/api/index.ts";
import { ServerLog } from "../../src/api/server-log.ts";
import type { ApiDependencies } from "../../src/api/index.ts";
import { defaultLimits } from "../../src/broker/index.ts";
import type { BrokerEvent } from "../../src/broker/ports.ts";
import { ReasonCode } from "../../src/codec/index.ts";
import type { Envelope } from "../../src/contract/envelope.ts";
import { type ErrorName, apiErrors } from "../../src/contract/errors.ts";
import { type Operation, operations } from "../../src/contract/operations.ts";
import type { OperationName } from "../../src/contract/routes.ts";
import type { Result } from "../../src/contract/types.ts";
import { type HostedBroker, Runtime } from "../../src/runtime/index.ts";
import { createMemoryCatalogue } from "../../src/store/index.ts";
import { raise } from "../setup/raise.ts";

export const TOKEN = "api-token";
export const ACCOUNT = "0123456789abcdef0123456789abcdef";
export const N = `/accounts/${ACCOUNT}/pubsub/namespaces`;
/** Of the namespace `ns` and its broker `b`, which `createBroker` makes. */
export const B = `${N}/ns/brokers/b`;
export const START_MS = Date.UTC(2025, 5, 1, 12);

export function harness(overrides: Partial<ApiDependencies> = {}) {
  const clock = { nowMs: START_MS };
  const now = () => clock.nowMs;
  const catalogue = createMemoryCatalogue({ accountId: ACCOUNT, now });
  const logged: string[] = [];
  const running = new Runtime({
    limits: defaultLimits,
    locate: () => ({ reasonCode: ReasonCode.ServerUnavailable, reason: "no client comes in" }),
    onError: raise,
  });
  const hosted: HostedBroker[] = [];
  catalogue.watch((change) => {
    const checkCredentials = () => Promise.reject(new Error("no client comes in"));
    if (change.type === "broker-created") {
      hosted.push(running.addBroker(change.broker.id, { checkCredentials, random: { clientId: () => "assigned" } }));
    }
  });
  const app = createApi({
    catalogue,
    isApiToken: (candidate) => candidate === TOKEN,
    clock: now,
    endpointFor: (namespace, broker) => `mqtts://${broker}.${namespace}.example:8883`,
    inspect: (brokerId) => running.broker(brokerId),
    network: () => running.network,
    status: () => ({ version: "1.2.3", pid: 42, startedAtMs: START_MS, mqtt: "mqtt://h:1883", ws: "ws://h:8083/mqtt" }),
    queryAnalytics: async () => ({ body: '{"meta":[],"data":[]}', contentType: "application/json", remarks: [] }),
    serverLog: new ServerLog(now),
    log: (line) => logged.push(line),
    ...overrides,
  });

  /** @param target method and path, such as `GET /status` */
  async function request(target: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> {
    const [method, path] = target.split(/ (.*)/s) as [string, string];
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return await app.request(`http://localhost/client/v4${path}`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, "content-type": "text/plain;charset=UTF-8", ...headers },
      ...(body !== undefined && { body: text }),
    });
  }

  /** Expects success and a result that is exactly as the contract says. */
  async function call<Name extends OperationName>(name: Name, target: string, body?: unknown): Promise<Result<Name>> {
    const response = await request(target, body);
    const envelope = (await response.json()) as Envelope<Result<Name>>;
    expect(envelope).toMatchObject({ success: true, errors: [], messages: [] });
    expect(response.status).toBe(200);
    const { result }: Operation = operations[name];
    expect(result.parse(envelope.result)).toEqual(envelope.result);
    return envelope.result as Result<Name>;
  }

  /** Expects a refusal with this error, in the envelope. */
  async function refused(name: ErrorName, target: string, body?: unknown, headers?: Record<string, string>) {
    const response = await request(target, body, headers);
    const envelope = (await response.json()) as Envelope<null>;
    const entry: { code: number; status: number; hint?: string } = apiErrors[name];
    expect({ status: response.status, ...envelope }).toEqual({
      status: entry.status,
      success: false,
      errors: expect.any(Array),
      messages: entry.hint === undefined ? [] : [entry.hint],
      result: null,
    });
    for (const error of envelope.errors)
      expect(error).toEqual({ code: entry.code, message: expect.stringMatching(/./) });
    return envelope.errors.map(({ message }) => message).join("\n");
  }

  async function createBroker(settings: object = {}): Promise<Result<"createBroker">> {
    await call("createNamespace", `POST ${N}`, { name: "ns" });
    return await call("createBroker", `POST ${N}/ns/brokers`, { name: "b", ...settings });
  }

  /** Open event streams. */
  const watchers = () => hosted.reduce((sum, { events }) => sum + events.watchers, 0);

  /** Lets something happen in every broker. */
  function emit(event: BrokerEvent): void {
    for (const { broker } of hosted) broker.observe(event, clock.nowMs);
  }

  return { app, catalogue, clock, hosted, watchers, logged, request, call, refused, createBroker, emit };
}
