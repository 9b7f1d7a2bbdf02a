/** From wrangler's words to miniflare's. */
import type { WorkerProject } from "./configuration.ts";
import { datasetBindings } from "./points.ts";
import type { MiniflareModule, MiniflareScript, MiniflareWorker, ServiceBinding } from "./miniflare.ts";

export interface WorkerParts {
  readonly project: WorkerProject;
  readonly modules: readonly MiniflareModule[];
  /** For Workers that name none. */
  readonly compatibilityDate: string;
  /** Names of all Workers that run beside each other, its own included. */
  readonly workers: ReadonlySet<string>;
  /** What it finds in `env` besides what its configuration says. */
  readonly extraBindings: Readonly<Record<string, unknown>>;
  /** What it needs to reach the broker. */
  readonly broker: BrokerAccess;
}

/** How Workers reach the broker. */
export interface BrokerAccess {
  /** Host and port of the publish server. */
  readonly address: string;
  readonly secret: string;
}

/** Name of the script of `env.BROKER` among the Workers. No Worker can have it: it would not be a valid name. */
const BROKER_SCRIPT = "pubsub:broker";

/** The script that Workers share which have the broker in `env`. */
export function brokerScript(source: string, { address }: BrokerAccess): MiniflareScript {
  return {
    name: BROKER_SCRIPT,
    modules: [{ type: "ESModule", path: "/pubsub-broker.js", contents: source }],
    modulesRoot: "/",
    serviceBindings: { HOST: { external: { address, http: {} } } },
  };
}

/** Name of the broker in `env`; undefined where the configuration has something else of that name. */
export function brokerBinding({ configuration, secrets }: WorkerProject): string | undefined {
  const { binding } = configuration.pubsub;
  const { vars, durable_objects: objects, queues } = configuration;
  const sections = [
    ...[configuration.kv_namespaces, configuration.r2_buckets, configuration.d1_databases, queues.producers],
    ...[configuration.analytics_engine_datasets, configuration.services],
  ];
  const isTaken =
    binding in vars ||
    binding in secrets ||
    objects.bindings.some(({ name }) => name === binding) ||
    sections.some((entries) => entries.some((entry) => entry.binding === binding));
  return isTaken ? undefined : binding;
}

export function toMiniflareWorker({
  project,
  modules,
  compatibilityDate,
  workers,
  extraBindings,
  broker: { secret },
}: WorkerParts): MiniflareWorker {
  const { name, folder, configuration, secrets } = project;
  const { queues, durable_objects: objects, services } = configuration;
  const binding = brokerBinding(project);
  const sqliteClasses = new Set(configuration.migrations.flatMap((migration) => migration.new_sqlite_classes));
  return {
    name,
    modules,
    modulesRoot: folder,
    compatibilityDate: configuration.compatibility_date ?? compatibilityDate,
    compatibilityFlags: withStorage(configuration.compatibility_flags),
    bindings: { ...configuration.vars, ...secrets, ...extraBindings },
    kvNamespaces: fromEntries(configuration.kv_namespaces, (kv) => kv.preview_id ?? kv.id ?? kv.binding),
    r2Buckets: fromEntries(configuration.r2_buckets, (r2) => r2.preview_bucket_name ?? r2.bucket_name ?? r2.binding),
    d1Databases: fromEntries(
      configuration.d1_databases,
      (d1) => d1.preview_database_id ?? d1.database_id ?? d1.binding,
    ),
    durableObjects: Object.fromEntries(
      objects.bindings
        .filter(({ script_name: script = name }) => workers.has(script))
        .map((object) => {
          const useSQLite = sqliteClasses.has(object.class_name);
          const script = object.script_name === undefined ? {} : { scriptName: object.script_name };
          return [object.name, { className: object.class_name, useSQLite, ...script }];
        }),
    ),
    queueProducers: fromEntries(queues.producers, (queue) => ({
      queueName: queue.queue,
      deliveryDelay: queue.delivery_delay,
    })),
    queueConsumers: Object.fromEntries(
      queues.consumers.map((consumer) => [
        consumer.queue,
        {
          maxBatchSize: consumer.max_batch_size,
          maxBatchTimeout: consumer.max_batch_timeout,
          maxRetries: consumer.max_retries,
          deadLetterQueue: consumer.dead_letter_queue,
          retryDelay: consumer.retry_delay,
        },
      ]),
    ),
    serviceBindings: fromEntries(services, ({ service, entrypoint }): ServiceBinding =>
      workers.has(service) ? { name: service, entrypoint } : () => notRunning(service),
    ),
    wrappedBindings: {
      ...datasetBindings(project),
      ...(binding !== undefined && {
        [binding]: { scriptName: BROKER_SCRIPT, bindings: { SECRET: secret, WORKER: name } },
      }),
    },
  };
}

/** What of the project is bound to Workers that do not run, a line each. */
export function missingWorkers({ name, configuration }: WorkerProject, workers: ReadonlySet<string>): string[] {
  const services = configuration.services
    .filter(({ service }) => !workers.has(service))
    .map(({ binding, service }) => `env.${binding} answers 503: the Worker "${service}" does not run here`);
  const objects = configuration.durable_objects.bindings
    .filter(({ script_name: script = name }) => !workers.has(script))
    .map((object) => `env.${object.name} will be undefined: the Worker "${object.script_name}" does not run here`);
  return [...services, ...objects].map((line) => `${line} (--service FOLDER runs it)`);
}

function notRunning(service: string): Response {
  return new Response(`the Worker "${service}" does not run here`, { status: 503 });
}

function fromEntries<Entry extends { readonly binding: string }, Value>(
  entries: readonly Entry[],
  value: (entry: Entry) => Value,
): Record<string, Value> {
  return Object.fromEntries(entries.map((entry) => [entry.binding, value(entry)]));
}

/** worker/pubsub-console.js takes AsyncLocalStorage, which `nodejs_compat` has in it. */
function withStorage(flags: readonly string[]): readonly string[] {
  return flags.some((flag) => /^nodejs_(compat|als)/.test(flag)) ? flags : [...flags, "nodejs_als"];
}
