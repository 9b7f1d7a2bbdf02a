/** A hook that is asked without a broker: one that runs somewhere, or a Worker that is started for it. */
import type { SigningKey } from "../auth/index.ts";
import { type Hook, Webhook } from "../hooks/index.ts";
import type { WorkerOutput } from "../hooks/worker/index.ts";

export type HookLocation =
  | { readonly url: string }
  | {
      /** Main module or folder of a Worker. */
      readonly worker: string;
      /** Further Workers, which service bindings name. */
      readonly services?: readonly string[] | undefined;
      readonly onOutput: (output: WorkerOutput) => void;
      /** Told of what Workers publish with `env.BROKER`: there is nobody who would get it. */
      readonly onPublish: (topic: string, payload: Buffer) => void;
    };

export interface TestedHook {
  readonly hook: Hook;
  /** Where it takes requests. */
  readonly url: string;
  /** The value of `BROKER_PUBLIC_KEYS`, which a Worker that is started here has already. */
  readonly publicKeys: string;
  close(): Promise<void>;
}

/** What messages of tests come from. */
export const TEST_BROKER_HOST = "test.local.localhost";

/** @throws {UserError} `invalid-hook-url`, or where the Worker does not start */
export async function openHook(location: HookLocation, key: SigningKey, userAgent: string): Promise<TestedHook> {
  const { kid, publicJwk, privateJwk } = key;
  const broker = { brokerHost: TEST_BROKER_HOST, userAgent, signingKey: { kid, privateJwk: { ...privateJwk } } };
  const publicKeys = JSON.stringify({ keys: [publicJwk] });
  if ("url" in location) {
    const hook = new Webhook({ ...broker, url: location.url });
    return { hook, url: location.url, publicKeys, close: async () => await hook.close() };
  }
  const { worker, services, onOutput, onPublish } = location;
  const { WorkerLauncher } = await import("../hooks/worker/index.ts");
  const launcher = WorkerLauncher.open({ location: worker, services, onOutput });
  const hook = launcher.launch({
    ...broker,
    publicKeys: [publicJwk],
    publish: async (_, messages) => {
      for (const { topic, payload } of messages) onPublish(topic, payload);
      return messages.map(() => ({ reasonCode: 0, reason: "" }));
    },
  });
  try {
    // Nobody asks before it has started.
    const { url } = await hook.start({ hold: () => Promise.resolve(), release: () => {} });
    return { hook, url, publicKeys, close: async () => await hook.close() };
  } catch (error) {
    await hook.close();
    throw error;
  }
}
