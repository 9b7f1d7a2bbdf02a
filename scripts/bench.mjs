/**
 * Bundles bench/ (Node 20 runs no TypeScript) and runs it with the arguments given.
 *
 *   npm run bench -- …       the brokers side by side, see bench/main.ts
 *   npm run bench -- codec   our codec against mqtt-packet
 *   npm run bench -- runtime [case]   the runtime without a network
 *   npm run bench -- journal [folder] [fsync] [records]   the journal alone
 *   npm run bench -- worker [milliseconds]   Workers as hooks alone
 *   npm run bench -- analytics [points]   queries over Analytics Engine alone
 */
import { build } from "esbuild";
import { root, runNode } from "./typescript.mjs";

// Inside the repository, so that packages are found from there.
const outdir = `${root}node_modules/.cache/pubsub-bench`;
const programs = [
  "main",
  "codec",
  "runtime",
  "journal",
  "worker",
  "analytics",
  "growth",
  "load/main",
  "servers/sink",
  "servers/aedes",
  "servers/hook",
];

await build({
  absWorkingDir: root,
  entryPoints: programs.map((name) => `bench/${name}.ts`),
  outdir,
  outbase: "bench",
  bundle: true,
  packages: "external",
  format: "esm",
  platform: "node",
  target: "node20.19",
  outExtension: { ".js": ".mjs" },
  logLevel: "warning",
});
// What is measured is what is there now.
runNode(["scripts/build.mjs", "--if-stale"]);
const [first, ...rest] = process.argv.slice(2);
const isAlone = ["analytics", "codec", "journal", "runtime", "worker"].includes(first);
const script = `${outdir}/${isAlone ? first : "main"}.mjs`;
const args = ["--expose-gc", script, ...(isAlone ? rest : process.argv.slice(2))];
// Ctrl-C is for the benchmark, which writes what it has before it ends.
process.on("SIGINT", () => {});
process.exitCode = runNode(args);
