import { watch } from "node:fs/promises";
import path from "node:path";
import { expect, it } from "vitest";
import { CommandContext } from "../../src/cli/context.ts";
import { InterruptedError } from "../../src/cli/errors.ts";
import { execute } from "../../src/cli/server/exec.ts";
import type { ReadyObject } from "../../src/cli/server/ready-file.ts";
import { temporaryFolder } from "../setup/temporary-folder.ts";
import { createTestWorld } from "./world.ts";

it.each([
  ["SIGINT", 5],
  ["SIGTERM", 6],
] as const)(
  "a program of --exec gets the %s that came, and its exit code is the command's",
  async (signal, exitCode) => {
    const { world, abort } = createTestWorld({ env: { PATH: process.env["PATH"]! } });
    const folder = temporaryFolder();
    const isUp = watch(folder)[Symbol.asyncIterator]().next();
    const script = 'trap "exit 5" INT; trap "exit 6" TERM; touch "$0"; while :; do sleep 0.01; done';
    const program = ["sh", "-c", script, path.join(folder, "up")];
    const ended = execute(new CommandContext(world, {}), program, {} as ReadyObject);
    ended.catch(() => {});
    await isUp;
    abort(new InterruptedError(signal));
    await expect(ended).rejects.toMatchObject({ exitCode });
  },
);
