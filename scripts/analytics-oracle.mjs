/**
 * Compares the answers of src/analytics with those of ClickHouse: chdb, which is real ClickHouse, is installed into a
 * temporary folder (546 MB). Bundles test/analytics/oracle/ (Node 20 runs no TypeScript) and runs it.
 *
 *   npm run analytics-oracle -- --seed 7 --queries 500 [--verbose] [--keep FOLDER]
 *
 * FOLDER keeps chdb for the next time.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const CHDB = "chdb@3.4.0";

const root = fileURLToPath(new URL("..", import.meta.url));
const outfile = `${root}node_modules/.cache/pubsub-analytics-oracle/main.mjs`;
const args = process.argv.slice(2);
const at = args.indexOf("--keep");
const keep = at === -1 ? undefined : args.splice(at, 2)[1];
const folder = keep ?? mkdtempSync(path.join(tmpdir(), "pubsub-chdb-"));

await build({
  absWorkingDir: root,
  entryPoints: ["test/analytics/oracle/main.ts"],
  outfile,
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20.19",
  sourcemap: "inline",
  logLevel: "warning",
});
try {
  if (!existsSync(path.join(folder, "node_modules/chdb"))) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, "package.json"), "{}");
    const install = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", CHDB];
    const { status } = spawnSync("npm", install, { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
    if (status !== 0) throw new Error(`npm install ${CHDB} failed`);
  }
  const { status } = spawnSync(process.execPath, ["--enable-source-maps", outfile, "--chdb", folder, ...args], {
    cwd: root,
    stdio: "inherit",
  });
  process.exitCode = status ?? 1;
} finally {
  if (keep === undefined) rmSync(folder, { recursive: true, force: true });
}
