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
import { bundle, runNode } from "./typescript.mjs";

const CHDB = "chdb@3.4.0";

const args = process.argv.slice(2);
const at = args.indexOf("--keep");
const keep = at === -1 ? undefined : args.splice(at, 2)[1];
const folder = keep ?? mkdtempSync(path.join(tmpdir(), "pubsub-chdb-"));

const outfile = await bundle("test/analytics/oracle/main.ts", "analytics-oracle");
try {
  if (!existsSync(path.join(folder, "node_modules/chdb"))) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, "package.json"), "{}");
    const install = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", CHDB];
    const { status } = spawnSync("npm", install, { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
    if (status !== 0) throw new Error(`npm install ${CHDB} failed`);
  }
  process.exitCode = runNode(["--enable-source-maps", outfile, "--chdb", folder, ...args]);
} finally {
  if (keep === undefined) rmSync(folder, { recursive: true, force: true });
}
