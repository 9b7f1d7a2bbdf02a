/**
 * Bundles test/simulation/ (Node 20 runs no TypeScript) and runs it with the arguments given.
 *
 *   npm run simulate -- --seed 7 --steps 2000
 *   npm run simulate -- --seeds 1..1000
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const outfile = `${root}node_modules/.cache/pubsub-simulation/main.mjs`;

await build({
  absWorkingDir: root,
  entryPoints: ["test/simulation/main.ts"],
  outfile,
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20.19",
  sourcemap: "inline",
  logLevel: "warning",
});
const args = ["--enable-source-maps", outfile, ...process.argv.slice(2)];
const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
process.exitCode = status ?? 1;
