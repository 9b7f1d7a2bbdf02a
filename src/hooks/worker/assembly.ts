/** Puts Workers together: reads their projects, bundles them, and says what miniflare has to run. */
import type { Bundle } from "./bundle.ts";
import { Bundler, bundleBroker } from "./bundle.ts";
import { type BrokerAccess, brokerBinding, brokerScript, missingWorkers, toMiniflareWorker } from "./bindings.ts";
import { type WorkerProject, readProject } from "./configuration.ts";
import { UserError } from "../../errors.ts";
import type { Libraries } from "./libraries.ts";
import type { MiniflareScript, MiniflareWorker } from "./miniflare.ts";

export interface Assembled {
  /** The hook first. */
  readonly workers: readonly MiniflareWorker[];
  /** What else runs for them. */
  readonly scripts: readonly MiniflareScript[];
  readonly bundles: readonly { readonly project: WorkerProject; readonly bundle: Bundle }[];
  /** Equal for equal Workers. */
  readonly fingerprint: string;
  /** Files and configurations that it was made of. */
  readonly files: readonly string[];
  /** What the user should know, a text each. */
  readonly remarks: readonly string[];
}

interface Part {
  /** What the bundler was made for. */
  readonly key: string;
  readonly bundler: Bundler;
}

export class Assembly {
  readonly #libraries: Libraries;
  readonly #locations: readonly string[];
  readonly #forDebugger: boolean;
  readonly #broker: BrokerAccess;
  #brokerSource: Promise<string> | undefined;
  /** Location → its bundler, which remembers what has not changed. */
  readonly #parts = new Map<string, Part>();

  /** @param locations main modules or folders, the hook's first */
  constructor(libraries: Libraries, locations: readonly string[], broker: BrokerAccess, forDebugger: boolean) {
    this.#libraries = libraries;
    this.#locations = locations;
    this.#broker = broker;
    this.#forDebugger = forDebugger;
  }

  /**
   * Reads and bundles everything as it is now.
   * @param hookBindings what the hook finds in `env` besides what its configuration says
   * @throws {UserError | BuildError}
   */
  async assemble(hookBindings: Readonly<Record<string, unknown>>): Promise<Assembled> {
    const projects = this.#locations.map((location) => readProject(location));
    const names = new Set(projects.map(({ name }) => name));
    if (names.size < projects.length) {
      const text = `several Workers have the same name: ${projects.map(({ name }) => name).join(", ")}`;
      throw new UserError("worker-config-invalid", text, "give each its own name in its configuration");
    }
    const compatibilityDate = this.#libraries.miniflare.supportedCompatibilityDate;
    const bundles = await Promise.all(
      projects.map(async (project, index) => ({
        project,
        bundle: await this.#bundle(this.#locations[index]!, project, index === 0),
      })),
    );
    const brokerSource = await (this.#brokerSource ??= bundleBroker(this.#libraries.esbuild));
    const broker = this.#broker;
    const workers = bundles.map(({ project, bundle: { modules } }, index): MiniflareWorker => {
      const extraBindings = index === 0 ? hookBindings : {};
      const worker = toMiniflareWorker({
        ...{ project, modules, compatibilityDate, workers: names, extraBindings, broker },
      });
      return index === 0 ? { ...worker, unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }] } : worker;
    });
    return {
      workers,
      scripts: [brokerScript(brokerSource, broker)],
      bundles,
      // The name of a module that is no text tells what is in it.
      fingerprint: JSON.stringify(
        [workers, projects.map(({ configuration }) => configuration.pubsub)],
        (_, value: unknown) => (value instanceof Uint8Array ? "" : value),
      ),
      files: bundles.flatMap(({ project, bundle }) => [...bundle.inputs, ...project.files]),
      remarks: bundles.flatMap(({ project, bundle }) => [
        ...project.remarks,
        ...missingWorkers(project, names),
        ...missingBroker(project),
        ...bundle.warnings.map((warning) => warning.trim()),
      ]),
    };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#parts.values()].map(({ bundler }) => bundler.close()));
    this.#parts.clear();
  }

  async #bundle(location: string, project: WorkerProject, isHook: boolean): Promise<Bundle> {
    const { name, main, folder, configuration } = project;
    const { define, alias, compatibility_flags: flags } = configuration;
    const binding = brokerBinding(project);
    const key = JSON.stringify([name, main, folder, define, alias, flags, binding]);
    let part = this.#parts.get(location);
    if (part?.key !== key) {
      await part?.bundler.close();
      const entry = { secret: this.#broker.secret, binding, isHook };
      part = { key, bundler: await Bundler.create(this.#libraries.esbuild, project, entry, this.#forDebugger) };
      this.#parts.set(location, part);
    }
    return await part.bundler.build();
  }
}

function missingBroker(project: WorkerProject): string[] {
  if (brokerBinding(project) !== undefined) return [];
  const { binding } = project.configuration.pubsub;
  return [
    `env.${binding} is what the configuration binds: the broker is not in env ([pubsub] binding = "…" gives it another name)`,
  ];
}
