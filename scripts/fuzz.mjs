/**
 * Sends hostile input to the built server: bundles test/fuzz (Node 20 runs no TypeScript) and runs it with the arguments
 * given. Builds the server first if a source is newer, unless
 * --program names another one. See test/fuzz/settings.ts for the options.
 *
 *   npm run fuzz -- --seconds 60 --seed 1
 */
import { buildServer, bundle, root, runNode } from "./typescript.mjs";

const outfile = await bundle("test/fuzz/main.ts", "fuzz", { packages: "external", sourcemap: false });
const args = process.argv.slice(2);
const env = { ...process.env, PUBSUB_FUZZ_PROGRAM: `${root}bin/pubsub.js` };
process.exitCode = buildServer(args) ? runNode([outfile, ...args], env) : 1;
