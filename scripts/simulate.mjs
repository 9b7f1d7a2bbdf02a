/**
 * Bundles test/simulation/ (Node 20 runs no TypeScript) and runs it with the arguments given.
 *
 *   npm run simulate -- --seed 7 --steps 2000
 *   npm run simulate -- --seeds 1..1000
 */
import { bundle, runNode } from "./typescript.mjs";

const outfile = await bundle("test/simulation/main.ts", "simulation");
process.exitCode = runNode(["--enable-source-maps", outfile, ...process.argv.slice(2)]);
