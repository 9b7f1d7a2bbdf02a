/**
 * Kills the built server again and again, and checks what clients were promised: bundles test/crash (Node 20 runs no
 * TypeScript) and runs it with the arguments given. Builds the server first if a source is newer, unless --program names
 * another one. See test/crash/settings.ts for the options.
 *
 *   npm run crash -- --seed 1 --kills 30
 */
import { buildServer, bundle, runNode } from "./typescript.mjs";

const outfile = await bundle("test/crash/main.ts", "crash");
const args = process.argv.slice(2);
process.exitCode = buildServer(args) ? runNode(["--enable-source-maps", outfile, ...args]) : 1;
