/** Puts Workers together: reads their projects, bundles them, and says what miniflare has to run. */
import type { Bundle } from "./bundle.ts";
import { Bundler } from "./bundle.ts";
import { missingWorkers, toMiniflareWorker } from "./bindings.ts";
import { type WorkerProject, readProject } from "./configuration.ts";
import { UserError } from "../../errors.ts";
import type { Libraries } from "./libraries.ts";
import type { MiniflareWorker } from "./miniflare.ts";

export interface Assembled {
  /** The hook first. */
  readonly workers: readonly MiniflareWorker[];
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
  /** Location → its bundler, which remembers what has not changed. */
  readonly #parts = new Map<string, Part>();

  /** @param locations main modules or folders, the hook's first */
  constructor(libraries: Libraries, locations: readonly string[], forDebugger: boolean) {
    this.#libraries = libraries;
    this.#locations = locations;
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
        bundle: await this.#bundle(this.#locations[index]!, project),
      })),
    );
    const workers = bundles.map(({ project, bundle: { modules } }, index): MiniflareWorker => {
      const extraBindings = index === 0 ? hookBindings : {};
      const worker = toMiniflareWorker({ project, modules, compatibilityDate, workers: names, extraBindings });
      return index === 0 ? { ...worker, unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }] } : worker;
    });
    return {
      workers,
      bundles,
      // The name of a module that is no text tells what is in it.
      fingerprint: JSON.stringify(workers, (_, value: unknown) => (value instanceof Uint8Array ? "" : value)),
      files: bundles.flatMap(({ project, bundle }) => [...bundle.inputs, ...project.files]),
      remarks: bundles.flatMap(({ project, bundle }) => [
        ...project.remarks,
        ...missingWorkers(project, names),
        ...bundle.warnings.map((warning) => warning.trim()),
      ]),
    };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#parts.values()].map(({ bundler }) => bundler.close()));
    this.#parts.clear();
  }

  async #bundle(location: string, project: WorkerProject): Promise<Bundle> {
    const { name, main, folder, configuration } = project;
    const { define, alias, compatibility_flags: flags } = configuration;
    const key = JSON.stringify([name, main, folder, define, alias, flags]);
    let part = this.#parts.get(location);
    if (part?.key !== key) {
      await part?.bundler.close();
      part = { key, bundler: await Bundler.create(this.#libraries.esbuild, project, this.#forDebugger) };
      this.#parts.set(location, part);
    }
    return await part.bundler.build();
  }
}
