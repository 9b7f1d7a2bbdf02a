/** Bundles a Worker with esbuild into one module, with what it imports besides code beside it. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { isBuiltin } from "node:module";
import path from "node:path";
import process from "node:process";
import type { BuildContext, BuildFailure, OnResolveResult, Plugin } from "esbuild";
import type { WorkerProject } from "./configuration.ts";
import { ENTRY_NAME, type EntryOptions, entrySource } from "./entry.ts";
import type { Libraries } from "./libraries.ts";
import type { MiniflareModule, MiniflareModuleType } from "./miniflare.ts";

export interface Bundle {
  /** The main one first. */
  readonly modules: readonly MiniflareModule[];
  /** Source map of the main one, version 3; its sources are relative to the project's folder. */
  readonly map: string;
  /** Files that it was made of, absolute paths. */
  readonly inputs: readonly string[];
  /** For people, a text of several lines each. */
  readonly warnings: readonly string[];
}

/** The sources have an error. `message` says it with file, line, column and the line itself. */
export class BuildError extends Error {
  override readonly name = "BuildError";
}

export const BUNDLE_SUFFIX = ".bundle.js";

/** The rules of wrangler for what is not code. */
const MODULE_TYPES: Readonly<Record<string, MiniflareModuleType>> = {
  ".wasm": "CompiledWasm",
  ".txt": "Text",
  ".html": "Text",
  ".sql": "Text",
  ".bin": "Data",
};

export class Bundler {
  readonly #context: BuildContext;
  readonly #esbuild: Libraries["esbuild"];
  readonly #plugin: Extras;

  private constructor(context: BuildContext, esbuild: Libraries["esbuild"], plugin: Extras) {
    this.#context = context;
    this.#esbuild = esbuild;
    this.#plugin = plugin;
  }

  /** @param forDebugger whether the bundle carries its source map and the sources, as a debugger needs them */
  static async create(
    esbuild: Libraries["esbuild"],
    project: WorkerProject,
    entry: Omit<EntryOptions, "label">,
    forDebugger: boolean,
  ): Promise<Bundler> {
    const { name, main, folder, configuration } = project;
    const plugin = new Extras(folder, configuration.compatibility_flags);
    const context = await esbuild.context({
      stdin: {
        contents: entrySource(main, ownModule("pubsub-runtime.js"), {
          ...entry,
          label: path.relative(process.cwd(), main),
        }),
        resolveDir: folder,
        sourcefile: ENTRY_NAME,
      },
      // Messages name files as the user does.
      absWorkingDir: process.cwd(),
      outfile: path.join(folder, name + BUNDLE_SUFFIX),
      bundle: true,
      format: "esm",
      platform: "browser",
      conditions: ["workerd", "worker", "browser"],
      target: "es2024",
      loader: { ".js": "jsx", ".mjs": "jsx", ".cjs": "jsx" },
      define: {
        "navigator.userAgent": '"Cloudflare-Workers"',
        "process.env.NODE_ENV": '"development"',
        ...configuration.define,
      },
      alias: Object.fromEntries(
        // Relative to the configuration.
        Object.entries(configuration.alias).map(([from, to]) => [
          from,
          to.startsWith(".") ? path.resolve(folder, to) : to,
        ]),
      ),
      external: ["cloudflare:*", "workerd:*", "node:*"],
      plugins: [plugin.esbuildPlugin],
      keepNames: true,
      sourcemap: forDebugger ? "both" : "external",
      sourcesContent: forDebugger,
      metafile: true,
      write: false,
      logLevel: "silent",
    });
    return new Bundler(context, esbuild, plugin);
  }

  /** @throws {BuildError} */
  async build(): Promise<Bundle> {
    const result = await this.#context.rebuild().catch(async (error: unknown) => {
      const { errors } = error as Partial<BuildFailure>;
      if (errors === undefined) throw error;
      throw new BuildError((await this.#esbuild.formatMessages(errors, { kind: "error" })).join("").trim(), {
        cause: error,
      });
    });
    // What was asked for: write: false, a metafile, and an external source map.
    const map = result.outputFiles!.find((file) => file.path.endsWith(".map"))!;
    const code = result.outputFiles!.find((file) => !file.path.endsWith(".map"))!;
    const files = Object.keys(result.metafile!.inputs).filter((file) => path.basename(file) !== ENTRY_NAME);
    return {
      modules: [{ type: "ESModule", path: code.path, contents: code.text }, ...this.#plugin.modules.values()],
      map: map.text,
      inputs: [...files.map((file) => path.resolve(file)), ...this.#plugin.inputs],
      warnings: await this.#esbuild.formatMessages(result.warnings, { kind: "warning" }),
    };
  }

  async close(): Promise<void> {
    await this.#context.dispose();
  }
}

/** Imports that esbuild would not find its way with. */
class Extras {
  /** Path → module, of the last build. */
  readonly modules = new Map<string, MiniflareModule>();
  readonly inputs = new Set<string>();
  readonly #folder: string;
  readonly #hasNodeModules: boolean;

  constructor(folder: string, flags: readonly string[]) {
    this.#folder = folder;
    this.#hasNodeModules = flags.some((flag) => /^nodejs_(als|compat(_v2)?)$/.test(flag));
  }

  readonly esbuildPlugin: Plugin = {
    name: "pubsub-worker",
    setup: (build) => {
      build.onStart(() => {
        this.modules.clear();
        this.inputs.clear();
      });
      build.onResolve({ filter: /\.(wasm|txt|html|sql|bin)(\?module)?$/ }, async ({ path: request, ...rest }) => {
        if (rest.pluginData === FOUND) return undefined;
        const options = { kind: rest.kind, resolveDir: rest.resolveDir, importer: rest.importer, pluginData: FOUND };
        const { path: file, errors } = await build.resolve(request.replace(/\?module$/, ""), options);
        return errors.length > 0 ? { errors } : await this.#addModule(file);
      });
      build.onResolve(
        { filter: /^[a-z_]+(\/[a-z]+)?$|^(@cloudflare\/pubsub|pubsub-cli\/worker)$/ },
        async ({ path: request, ...rest }) => {
          const fallback = this.#fallback(request);
          if (rest.pluginData === FOUND || fallback === undefined) return undefined;
          const options = { kind: rest.kind, resolveDir: rest.resolveDir, importer: rest.importer, pluginData: FOUND };
          const own = await build.resolve(request, options);
          return own.errors.length > 0 ? fallback : own;
        },
      );
    },
  };

  async #addModule(file: string): Promise<OnResolveResult> {
    const contents = await readFile(file);
    const type = MODULE_TYPES[path.extname(file)]!;
    const digest = createHash("sha256").update(contents).digest("hex").slice(0, 16);
    const name = `${digest}-${path.basename(file)}`;
    this.inputs.add(file);
    this.modules.set(name, {
      type,
      path: path.join(this.#folder, name),
      contents: type === "Text" ? contents.toString() : Uint8Array.from(contents),
    });
    return { path: `./${name}`, external: true };
  }

  /** What an import means that the project's own packages do not provide. */
  #fallback(request: string): OnResolveResult | undefined {
    // The package of Cloudflare Pub/Sub's documentation is on no registry any more, and ours may not be in the project.
    if (["@cloudflare/pubsub", "pubsub-cli/worker"].includes(request)) return { path: ownModule("index.js") };
    if (!isBuiltin(request)) return undefined;
    if (this.#hasNodeModules) return { path: `node:${request}`, external: true };
    const text = `"${request}" is a module of Node: compatibility_flags = ["nodejs_compat"] provides it`;
    return { errors: [{ text }] };
  }
}

/** Marks a resolution that is asked for from within a plugin. */
const FOUND = Symbol("found");

/** The source of `env.BROKER`: one module that imports nothing, as a wrapped binding has to be. */
export async function bundleBroker(esbuild: Libraries["esbuild"]): Promise<string> {
  const { outputFiles } = await esbuild.build({
    entryPoints: [ownModule("pubsub-broker.js")],
    bundle: true,
    format: "esm",
    target: "es2024",
    write: false,
    logLevel: "silent",
  });
  return outputFiles[0]!.text;
}

/** One of our modules for Workers, wherever this file is: in src/, or bundled in dist/. */
export function ownModule(name: string): string {
  for (let folder = path.dirname(import.meta.filename); ; folder = path.dirname(folder)) {
    const file = path.join(folder, "worker", name);
    if (existsSync(file)) return file;
    if (folder === path.dirname(folder)) throw new Error(`the package lacks worker/${name}`);
  }
}
