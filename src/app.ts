/** The only composition root: puts store, auth, hooks, runtime, transports and API together. */
import path from "node:path";
import { ulid } from "ulid";
import { Admission, type BrokerName } from "./admission.ts";
import type { ApiDependencies } from "./api/dependencies.ts";
import type { Analytics } from "./analytics/index.ts";
import { ServerLog } from "./api/server-log.ts";
import { createApiTokenCheck, generateApiToken, hashApiToken } from "./auth/index.ts";
import { BrokerHooks, type WorkerOptions } from "./broker-hooks.ts";
import { type Limits, defaultLimits, limitsOf } from "./broker/index.ts";
import { ReasonCode, reasonCodeName } from "./codec/index.ts";
import { UserError } from "./errors.ts";
import type { WorkerAddresses, WorkerOutput } from "./hooks/worker/index.ts";
import { Lazy } from "./lazy.ts";
import type { Everywhere, Secure, ServerTlsOptions } from "./secure.ts";
import { type OwnBroker, type OwnBrokerOptions, openOwnBroker } from "./own-broker.ts";
import { Runtime } from "./runtime/index.ts";
import {
  type BrokerRecord,
  type Catalogue,
  type Fsync,
  type JournalStore,
  createMemoryCatalogue,
  openFileCatalogue,
} from "./store/index.ts";
import type { Accept } from "./transport/byte-stream.ts";
import { isLoopbackAddress } from "./transport/loopback.ts";
import { listenTcp, listenUnix } from "./transport/tcp.ts";
import type { WebSocketMessageOptions } from "./transport/websocket.ts";

export type { WorkerAddresses, WorkerOptions, WorkerOutput };

export interface ServerOptions {
  /** Of the program, for the API's status. */
  version: string;
  /** Address to listen on; loopback (IPv4 and, where there is one, IPv6) by default. */
  host?: string | undefined;
  /** MQTT over TCP; 0 picks a free port. Default 1883. */
  port?: number | undefined;
  /** MQTT over WebSocket; default 8083. */
  wsPort?: number | undefined;
  /** Management API; default 8880. */
  apiPort?: number | undefined;
  /** Path of a Unix socket for MQTT. */
  socket?: string | undefined;
  /** Without it there is no TLS. */
  tls?: ServerTlsOptions | undefined;
  /** Folder for what must outlive the process; in memory where it is not given. */
  persistTo?: string | undefined;
  /** When the disk must have what was acknowledged; `always` where it is not given. */
  fsync?: Fsync | undefined;
  /** Names of the broker that clients without credentials may enter, from loopback only. */
  anonymous?: BrokerName | undefined;
  /** One that is there before anything listens: it is made, with its namespace, where it is missing. */
  ownBroker?: OwnBrokerOptions | undefined;
  /** A Worker that runs here as the on-publish hook of one broker. */
  worker?: WorkerOptions | undefined;
  /** The API's bearer token; a random one where it is not given. */
  apiToken?: string | undefined;
  limits?: Partial<Limits> | undefined;
  /** Ends the start, with its reason; a server that runs is closed with `close`. */
  signal?: AbortSignal | undefined;
  /** Told of what the server's owner should know, a line each. */
  log?: ((line: string) => void) | undefined;
}

export interface RunningServer {
  /** Base URL of the management API, such as `http://127.0.0.1:8880/client/v4`. */
  api: string;
  apiToken: string;
  accountId: string;
  /** `mqtt://127.0.0.1:1883` */
  mqtt: string;
  /** `ws://127.0.0.1:8083/mqtt` */
  ws: string;
  /** `mqtts://localhost:8883` */
  mqtts?: string | undefined;
  /** `wss://localhost:8084/mqtt` */
  wss?: string | undefined;
  /** Path of the certificate of the local authority, where it vouches for the server. */
  ca?: string | undefined;
  /** Path of the Unix socket. */
  socket?: string | undefined;
  /** The one that was asked for. */
  ownBroker?: OwnBroker | undefined;
  /** Where the Worker is, once it runs; rejects when it does not start. It does as soon as its broker exists. */
  worker?: Promise<WorkerAddresses> | undefined;
  /** Rejects when the disk fails to keep what it was given: all connections are closed, and the process should end. */
  failed?: Promise<never>;
  /** Reads the certificate files again; connections stay. */
  reloadCertificates?: (() => Promise<void>) | undefined;
  /** Stops listening, says goodbye to the clients (0x8B) and ends within about two seconds. */
  close(): Promise<void>;
}

/** Host names of brokers end with it: RFC 6761 gives it to the loopback. */
const DOMAIN = "localhost";
const LOOPBACK = ["127.0.0.1", "::1"];
const FIRST_CLIENTS_MS = 5;

/** @throws {UserError} with a remedy, such as `port-in-use` or `data-folder-in-use` */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const serverLog = new ServerLog(Date.now);
  const log = (line: string): void => {
    serverLog.add(line);
    options.log?.(line);
  };
  const analytics = openAnalytics(options, log);
  const hooks = await openHooks(options, serverLog, log, analytics);
  const kept = await openStores(options, log);
  const { catalogue, store } = kept;
  const limits = { ...defaultLimits, ...options.limits };
  const secure: Secure = {};
  const admission = new Admission({ catalogue, anonymous: options.anonymous, now: Date.now, ca: () => secure.ca });
  const runtime: Runtime = new Runtime({
    limits,
    locate: (connect, stream) => {
      const located = admission.locate(connect, stream);
      return "reasonCode" in located ? located : runtime.broker(located.id)!;
    },
    onRefused: (connect, stream, reasonCode, reason) => {
      const client = printable(connect.clientId);
      log(`refused ${stream.remote} (client id "${client}"): ${reasonCodeName(reasonCode)}: ${printable(reason)}`);
    },
    onError: (error) => log(`internal error: ${describe(error)}`),
    store,
  });
  kept.failed?.catch(() => runtime.abort());
  const listeners: { close(): Promise<void> }[] = [];
  const close = async (): Promise<void> => {
    secure.certificates?.close();
    const closed = listeners.map((listener) => listener.close());
    await runtime.close();
    await Promise.all(closed);
    await analytics.close();
    await store?.close();
    await catalogue.close();
  };
  try {
    options.signal?.throwIfAborted();
    const ownBroker = options.ownBroker && (await openOwnBroker(catalogue, options.ownBroker));
    hostBrokers(kept, runtime, admission, hooks);
    return {
      ...(await listenAll({ ...options, log, serverLog, hooks, analytics }, kept, runtime, limits, secure, listeners)),
      ownBroker,
      ...(kept.failed && { failed: kept.failed }),
      ...(hooks.worker && { worker: hooks.worker }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openHooks(
  { version, worker, persistTo }: ServerOptions,
  serverLog: ServerLog,
  log: (line: string) => void,
  { write: writePoints }: KeptAnalytics,
): Promise<BrokerHooks> {
  // As wrangler has it, which can so look into the same databases.
  const folder = persistTo === undefined ? undefined : path.join(persistTo, "worker", "v3");
  const logged = worker && {
    ...worker,
    onOutput: (output: WorkerOutput) => {
      serverLog.add(`worker ${output.kind}: ${output.text}`);
      worker.onOutput(output);
    },
  };
  return await BrokerHooks.open({ userAgent: `pubsub-cli/${version}`, log, writePoints }, logged, folder);
}

/** What Workers have written to Analytics Engine. */
interface KeptAnalytics {
  readonly write: Analytics["write"];
  readonly query: ApiDependencies["queryAnalytics"];
  close(): Promise<void>;
}

/** Loaded when somebody writes or asks. */
function openAnalytics({ persistTo }: ServerOptions, log: (line: string) => void): KeptAnalytics {
  let opened: Promise<Analytics> | undefined;
  const folder = persistTo === undefined ? undefined : path.join(persistTo, "analytics");
  const open = async (): Promise<Analytics> => {
    const library = await import("./analytics/index.ts");
    return new library.Analytics({ folder, log, now: Date.now });
  };
  return {
    write: async (dataset, points) => await (await (opened ??= open())).write(dataset, points),
    query: async (text) => await (await (opened ??= open())).query(text),
    close: async () => await (await opened)?.close(),
  };
}

/** What outlives the process. */
interface Stores {
  readonly catalogue: Catalogue;
  /** undefined where everything is in memory only. */
  readonly store?: JournalStore;
  /** See `RunningServer`. */
  readonly failed?: Promise<never>;
}

async function openStores({ persistTo, fsync }: ServerOptions, log: (line: string) => void): Promise<Stores> {
  if (persistTo === undefined) return { catalogue: createMemoryCatalogue() };
  const catalogue = await openFileCatalogue(persistTo);
  let fail: (error: Error) => void;
  const failed = new Promise<never>((_, reject) => (fail = reject));
  // Whether anybody listens is the caller's business.
  failed.catch(() => {});
  const onFailure = (cause: Error): void => {
    const message = `the disk did not keep what was written to ${persistTo}: ${cause.message}`;
    const hint = "what was acknowledged before is kept; look at the disk, then start again";
    fail(new UserError("data-lost", message, hint, { cause }));
  };
  try {
    const { openFileJournal } = await import("./store/journal/open.ts");
    const store = await openFileJournal(persistTo, { log, onFailure, ...(fsync && { fsync }) });
    return { catalogue, store, failed };
  } catch (error) {
    await catalogue.close();
    throw error;
  }
}

/** Keeps the runtime's brokers as the catalogue has them. */
function hostBrokers({ catalogue, store }: Stores, runtime: Runtime, admission: Admission, hooks: BrokerHooks): void {
  const applyHook = new Map<string, (record: BrokerRecord) => void>();
  const add = (record: BrokerRecord): void => {
    const hosted = runtime.addBroker(record.id, {
      random: { clientId: () => ulid() },
      limits: limitsOf(record.limits),
      checkCredentials: (packet, stream) => admission.check(record.id, packet, stream),
    });
    const namespace = catalogue.namespaceById(record.namespaceId)!.name;
    const apply = hooks.setterFor(hosted, namespace, hostOf(namespace, record.name));
    applyHook.set(record.id, apply);
    apply(record);
  };
  const forgetDeleted = (): void => store?.retainBrokers(new Set(catalogue.brokers().map(({ id }) => id)));
  forgetDeleted();
  for (const record of catalogue.brokers()) add(record);
  catalogue.watch((event) => {
    switch (event.type) {
      case "broker-created":
        add(event.broker);
        break;
      case "broker-updated":
        runtime.broker(event.broker.id)?.setLimits(limitsOf(event.broker.limits));
        if (event.broker.onPublish !== event.before.onPublish) applyHook.get(event.broker.id)?.(event.broker);
        break;
      case "broker-deleted":
        applyHook.delete(event.broker.id);
        runtime.removeBroker(event.broker.id, ReasonCode.AdministrativeAction, "the broker was deleted");
        forgetDeleted();
        break;
      case "tokens-revoked":
        runtime.broker(event.brokerId)?.revoke(event.jtis, (stream) => admission.isCertifiedBy(stream, event.jtis));
        break;
      default:
    }
  });
}

function hostOf(namespace: string, broker: string): string {
  return `${broker}.${namespace}.${DOMAIN}`;
}

function dataStatus(folder: string, store: JournalStore) {
  const { isFull, records, bytes } = store.status();
  return { folder, full: isFull, records, bytes };
}

async function listenAll(
  options: ServerOptions & {
    log: (line: string) => void;
    serverLog: ServerLog;
    hooks: BrokerHooks;
    analytics: KeptAnalytics;
  },
  { catalogue, store }: Stores,
  runtime: Runtime,
  limits: Limits,
  secure: Secure,
  listeners: { close(): Promise<void> }[],
): Promise<Omit<RunningServer, "close">> {
  const { log } = options;
  const hosts = options.host === undefined ? LOOPBACK : [options.host];
  const accept: Accept = (stream) => runtime.accept(stream);
  const everywhere: Everywhere = async (port, listen) => {
    // Who connects to one that listens already is let in meanwhile.
    await new Promise(setImmediate);
    options.signal?.throwIfAborted();
    const first = await listen(hosts[0]!, port);
    listeners.push(first);
    for (const host of hosts.slice(1)) {
      const other = await listen(host, first.port).catch((error: unknown) => ignoreMissingAddress(error, port));
      if (other !== undefined) listeners.push(other);
    }
    return first.port;
  };
  const mqttPort = await everywhere(options.port ?? 1883, (host, port) => listenTcp({ host, port }, accept));
  // Who has waited for the port comes in before the rest is loaded.
  await new Promise((resolve) => setTimeout(resolve, FIRST_CLIENTS_MS));
  const messages = messageOptions(limits);
  const { listenWebSocket } = await import("./transport/websocket.ts");
  const wsPort = await everywhere(options.wsPort ?? 8083, (host, port) =>
    listenWebSocket({ host, port, ...messages }, accept),
  );
  if (options.socket !== undefined) listeners.push(await listenUnix(options.socket, accept));
  const apiToken = options.apiToken ?? generateApiToken();
  const name = urlHost(hosts[0]!);
  const tlsName = hosts === LOOPBACK ? "localhost" : name;
  const addresses = () => ({
    mqtt: `mqtt://${name}:${mqttPort}`,
    ws: `ws://${name}:${wsPort}/mqtt`,
    mqtts: secure.tlsPort === undefined ? undefined : `mqtts://${tlsName}:${secure.tlsPort}`,
    wss: secure.wssPort === undefined ? undefined : `wss://${tlsName}:${secure.wssPort}/mqtt`,
    ca: options.tls?.files === undefined ? secure.ca?.file : undefined,
  });
  const startedAtMs = Date.now();
  const dependencies: ApiDependencies = {
    catalogue,
    isApiToken: createApiTokenCheck(hashApiToken(apiToken)),
    clock: Date.now,
    status: () => ({
      ...{ version: options.version, pid: process.pid, startedAtMs, ...addresses() },
      ...(store && { data: dataStatus(options.persistTo!, store) }),
    }),
    endpointFor: (namespace, broker) => {
      const host = hostOf(namespace, broker);
      return secure.tlsPort === undefined ? `mqtt://${host}:${mqttPort}` : `mqtts://${host}:${secure.tlsPort}`;
    },
    localCa: () => secure.ca,
    workerUrl: (brokerId) => options.hooks.workerUrl(brokerId),
    inspect: (brokerId) => runtime.broker(brokerId),
    network: () => runtime.network,
    queryAnalytics: options.analytics.query,
    serverLog: options.serverLog,
    log,
    ...(hosts.every((host) => host === "localhost" || isLoopbackAddress(host)) && { allowedHosts: [] }),
  };
  const api = new Lazy(async () => {
    const { createApi } = await import("./api/index.ts");
    return createApi(dependencies);
  });
  const { serveApi } = await import("./api/serve.ts");
  const apiPort = await everywhere(options.apiPort ?? 8880, (host, port) => serveApi(api, { host, port }));
  // Last: the first time, an authority has to be made, and nothing else should wait for it.
  if (options.tls !== undefined) {
    const { listenSecurely } = await import("./secure.ts");
    await listenSecurely(options.tls, secure, everywhere, accept, { ...messages, catalogue, limits, log });
  }
  return {
    api: `http://${name}:${apiPort}/client/v4`,
    apiToken,
    accountId: catalogue.accountId,
    ...addresses(),
    socket: options.socket,
    reloadCertificates: secure.certificates && (async () => await secure.certificates!.reload()),
  };
}

function messageOptions({ packetBytesMax, connectBytesMax, connectTimeoutMs }: Limits): WebSocketMessageOptions {
  return { messageBytesMax: packetBytesMax, connectBytesMax, domain: DOMAIN, upgradeTimeoutMs: connectTimeoutMs };
}

/** A machine may have no IPv6; and a port that was picked for IPv4 may be taken there. */
function ignoreMissingAddress(error: unknown, askedPort: number): undefined {
  const code = (error as { cause?: { code?: string } }).cause?.code;
  if (code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT") return undefined;
  if (code === "EADDRINUSE" && askedPort === 0) return undefined;
  throw error;
}

const PRINTED_CHARACTERS_MAX = 200;

/** What a client sent, fit for a log and a terminal: cut where it is long, control characters and line breaks escaped. */
function printable(text: string): string {
  const cut = text.length > PRINTED_CHARACTERS_MAX ? `${text.slice(0, PRINTED_CHARACTERS_MAX)}…` : text;
  return cut.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`);
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** How an address to listen on is reached from this machine, in a URL. */
function urlHost(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}
