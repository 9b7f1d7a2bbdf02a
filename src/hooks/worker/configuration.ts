/** What wrangler's configuration says of a Worker: wrangler.json, wrangler.jsonc or wrangler.toml, and .dev.vars. */
import { existsSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { parseEnv } from "node:util";
import { TomlError, parse as parseToml } from "smol-toml";
import { type ZodError, z } from "zod";
import { UserError } from "../../errors.ts";
import { parseJsonc } from "./jsonc.ts";
import { remarksOn } from "./remarks.ts";

const names = z.array(z.string());
const section = <Shape extends z.ZodRawShape>(shape: Shape) => z.array(z.looseObject(shape)).default([]);
const seconds = z.number().optional();

const FILTER_EXPECTED = 'expected a topic filter such as "orders/+/paid"; + and # stand for whole levels';

/** A consumer of the broker's messages; the words are those of Queues. */
const consumer = z
  .strictObject({
    name: z
      .string()
      .regex(/^[\w.-]+$/, "expected letters, digits, ., - and _")
      .optional(),
    filters: z
      .array(z.string().regex(/^(?!\$share\/)(?=.)(?:(?:[^/+#\0]*|\+)\/)*(?:[^/+#\0]*|\+|#)$/, FILTER_EXPECTED))
      .min(1, "expected at least one topic filter"),
    qos: z.union([z.literal(0), z.literal(1)], "expected 0 or 1").default(1),
    max_batch_size: z.int().min(1).max(1000).default(100),
    max_concurrency: z.int().min(1).max(32).default(1),
    max_retries: z.int().min(0).max(100).default(3),
    retry_delay: z.number().min(0).max(43_200).optional(),
    dead_letter_topic: z
      .string()
      .regex(/^[^+#\0]+$/, "expected a topic without wildcards")
      .optional(),
  })
  // The session that it has in the broker is known by it.
  .transform(({ name, ...rest }) => ({ ...rest, name: name ?? rest.filters.join(",") }));

export type ConsumerConfiguration = z.output<typeof consumer>;

/** The sections that have a meaning here, in wrangler's words. */
const schema = z.looseObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]*$/i, "expected letters, digits, - and _")
    .optional(),
  main: z.string().optional(),
  compatibility_date: z.iso.date('expected a string such as "2026-01-31"').optional(),
  compatibility_flags: names.default([]),
  vars: z.record(z.string(), z.json()).default({}),
  define: z.record(z.string(), z.string()).default({}),
  alias: z.record(z.string(), z.string()).default({}),
  kv_namespaces: section({ binding: z.string(), id: z.string().optional(), preview_id: z.string().optional() }),
  r2_buckets: section({
    binding: z.string(),
    bucket_name: z.string().optional(),
    preview_bucket_name: z.string().optional(),
  }),
  d1_databases: section({
    binding: z.string(),
    database_id: z.string().optional(),
    preview_database_id: z.string().optional(),
  }),
  queues: z
    .looseObject({
      producers: section({ binding: z.string(), queue: z.string(), delivery_delay: seconds }),
      consumers: section({
        queue: z.string(),
        max_batch_size: z.number().optional(),
        max_batch_timeout: seconds,
        max_retries: z.number().optional(),
        dead_letter_queue: z.string().optional(),
        retry_delay: seconds,
      }),
    })
    .default({ producers: [], consumers: [] }),
  durable_objects: z
    .looseObject({
      bindings: section({ name: z.string(), class_name: z.string(), script_name: z.string().optional() }),
    })
    .default({ bindings: [] }),
  migrations: section({ new_sqlite_classes: names.default([]) }),
  analytics_engine_datasets: section({ binding: z.string(), dataset: z.string().optional() }),
  pubsub: z
    .looseObject({
      binding: z.string().default("BROKER"),
      hook: z.boolean().optional(),
      consumers: z.array(consumer).default([]),
    })
    .default({ binding: "BROKER", consumers: [] }),
  services: section({ binding: z.string(), service: z.string(), entrypoint: z.string().optional() }),
});

export type WranglerConfiguration = z.infer<typeof schema>;

/** A Worker's sources and settings, as they are on disk now. */
export interface WorkerProject {
  /** What it is called among other Workers. */
  readonly name: string;
  /** Its main module, an absolute path. */
  readonly main: string;
  /** Paths in messages and stack traces begin here. */
  readonly folder: string;
  readonly configuration: WranglerConfiguration;
  /** Of `.dev.vars`. */
  readonly secrets: Readonly<Record<string, string>>;
  /** What of the configuration has no effect here, a line each. */
  readonly remarks: readonly string[];
  /** Files that say it, also those that are not there but would count. */
  readonly files: readonly string[];
}

const CONFIGURATION_FILES = ["wrangler.json", "wrangler.jsonc", "wrangler.toml"];
const SECRETS_FILE = ".dev.vars";

/**
 * Reads the project of a Worker.
 * @param location its main module, or a folder with a configuration
 * @throws {UserError} `worker-not-found`, `worker-config-invalid`
 */
export function readProject(location: string): WorkerProject {
  const absolute = path.resolve(location);
  const isFolder = statSync(absolute, { throwIfNoEntry: false })?.isDirectory();
  if (isFolder === undefined) {
    throw new UserError("worker-not-found", `there is no ${location}`, "name a Worker's main module, or its folder");
  }
  const folder = isFolder ? absolute : projectFolder(path.dirname(absolute));
  const candidates = CONFIGURATION_FILES.map((name) => path.join(folder, name));
  const file = candidates.find((each) => existsSync(each));
  const configuration = file === undefined ? schema.parse({}) : readConfiguration(file);
  const main = isFolder ? mainModule(location, folder, file, configuration) : absolute;
  const secretsFile = path.join(folder, SECRETS_FILE);
  const fallbackName = path.basename(isFolder ? folder : main).replaceAll(/\.\w+$|[^\w-]/g, "");
  return {
    name: configuration.name ?? (fallbackName || "worker"),
    main,
    folder,
    configuration,
    secrets: existsSync(secretsFile) ? readSecrets(secretsFile) : {},
    remarks: file === undefined ? [] : remarksOn(configuration, Object.keys(schema.shape), path.basename(file)),
    files: [...candidates, secretsFile],
  };
}

/** The nearest folder with a configuration, up to the one of the package; the Worker's own where there is none. */
function projectFolder(start: string): string {
  for (let folder = start; ; folder = path.dirname(folder)) {
    if (CONFIGURATION_FILES.some((name) => existsSync(path.join(folder, name)))) return folder;
    const isEnd = ["package.json", ".git"].some((name) => existsSync(path.join(folder, name)));
    if (isEnd || folder === path.dirname(folder)) return isEnd ? folder : start;
  }
}

function mainModule(
  location: string,
  folder: string,
  file: string | undefined,
  { main }: WranglerConfiguration,
): string {
  if (file === undefined) {
    const hint = `name its main module, such as ${path.join(location, "src/index.ts")}, or add a wrangler.jsonc`;
    throw new UserError("worker-not-found", `${location} has no ${CONFIGURATION_FILES.join(", ")}`, hint);
  }
  if (main === undefined) {
    const hint = 'add it, such as main = "src/index.ts", or name the module instead of its folder';
    throw new UserError("worker-config-invalid", `${file} does not say which module is the Worker (main)`, hint);
  }
  const absolute = path.resolve(folder, main);
  if (existsSync(absolute)) return absolute;
  throw new UserError("worker-not-found", `there is no ${absolute}, which ${path.basename(file)} names as main`);
}

/** @throws {UserError} `worker-config-invalid`, with the place */
function readConfiguration(file: string): WranglerConfiguration {
  let json: unknown;
  try {
    const text = readFileSync(file, "utf8");
    json = file.endsWith(".toml") ? parseToml(text) : parseJsonc(text);
  } catch (error) {
    const text =
      error instanceof TomlError ? `line ${error.line}: ${error.message.split("\n")[0]}` : (error as Error).message;
    throw new UserError("worker-config-invalid", `${file} cannot be read: ${text}`);
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  throw new UserError("worker-config-invalid", `${file}: ${firstIssue(result.error)}`);
}

function firstIssue({ issues }: ZodError): string {
  const issue = issues[0]!;
  return `${issue.path.join(".") || "the configuration"}: ${issue.message}`;
}

function readSecrets(file: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(parseEnv(readFileSync(file, "utf8"))).map(([name, value]) => [name, value ?? ""]),
  );
}
