/**
 * Bundles src/ into dist/: one entry for the command line, and chunks that load when something needs them.
 *
 *   node scripts/build.mjs              builds
 *   node scripts/build.mjs --if-stale   builds if a source is newer than the last build, and says nothing
 *
 * Everything is bundled, libraries too: opening one file per library is most of what a command line's start costs.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build as esbuild } from "esbuild";
import { toCommonJs } from "./commonjs.mjs";
import { join } from "./join.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = path.join(root, "dist");
const stamp = path.join(dist, "build.json");

/**
 * What libraries load at once for features that we do not use, and what is there in its place: package, module, code.
 * Loading it would take 5 ms in every command, and 30 ms in those that write the configuration.
 */
const UNUSED = [
  // Programs that are commands of another.
  ["commander", "node:child_process", 'exports.spawn = (...args) => require("node:child_process").spawn(...args);'],
  // Schemas and migrations of configurations. Whoever begins to use them sees at once that they are missing.
  ["conf", "ajv/dist/2020.js", "export class Ajv2020 {}"],
  ["conf", "ajv-formats", "export default undefined;"],
  ["conf", "semver", "export default undefined;"],
];

const withoutUnused = {
  name: "without-unused",
  setup({ onResolve, onLoad }) {
    for (const [library, module, contents] of UNUSED) {
      const namespace = `unused-${library}`;
      onResolve({ filter: new RegExp(`^${module}$`) }, ({ importer }) =>
        importer.includes(`node_modules/${library}/`) ? { path: module, namespace } : undefined,
      );
      onLoad({ filter: new RegExp(`^${module}$`), namespace }, () => ({ contents }));
    }
  },
};

async function build() {
  const startedAt = new Date();
  const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
  const { metafile, outputFiles } = await esbuild({
    absWorkingDir: root,
    entryPoints: { "cli/main": "src/cli/main.ts", "testing/index": "src/testing/index.ts" },
    outdir: dist,
    outExtension: { ".js": ".cjs" },
    chunkNames: "chunks/[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    define: { __VERSION__: JSON.stringify(version), "import.meta.filename": "__filename" },
    // Not minified: start-up gains nothing measurable from it, and stack traces stay readable without source maps.
    legalComments: "none",
    plugins: [withoutUnused],
    metafile: true,
    write: false,
    logLevel: "warning",
  });
  const files = new Map(
    outputFiles.map(({ path: file, text }) => {
      const name = path.relative(root, file);
      return [name, toCommonJs(text, name)];
    }),
  );
  join(files, metafile.outputs, {
    start: "src/cli/main.ts",
    frequent: ["src/cli/commands/dev.ts", "src/cli/commands/pub.ts", "src/cli/commands/sub.ts", "src/app.ts"],
    server: "src/app.ts",
    // Those of hooks and tests start what takes longer.
    commands: /^src\/cli\/commands\/(?!hook\/|test\.)/,
  });
  // Only now: a build that fails leaves the last one alone.
  rmSync(dist, { recursive: true, force: true });
  for (const [name, text] of files) {
    const file = path.join(root, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  writeLicences(Object.keys(metafile.inputs));
  writeHelp();
  writeFileSync(stamp, JSON.stringify({ version, builtAt: startedAt.toISOString() }));
  return metafile;
}

/** `pubsub --help` is answered from a file: loading the program for it would take twice as long. */
function writeHelp() {
  const env = { ...process.env, NO_COLOR: "1", FORCE_COLOR: "" };
  const help = execFileSync(process.execPath, [path.join(root, "bin/pubsub.js"), "--help"], { env });
  writeFileSync(path.join(dist, "help.txt"), help);
}

/** The licences of everything that the bundle contains have to travel with it. */
function writeLicences(inputs) {
  const packages = inputs.flatMap((file) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []);
  const folders = [...new Set(packages)].toSorted((a, b) => a.localeCompare(b));
  const texts = folders.map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(path.join(root, folder, "package.json"), "utf8"));
    const file = readdirSync(path.join(root, folder)).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file ? readFileSync(path.join(root, folder, file), "utf8").trim() : "";
    return `${name} ${version} (${license})\n\n${text}\n`;
  });
  writeFileSync(path.join(dist, "THIRD-PARTY-LICENSES.txt"), texts.join(`\n${"-".repeat(80)}\n\n`));
}

function isStale() {
  if (!existsSync(stamp)) return true;
  const builtAt = Date.parse(JSON.parse(readFileSync(stamp, "utf8")).builtAt);
  const sources = readdirSync(path.join(root, "src"), { recursive: true }).map((file) => path.join("src", file));
  return [...sources, "scripts/build.mjs", "scripts/commonjs.mjs", "scripts/join.mjs", "package-lock.json"].some(
    (file) => statSync(path.join(root, file)).mtimeMs > builtAt,
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const onlyIfStale = process.argv.includes("--if-stale");
  if (!onlyIfStale || isStale()) {
    const startedAtMs = performance.now();
    const { outputs } = await build().catch((error) => {
      // esbuild has said what is wrong with the sources.
      if (error.errors === undefined) console.error(error.stack);
      process.exit(1);
    });
    if (!onlyIfStale) {
      const bytes = Object.values(outputs).reduce((sum, output) => sum + output.bytes, 0);
      const elapsedMs = Math.round(performance.now() - startedAtMs);
      console.log(`dist: ${Object.keys(outputs).length} files, ${Math.round(bytes / 1024)} KB, ${elapsedMs} ms`);
    }
  }
}
