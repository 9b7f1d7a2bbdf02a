/** Builds the program once before all tests. A broken build fails the tests that run it (see program.ts), not the others. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** What the build said when it failed; empty if it did not. */
    buildError: string;
  }
}

export default function setup(project: TestProject): void {
  const script = fileURLToPath(new URL("../../scripts/build.mjs", import.meta.url));
  try {
    execFileSync(process.execPath, [script], { encoding: "utf8", stdio: "pipe" });
    project.provide("buildError", "");
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    project.provide("buildError", stderr || String(error));
  }
}
