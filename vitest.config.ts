import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Builds dist/ once, for the tests that run the built program.
    globalSetup: ["test/setup/build.ts"],
    // Processes, not threads: tests change the environment and open many sockets.
    pool: "forks",
    // Much of the time goes to waiting for processes.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 15_000,
    hookTimeout: 30_000,
    // A local server must be reachable whatever proxy the machine has; colours would differ from terminal to terminal; what
    // programs have compiled they keep beside the caches of tools.
    env: {
      XDG_CACHE_HOME: fileURLToPath(new URL("node_modules/.cache", import.meta.url)),
      NO_PROXY: "127.0.0.1,localhost,::1",
      NO_COLOR: "1",
      FORCE_COLOR: "",
    },
  },
});
