/**
 * What a command works with, from its flags, the environment, the project's file, the user's configuration and defaults,
 * in this order.
 */
import { type ServerContext, configurationFile, currentContext, readConfiguration } from "./configuration.ts";
import type { ProjectFile, ProjectSetting } from "./project-file.ts";
import type { Environment } from "../environment.ts";

const DEFAULT_API_URL = "http://127.0.0.1:8880/client/v4";
export const DEFAULT_MQTT_URL = "mqtt://127.0.0.1:1883";

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
  /** Where each came from, for people. */
  readonly sources: Readonly<Record<"api" | "apiToken" | "accountId" | "namespace" | "broker", string>>;
}

/** A value and who named it. */
interface Named {
  value: string;
  source: string;
}

const withoutSlash = (url: string) => url.replace(/\/+$/, "");

const named = (value: string | undefined, source: string): Named | undefined =>
  value === undefined || value === "" ? undefined : { value, source };

export function resolveSettings(options: ServerOptions, env: Environment, project?: ProjectFile): Settings {
  const configuration = readConfiguration(env);
  const stored = currentContext(configuration);
  const storedAt = `context ${configuration.current} of ${configurationFile(env)}`;
  const flag = (option: keyof ServerOptions, text: string) =>
    options[option] === undefined ? undefined : { value: options[option], source: text };
  const variable = (name: string) => named(env[name], name);
  const ofProject = (setting: ProjectSetting) => named(project?.settings[setting], project?.file ?? "");

  const url = flag("apiUrl", "--api-url") ?? variable("PUBSUB_API_URL") ?? ofProject("apiUrl");
  // Token, account and names of the stored server mean nothing to another one.
  const isStored = url === undefined || (stored && withoutSlash(stored.api) === withoutSlash(url.value));
  const context = isStored ? stored : undefined;
  const ofContext = (key: "api" | "apiToken" | "accountId" | "namespace" | "broker") => named(context?.[key], storedAt);

  const namespace =
    flag("namespace", "--namespace") ??
    variable("PUBSUB_NAMESPACE") ??
    ofProject("namespace") ??
    ofContext("namespace");
  // A broker's name belongs to the namespace that was named along with it; in another one it would fit by chance.
  const fits = (other: string | undefined) =>
    (other || namespace?.value)?.toLowerCase() === namespace?.value.toLowerCase();
  const broker =
    flag("broker", "--broker") ??
    (fits(env["PUBSUB_NAMESPACE"]) ? variable("PUBSUB_BROKER") : undefined) ??
    (fits(project?.settings.namespace) ? ofProject("broker") : undefined) ??
    (context !== undefined && fits(context.namespace) ? ofContext("broker") : undefined);
  const api = url ?? ofContext("api");
  const apiToken = flag("apiToken", "--api-token") ?? variable("PUBSUB_API_TOKEN") ?? ofContext("apiToken");
  const accountId =
    flag("accountId", "--account-id") ??
    variable("PUBSUB_ACCOUNT_ID") ??
    ofProject("accountId") ??
    ofContext("accountId");
  return {
    api: withoutSlash(api?.value ?? DEFAULT_API_URL),
    apiIsDefault: url === undefined && context === undefined,
    apiToken: apiToken?.value,
    accountId: accountId?.value,
    namespace: namespace?.value,
    broker: broker?.value,
    context,
    sources: {
      api: api?.source ?? "default",
      apiToken: apiToken?.source ?? "nobody",
      accountId: accountId?.source ?? "asked from the server",
      namespace: namespace?.source ?? "the only one there is",
      broker: broker?.source ?? "the only one there is",
    },
  };
}
