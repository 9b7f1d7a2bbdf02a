import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { plant } from "../../simulation/planted/build.ts";
import type { Mutation } from "../../simulation/planted/mutations.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** @returns the path of a server that has the bug, to be run as bin/pubsub.js is */
export async function buildServerWith(mutation: Mutation, name: string): Promise<string> {
  const directory = `${root}node_modules/.cache/pubsub-crash/planted-${name}/`;
  await mkdir(directory, { recursive: true });
  const { version } = JSON.parse(await readFile(`${root}package.json`, "utf8")) as { version: string };
  await build({
    absWorkingDir: root,
    entryPoints: { "cli/main": "src/cli/main.ts" },
    outdir: directory,
    bundle: true,
    packages: "external",
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    define: { __VERSION__: JSON.stringify(version) },
    logLevel: "silent",
    plugins: [plant(mutation, "test/crash/planted/mutations.ts")],
  });
  const program = `${directory}pubsub.mjs`;
  await writeFile(program, 'import { main } from "./cli/main.js";\nawait main();\n');
  return program;
}
