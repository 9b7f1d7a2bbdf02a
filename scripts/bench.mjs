/**
 * Bundles bench/ (Node 20 runs no TypeScript) and runs it with the arguments given.
 *
 *   npm run bench -- …       the brokers side by side, see bench/main.ts
 *   npm run bench -- codec   our codec against mqtt-packet
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
// Inside the repository, so that packages are found from there.
const outdir = `${root}node_modules/.cache/pubsub-bench`;

await build({
  absWorkingDir: root,
  entryPoints: ["bench/main.ts", "bench/codec.ts", "bench/load.ts", "bench/servers/sink.ts", "bench/servers/aedes.ts"],
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
const args = process.argv.slice(2);
const program = args[0] === "codec" ? "codec" : "main";
const { status } = spawnSync(process.execPath, [`${outdir}/${program}.mjs`, ...args], { cwd: root, stdio: "inherit" });
process.exitCode = status ?? 1;
