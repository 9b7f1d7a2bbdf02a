/** Part of the composition root: one broker in this process with a clock of its own, and without API, files and settings. */
import { Admission } from "../admission.ts";
import { type SigningKey, generateSigningKey } from "../auth/index.ts";
import { BrokerHooks } from "../broker-hooks.ts";
import { type Limits, defaultLimits } from "../broker/index.ts";
import type { HookSettings } from "../hooks/index.ts";
import type { WorkerOutput } from "../hooks/worker/index.ts";
import { type HostedBroker, Runtime } from "../runtime/index.ts";
import { type BrokerRecord, type Catalogue, createMemoryCatalogue } from "../store/index.ts";
import { listenTcp } from "../transport/tcp.ts";
import { ulid } from "ulid";

export const NAMESPACE = "test";
export const BROKER = "broker";

export interface HostOptions {
  readonly now: () => number;
  readonly limits: Partial<Limits> | undefined;
  /** Clients without a token may enter. */
  readonly anonymous: boolean;
  /** Null where there is neither a hook nor a Worker. */
  readonly hook: HookSettings | null;
  readonly worker:
    | {
        readonly location: string;
        readonly services: readonly string[] | undefined;
        readonly onOutput: (output: WorkerOutput) => void;
      }
    | undefined;
  /** Programmers' errors. */
  readonly onError: (error: unknown) => void;
}

export interface Host {
  readonly port: number;
  readonly runtime: Runtime;
  readonly hosted: HostedBroker;
  readonly catalogue: Catalogue;
  readonly broker: BrokerRecord;
  readonly key: SigningKey;
  close(): Promise<void>;
}

/** @throws {UserError} where the Worker does not start */
export async function startHost(options: HostOptions): Promise<Host> {
  const { now, hook: onPublish, worker } = options;
  const names = { namespace: NAMESPACE, broker: BROKER };
  const surroundings = { userAgent: "pubsub-cli", log: () => {} };
  const hooks = await BrokerHooks.open(surroundings, worker && { ...worker, broker: names }, undefined);
  const catalogue = createMemoryCatalogue({ now });
  const anonymous = options.anonymous ? names : undefined;
  const admission = new Admission({ catalogue, anonymous, now });
  const [key, namespace] = await Promise.all([
    generateSigningKey(now()),
    catalogue.createNamespace({ name: NAMESPACE }),
  ]);
  const broker = await catalogue.createBroker({ namespaceId: namespace.id, name: BROKER, keys: [key], onPublish });
  const runtime: Runtime = new Runtime({
    limits: { ...defaultLimits, ...options.limits },
    now,
    onError: options.onError,
    locate: (connect, stream) => {
      const located = admission.locate(connect, stream);
      if ("reasonCode" in located) return located;
      // When the clock is moved, nobody had the time to say anything.
      connect.keepAlive = 0;
      return runtime.broker(located.id)!;
    },
  });
  const hosted = runtime.addBroker(broker.id, {
    random: { clientId: () => ulid() },
    checkCredentials: (packet, stream) => admission.check(broker.id, packet, stream),
  });
  hooks.setterFor(hosted, NAMESPACE, `${BROKER}.${NAMESPACE}.localhost`)(broker);
  catalogue.watch((event) => {
    if (event.type === "tokens-revoked") hosted.revoke(event.jtis);
  });
  const listener = await listenTcp({ host: "127.0.0.1", port: 0 }, (stream) => runtime.accept(stream));
  const close = async (): Promise<void> => {
    const closed = listener.close();
    await runtime.close();
    await closed;
    await catalogue.close();
  };
  try {
    await hooks.worker;
  } catch (error) {
    await close();
    throw error;
  }
  return { port: listener.port, runtime, hosted, catalogue, broker, key, close };
}
