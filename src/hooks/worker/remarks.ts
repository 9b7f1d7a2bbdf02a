/** What of a wrangler configuration has no effect here: said, so that nobody has to wonder why `env.X` is undefined. */

/** Keys that concern deployment, or wrangler itself. */
const WITHOUT_MEANING_HERE = new Set([
  ...["$schema", "account_id", "assets_dir", "dev", "first_party_worker", "keep_names", "keep_vars", "limits"],
  ...["logpush", "minify", "no_bundle", "node_compat", "observability", "placement", "preview_urls", "route", "routes"],
  ...["send_metrics", "tsconfig", "upload_source_maps", "usage_model", "workers_dev", "zone_id", "triggers"],
]);

/** Sections that bind something which does not run on this machine. */
const NOT_PROVIDED = new Set([
  ...[
    "ai",
    "ai_search",
    "assets",
    "browser",
    "cloudchamber",
    "containers",
    "dispatch_namespaces",
    "hyperdrive",
    "images",
  ],
  ...[
    "logfwdr",
    "media",
    "mtls_certificates",
    "pipelines",
    "ratelimits",
    "secrets_store_secrets",
    "send_email",
    "site",
  ],
  ...[
    "stream",
    "tail_consumers",
    "text_blobs",
    "data_blobs",
    "wasm_modules",
    "unsafe",
    "vectorize",
    "version_metadata",
  ],
  ...["vpc_services", "worker_loaders", "workflows"],
]);

/**
 * @param supported the keys that have an effect
 * @param file name of the configuration, for people
 */
export function remarksOn(configuration: object, supported: readonly string[], file: string): string[] {
  return Object.entries(configuration).flatMap(([key, value]) => {
    if (supported.includes(key) || WITHOUT_MEANING_HERE.has(key)) return [];
    if (key === "env") return [`${file}: the sections of environments (env.*) are not used, only the top level`];
    if (!NOT_PROVIDED.has(key)) return [`${file}: "${key}" is not known here, and has no effect`];
    const bindings = bindingNames(value);
    const names = bindings.map((name) => `env.${name}`).join(", ");
    return [`${file}: "${key}" is not provided here${bindings.length > 0 ? `: ${names} will be undefined` : ""}`];
  });
}

function bindingNames(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(bindingNames);
  if (typeof value !== "object" || value === null) return [];
  const { binding, name } = value as Record<string, unknown>;
  if (typeof binding === "string") return [binding];
  return typeof name === "string" ? [name] : [];
}
