/**
 * Kills the built server again and again, and checks what clients were promised: bundles test/crash (Node 20 runs no
 * TypeScript) and runs it with the arguments given. Builds the server first if a source is newer, unless --program names
 * another one. See test/crash/settings.ts for the options.
 *
 *   npm run crash -- --seed 1 --kills 30
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const outfile = `${root}node_modules/.cache/pubsub-crash/main.mjs`;
const run = (args) => spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" }).status ?? 1;

await build({
  absWorkingDir: root,
  entryPoints: ["test/crash/main.ts"],
  outfile,
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20.19",
  sourcemap: "inline",
  logLevel: "warning",
});
const args = process.argv.slice(2);
const isOther = args.some((arg) => arg.startsWith("--program"));
const isBuilt = isOther || run([`${root}scripts/build.mjs`, "--if-stale"]) === 0;
process.exitCode = isBuilt ? run(["--enable-source-maps", outfile, ...args]) : 1;
