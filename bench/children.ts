/** The processes that a run starts: none of them outlives it. */
import { spawn, type ChildProcess, type SpawnOptions } from "node:child_process";
import { pinned } from "./cores.ts";

const children = new Set<ChildProcess>();

/** Starts a program on the given core. */
export function launch(core: number, command: readonly string[], options: SpawnOptions): ChildProcess {
  const [file, ...args] = pinned(core, command);
  const child = spawn(file!, args, options);
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

export function killAll(): void {
  for (const child of children) child.kill("SIGKILL");
}

process.on("exit", killAll);
