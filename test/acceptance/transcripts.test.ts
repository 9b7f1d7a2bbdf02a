/**
 * Runs the transcripts of this folder against the built program, each in an empty folder of its own (transcript.ts says
 * how they are written). With PUBSUB_UPDATE_TRANSCRIPTS=1 they are written anew: read the difference before it is kept.
 */
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { registry } from "../../src/cli/registry.ts";
import { program } from "../setup/program.ts";
import { type Step, formatTranscript, normalize, parseTranscript } from "./transcript.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
const files = readdirSync(here).filter((file) => file.endsWith(".txt"));
const isUpdate = process.env["PUBSUB_UPDATE_TRANSCRIPTS"] === "1";

interface Sandbox {
  folder: string;
  home: string;
  env: NodeJS.ProcessEnv;
}

function createSandbox(): Sandbox & AsyncDisposable {
  const folder = mkdtempSync(path.join(tmpdir(), "pubsub transcript ü "));
  const home = mkdtempSync(path.join(tmpdir(), "pubsub-home-"));
  const bin = path.join(home, "bin");
  mkdirSync(bin);
  const pubsub = path.join(bin, "pubsub");
  writeFileSync(pubsub, `#!/bin/sh\nexec '${process.execPath}' '${program()}' "$@"\n`);
  chmodSync(pubsub, 0o755);
  const env = {
    PATH: `${bin}:${process.env["PATH"]}`,
    HOME: home,
    PUBSUB_CONFIG_DIR: path.join(home, "config"),
    XDG_CACHE_HOME: process.env["XDG_CACHE_HOME"],
    LANG: "C.UTF-8",
    TZ: "UTC",
    // Other programs of the transcripts, such as a hook.
    NODE: process.execPath,
  };
  const dispose = async () => {
    await runShell("pubsub stop --quiet", { folder, home, env });
    rmSync(folder, { recursive: true, force: true });
    rmSync(home, { recursive: true, force: true });
  };
  return { folder, home, env, [Symbol.asyncDispose]: dispose };
}

async function runShell(
  command: string,
  { folder, env }: Sandbox,
): Promise<{ stdout: string; stderr: string; code: number | null }> {
  const child = spawn("/bin/sh", ["-c", command], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  const result = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (result.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (result.stderr += text));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  return { ...result, code };
}

test("every command has a transcript", () => {
  const lines = files.flatMap((file) => parseTranscript(readFileSync(path.join(here, file), "utf8")).steps);
  const commands = lines.map(({ command }) => command).join("\n");
  const missing = registry.filter((entry) => !new RegExp(`\\bpubsub ${entry.path}\\b`).test(commands));
  expect(missing.map((entry) => entry.path)).toEqual([]);
});

// Side by side: each waits for processes most of the time, and none knows of the others.
test.concurrent.each(files)(
  "%s",
  async (file) => {
    await using sandbox = createSandbox();
    const transcript = parseTranscript(readFileSync(path.join(here, file), "utf8"));
    const steps: Step[] = [];
    for (const step of transcript.steps) {
      const { stdout, stderr, code } = await runShell(step.command, sandbox);
      const actual: Step = {
        ...step,
        stdout: normalize(stdout, sandbox.folder, sandbox.home),
        stderr: normalize(stderr, sandbox.folder, sandbox.home),
        code: code ?? -1,
      };
      if (!isUpdate) expect(actual).toEqual(step);
      steps.push(actual);
    }
    if (isUpdate) writeFileSync(path.join(here, file), formatTranscript({ ...transcript, steps }));
  },
  120_000,
);
