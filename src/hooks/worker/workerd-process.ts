/**
 * The process of workerd, which miniflare starts and then forgets: told of when it ends by itself, and ended with this
 * process even if that is killed.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import process from "node:process";

/** An argument that miniflare gives to workerd, and nobody to another program. */
const WORKERD_ARGUMENT = "--control-fd=3";

/**
 * Reads process ids, and kills the last one when there are no more: its input ends with the process that holds the other end.
 * An empty line is for none. Signals of a terminal are not for it.
 */
const GUARD = `trap '' INT TERM HUP; while read -r pid; do last=$pid; done; [ -n "$last" ] && kill -9 "$last"`;

export class WorkerdProcess {
  readonly #onCrash: (how: string) => void;
  #current: ChildProcess | undefined;
  #guard: ChildProcess | undefined;
  #isStarting = false;

  /** @param onCrash called when it ends, and nobody wanted it to; with a few words for people */
  constructor(onCrash: (how: string) => void) {
    this.#onCrash = onCrash;
  }

  /** Runs what ends the process, if there is one, and starts it again. */
  async starting<Result>(start: () => Promise<Result>): Promise<Result> {
    this.forget();
    const notice = (message: unknown): void => {
      const { process: child } = message as { process: ChildProcess };
      // Only now does it have arguments, and an id if it could be started.
      queueMicrotask(() => {
        if (child.pid !== undefined && child.spawnargs.includes(WORKERD_ARGUMENT)) this.#watch(child);
      });
    };
    subscribe("child_process", notice);
    this.#isStarting = true;
    try {
      return await start();
    } finally {
      this.#isStarting = false;
      unsubscribe("child_process", notice);
    }
  }

  /** It is going to be ended. */
  forget(): void {
    this.#current = undefined;
  }

  /** Lets go of the guard: the process has been ended. */
  close(): void {
    this.forget();
    this.#tellGuard("");
    this.#guard?.stdin?.end();
  }

  #watch(child: ChildProcess): void {
    this.#current = child;
    this.#tellGuard(String(child.pid));
    child.once("exit", (code, signal) => {
      if (this.#current !== child) return;
      this.#current = undefined;
      this.#tellGuard("");
      // Where it does not start, who starts it is told.
      if (!this.#isStarting) this.#onCrash(signal ?? `exit code ${code}`);
    });
  }

  #tellGuard(line: string): void {
    if (process.platform === "win32") return;
    this.#guard ??= startGuard();
    this.#guard.stdin?.write(`${line}\n`);
  }
}

function startGuard(): ChildProcess {
  const guard = spawn("/bin/sh", ["-c", GUARD], { stdio: ["pipe", "ignore", "ignore"], detached: true });
  // It is a precaution: without it everything else works.
  guard.on("error", () => {});
  guard.stdin.on("error", () => {});
  guard.unref();
  (guard.stdin as Socket).unref();
  return guard;
}
