/** The built program, for tests that run it as users do. */
import { fileURLToPath } from "node:url";
import { inject } from "vitest";

/** Path of `bin/pubsub.js`, to be run with `process.execPath`. @throws where the build failed */
export function program(): string {
  const buildError = inject("buildError");
  if (buildError) throw new Error(`dist/ could not be built:\n${buildError}`);
  return fileURLToPath(new URL("../../bin/pubsub.js", import.meta.url));
}
