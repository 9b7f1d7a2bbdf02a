import { mkdir, readFile } from "node:fs/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type Plugin, build } from "esbuild";
import type * as Simulation from "../simulate.ts";
import type { Mutation } from "./mutations.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const directory = `${root}node_modules/.cache/pubsub-simulation/`;

/** The simulation, bundled with a broker that has the bug. */
export async function buildWith(mutation: Mutation, name: string): Promise<typeof Simulation> {
  await mkdir(directory, { recursive: true });
  const outfile = `${directory}planted-${name}.mjs`;
  await build({
    absWorkingDir: root,
    entryPoints: ["test/simulation/simulate.ts"],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    logLevel: "silent",
    plugins: [plant(mutation, "test/simulation/planted/mutations.ts")],
  });
  return (await import(/* @vite-ignore */ pathToFileURL(outfile).href)) as typeof Simulation;
}

/** @param list the file that has the mutation, for who must bring it up to date */
export function plant({ name, file, source, replacement }: Mutation, list: string): Plugin {
  return {
    name: "plant",
    setup({ onLoad }) {
      onLoad({ filter: /\/src\/.*\.ts$/ }, async ({ path }) => {
        if (path !== `${root}src/${file}`) return undefined;
        const parts = (await readFile(path, "utf8")).split(source);
        if (parts.length !== 2) {
          const text = `"${name}" cannot be planted: its piece of source is ${parts.length - 1} times in src/${file}. Bring ${list} up to date.`;
          return { errors: [{ text }] };
        }
        return { contents: parts.join(replacement), loader: "ts" };
      });
    },
  };
}
