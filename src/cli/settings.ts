/** What a command works with, from its flags, the environment, the user's configuration and defaults, in this order. */
import { type ServerContext, currentContext, readConfiguration } from "./configuration.ts";

export const DEFAULT_API_URL = "http://127.0.0.1:8880/client/v4";
export const DEFAULT_MQTT_URL = "mqtt://127.0.0.1:1883";

type Environment = Readonly<Record<string, string | undefined>>;

/** Options that name a server or something on it; all commands that speak to one have them. */
export interface ServerOptions {
  apiUrl?: string;
  apiToken?: string;
  accountId?: string;
  namespace?: string;
  broker?: string;
}

export interface Settings {
  readonly api: string;
  /** True if `api` was not named by anybody. */
  readonly apiIsDefault: boolean;
  readonly apiToken: string | undefined;
  readonly accountId: string | undefined;
  readonly namespace: string | undefined;
  readonly broker: string | undefined;
  /** The context that `api` belongs to; undefined where flag or environment name a server of which it knows nothing. */
  readonly context: ServerContext | undefined;
}

const withoutSlash = (url: string) => url.replace(/\/+$/, "");

export function resolveSettings(options: ServerOptions, env: Environment): Settings {
  const named = options.apiUrl ?? (env["PUBSUB_API_URL"] || undefined);
  const stored = currentContext(readConfiguration(env));
  // Token, account and names of the stored server mean nothing to another one.
  const context =
    named === undefined || (stored && withoutSlash(stored.api) === withoutSlash(named)) ? stored : undefined;
  const namespace = options.namespace ?? (env["PUBSUB_NAMESPACE"] || context?.namespace);
  // A broker's name belongs to the namespace that was named along with it; in another one it would fit by chance.
  const fits = (other: string | undefined) => other?.toLowerCase() === namespace?.toLowerCase();
  const namedBroker = fits(env["PUBSUB_NAMESPACE"] || namespace) ? env["PUBSUB_BROKER"] || undefined : undefined;
  return {
    api: withoutSlash(named ?? context?.api ?? DEFAULT_API_URL),
    apiIsDefault: named === undefined && context === undefined,
    apiToken: options.apiToken ?? (env["PUBSUB_API_TOKEN"] || context?.apiToken),
    accountId: options.accountId ?? (env["PUBSUB_ACCOUNT_ID"] || context?.accountId),
    namespace,
    broker: options.broker ?? namedBroker ?? (fits(context?.namespace) ? context?.broker : undefined),
    context,
  };
}
