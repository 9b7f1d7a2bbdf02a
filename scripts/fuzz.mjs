/**
 * Sends hostile input to the built server: bundles test/fuzz (Node 20 runs no TypeScript) and runs it with the arguments
 * given. Builds the server first if a source is newer, unless
 * --program names another one. See test/fuzz/settings.ts for the options.
 *
 *   npm run fuzz -- --seconds 60 --seed 1
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const outfile = `${root}node_modules/.cache/pubsub-fuzz/main.mjs`;
const run = (args, env) => spawnSync(process.execPath, args, { cwd: root, env, stdio: "inherit" }).status ?? 1;

await build({
  absWorkingDir: root,
  entryPoints: ["test/fuzz/main.ts"],
  outfile,
  bundle: true,
  packages: "external",
  format: "esm",
  platform: "node",
  target: "node20.19",
  logLevel: "warning",
});
const args = process.argv.slice(2);
const isOther = args.some((arg) => arg.startsWith("--program"));
const isBuilt = isOther || run([`${root}scripts/build.mjs`, "--if-stale"], process.env) === 0;
const env = { ...process.env, PUBSUB_FUZZ_PROGRAM: `${root}bin/pubsub.js` };
process.exitCode = isBuilt ? run([outfile, ...args], env) : 1;
