/** For programs that are written in TypeScript, which Node 20 does not run: they are bundled, and run from there. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

export const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * @param entry the program's main module, from the root of the repository
 * @param name of the folder in which its bundle is kept, inside the repository so that packages are found from there
 * @returns the path of the bundle
 */
export async function bundle(entry, name, options = {}) {
  const outfile = `${root}node_modules/.cache/pubsub-${name}/main.mjs`;
  await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    sourcemap: "inline",
    logLevel: "warning",
    ...options,
  });
  return outfile;
}

/** @returns the exit code */
export function runNode(args, env = process.env) {
  return spawnSync(process.execPath, args, { cwd: root, env, stdio: "inherit" }).status ?? 1;
}

/** Builds the server if a source is newer, unless `--program` names another one. @returns whether there is one to run */
export function buildServer(args) {
  return args.some((arg) => arg.startsWith("--program")) || runNode([`${root}scripts/build.mjs`, "--if-stale"]) === 0;
}
