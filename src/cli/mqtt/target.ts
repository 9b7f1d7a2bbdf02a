/** Which broker `pub` and `sub` connect to, and as whom. */
import type { Command } from "commander";
import { UserError } from "../../errors.ts";
import type { ServerContext } from "../settings/configuration.ts";
import type { CommandContext } from "../context.ts";
import { usageError } from "../errors.ts";
import { tokenClientId, tokenExpiresAtMs } from "../settings/jwt.ts";
import { type BrokerOptions, resolveBroker } from "../settings/names.ts";
import { protocolVersion } from "../option-parsers.ts";
import { explainMosquittoHabits } from "./mosquitto-habits.ts";
import { type TokenOptions, addTokenOptions, readToken } from "../settings/secrets.ts";
import { type TlsMaterial, type TlsOptions, addTlsOptions, certificateClientId, readTlsMaterial } from "./tls.ts";
import { DEFAULT_MQTT_URL } from "../settings/settings.ts";

export interface TargetOptions extends TokenOptions, BrokerOptions, TlsOptions {
  url?: string;
  username?: string;
  clientId?: string;
  mqttVersion: 3 | 4 | 5;
}

export interface Target {
  readonly url: URL;
  readonly clientId: string;
  readonly username: string | undefined;
  /** The token, for brokers of ours. */
  readonly password: string | undefined;
  readonly protocolVersion: 3 | 4 | 5;
  /** UNIX milliseconds at which credentials that we issued to ourselves end; undefined where they are somebody else's. */
  readonly ownUntilMs: number | undefined;
  readonly tls: TlsMaterial;
}

/** Tokens that `pub` and `sub` issue to themselves: nobody keeps them, so they need not live long. */
const OWN_TOKEN_SECONDS = 24 * 3600;

export function addTargetOptions(command: Command): void {
  command
    .option("--url <url>", "any MQTT broker: mqtt://host:port, ws://host:port/path (also mqtts, wss)")
    .option("-u, --username <name>", "user name")
    .option("-i, --client-id <id>", "client id (default: the token's, or a new one)")
    .option("-V, --mqtt-version <version>", "MQTT version: 5, 311 or 31", protocolVersion, 5 as const)
    .option("--ns, --namespace <name>", "namespace of the broker, where the token has to be issued first")
    .option("--broker <name>", "broker, where the token has to be issued first");
  addTokenOptions(command);
  addTlsOptions(command);
  explainMosquittoHabits(command);
}

/**
 * Finds URL and credentials. Without a token of the user's it issues one to itself through the management API, for a
 * client id of its own: two programs with one client id would throw each other out.
 */
export async function resolveTarget(context: CommandContext, options: TargetOptions): Promise<Target> {
  const target = await findTarget(context, options);
  const tls = readTlsMaterial(options, target.url, context.settings.context);
  const clientId = target.clientId ?? (await certificateClientId(tls)) ?? newClientId();
  return { ...target, clientId, tls };
}

type TargetWithoutTls = Omit<Target, "tls" | "clientId"> & { readonly clientId: string | undefined };

async function findTarget(context: CommandContext, options: TargetOptions): Promise<TargetWithoutTls> {
  const token = await readToken(context, options);
  const named = options.url ?? (context.env["PUBSUB_URL"] || undefined);
  const clientId = options.clientId ?? (context.env["PUBSUB_CLIENT_ID"] || undefined);
  const url = named === undefined ? undefined : parseBrokerUrl(named);
  const common = { username: options.username, protocolVersion: options.mqttVersion, ownUntilMs: undefined };

  if (token !== undefined) {
    return {
      ...common,
      url: url ?? (await configuredUrl(context, options.cert !== undefined)),
      clientId: clientId ?? tokenClientId(token),
      password: token,
    };
  }
  // A certificate is a credential by itself.
  if (options.cert !== undefined) {
    return { ...common, url: url ?? (await configuredUrl(context, true)), clientId, password: undefined };
  }
  if (url !== undefined && (options.username !== undefined || url.username !== "" || !isConfigured(context, url))) {
    return {
      ...common,
      url,
      clientId,
      username: options.username ?? (decodeURIComponent(url.username) || undefined),
      password: decodeURIComponent(url.password) || undefined,
    };
  }
  return await issueOwnCredentials(context, options, url, clientId ?? newClientId());
}

async function issueOwnCredentials(
  context: CommandContext,
  options: TargetOptions,
  url: URL | undefined,
  clientId: string,
): Promise<TargetWithoutTls> {
  const client = await context.client();
  const broker = await resolveBroker(context, client, options);
  const expiration = OWN_TOKEN_SECONDS;
  const [tokens, address] = await Promise.all([
    client.issueCredentials({ ...broker, clientid: [clientId], expiration }),
    url ?? configuredUrl(context),
  ]);
  const password = tokens[clientId] ?? "";
  return {
    url: address,
    clientId,
    username: options.username ?? clientId,
    password,
    protocolVersion: options.mqttVersion,
    ownUntilMs: tokenExpiresAtMs(password),
  };
}

/** The address that `pubsub dev` remembered; where another server was named, what it says about itself. */
async function configuredUrl(context: CommandContext, overTls = false): Promise<URL> {
  const { context: known, apiIsDefault } = context.settings;
  if (known === undefined && apiIsDefault && !overTls) return new URL(DEFAULT_MQTT_URL);
  const { mqtt, mqtts } = known ?? (await (await context.client()).status());
  if (!overTls) return parseBrokerUrl(mqtt);
  if (mqtts === undefined)
    throw new UserError("tls-is-off", "the server has no TLS", "name another one with --url mqtts://…");
  return parseBrokerUrl(mqtts);
}

/** For people. */
export function addressOf({ url }: Target): string {
  return `${url.protocol}//${url.host}`;
}

function addressesOf({ mqtt, ws, mqtts, wss }: ServerContext): string[] {
  return [mqtt, ws, mqtts, wss].filter((address) => address !== undefined);
}

function isConfigured(context: CommandContext, url: URL): boolean {
  const { env, settings } = context;
  const { context: known } = settings;
  // Whose environment names API and broker means one server.
  if (env["PUBSUB_API_URL"] && env["PUBSUB_URL"] === url.href) return true;
  return known !== undefined && addressesOf(known).some((address) => new URL(address).href === url.href);
}

/** With MQTT 3.1, 23 characters are all that it may have. It has to be another one each time, and is no secret. */
function newClientId(): string {
  const random = () => Math.floor(Math.random() * 36 ** 8).toString(36);
  return `pubsub-${(random() + random()).slice(0, 14).padEnd(14, "0")}`;
}

/** @throws {UserError} `usage` */
function parseBrokerUrl(text: string): URL {
  const hint = "such as mqtt://127.0.0.1:1883 or ws://127.0.0.1:8083/mqtt";
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw usageError(`"${text}" is not the URL of a broker`, hint);
  }
  if (!["mqtt:", "mqtts:", "ws:", "wss:"].includes(url.protocol) || url.hostname === "") {
    throw usageError(`"${text}" is not the URL of an MQTT broker`, hint);
  }
  return url;
}
