/**
 * esbuild and miniflare, which run a Worker: too large (176 MB) to come with a broker, so they are optional peers, taken
 * from the user's project first.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import process from "node:process";
import type * as Esbuild from "esbuild";
import { UserError } from "../../errors.ts";
import type { MiniflareLibrary } from "./miniflare.ts";

export interface Libraries {
  readonly esbuild: typeof Esbuild;
  readonly miniflare: MiniflareLibrary;
}

interface Requirement {
  readonly name: "esbuild" | "miniflare";
  /** What to install on this Node. */
  readonly install: string;
  /** The versions that are known to do, first included and last excluded; as in peerDependencies of package.json. */
  readonly from: readonly [number, number];
  readonly before: readonly [number, number];
}

/** Newer ones ask for Node 22. */
const LAST_MINIFLARE_FOR_NODE_20 = "4.20260426.0";

/** @param nodeMajor of the Node that is going to run it */
export function requirements(nodeMajor: number): readonly Requirement[] {
  const miniflare = nodeMajor < 22 ? LAST_MINIFLARE_FOR_NODE_20 : "^4.20260426.0";
  return [
    { name: "miniflare", install: `miniflare@${miniflare}`, from: [4, 20_260_426], before: [5, 0] },
    { name: "esbuild", install: "esbuild@^0.28.0", from: [0, 25], before: [1, 0] },
  ];
}

/**
 * Loads them.
 * @param folders where to look, the user's project first
 * @param own a file of this package, whose neighbours come last
 * @throws {UserError} `worker-libraries-missing`, with the command that installs them
 */
export function loadLibraries(folders: readonly string[], own: string = import.meta.filename): Libraries {
  const needed = requirements(Number(process.versions.node.split(".")[0]));
  const found = needed.map((requirement) =>
    locate(requirement, [...folders.map((folder) => path.join(folder, "package.json")), own]),
  );
  const missing = needed.filter((_, index) => found[index]?.file === undefined);
  if (missing.length > 0) {
    const names = missing.map(({ name }) => name).join(" and ");
    const unfit = found.flatMap((each) => each.unfit ?? []);
    const why =
      unfit.length === 0 ? "not installed" : `not installed in a version that does (there is ${unfit.join(", ")})`;
    throw new UserError(
      "worker-libraries-missing",
      `running a Worker takes ${names}, ${missing.length === 1 ? "which is" : "which are"} ${why}`,
      `npm install --save-dev ${missing.map(({ install }) => `"${install}"`).join(" ")}`,
    );
  }
  // Not `import()`, which code that was compiled before does not have (bin/compile-cache.js).
  const [miniflare, esbuild] = found.map(({ file }) => createRequire(file!)(file!) as unknown);
  return { miniflare: miniflare as MiniflareLibrary, esbuild: esbuild as typeof Esbuild };
}

/**
 * The library's main file, or the versions of it that will not do.
 * @param places files from where to look
 */
function locate({ name, from, before }: Requirement, places: readonly string[]): { file?: string; unfit?: string[] } {
  const unfit: string[] = [];
  for (const base of places) {
    let file: string;
    try {
      file = createRequire(base).resolve(name);
    } catch {
      continue;
    }
    const version = versionOf(file, name);
    if (isAtLeast(version, from) && !isAtLeast(version, before)) return { file };
    unfit.push(`${name} ${version}`);
  }
  return { unfit: [...new Set(unfit)] };
}

function versionOf(file: string, name: string): string {
  for (let folder = path.dirname(file); folder !== path.dirname(folder); folder = path.dirname(folder)) {
    try {
      const manifest = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8")) as Record<string, unknown>;
      if (manifest["name"] === name) return String(manifest["version"]);
    } catch {
      // Not the package's own folder.
    }
  }
  return "of unknown version";
}

function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [ownMajor = 0, ownMinor = 0] = version.split(".").map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}
