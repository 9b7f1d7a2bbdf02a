import type { ChildProcess } from "node:child_process";
import path from "node:path";
import { createInterface, type Interface } from "node:readline";
import type { RunningBroker } from "./brokers.ts";
import { launch } from "./children.ts";
import { GENERATOR_CORE } from "./cores.ts";
import type { Job } from "./load/main.ts";
import type { Measurement, Timing } from "./measurement.ts";
import type { Work } from "./scenarios.ts";

/** The process of a load generator that is set up for one scenario and one broker. */
export class Generator {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;
  #complaints = "";

  private constructor(job: Job) {
    const script = path.join(import.meta.dirname, "load", "main.mjs");
    const command = [process.execPath, script, JSON.stringify(job)];
    this.#child = launch(GENERATOR_CORE, command, { stdio: ["pipe", "pipe", "pipe"] });
    this.#child.stderr!.on("data", (chunk: Buffer) => (this.#complaints += chunk.toString()));
    this.#child.stdin!.on("error", () => {});
    this.#reader = createInterface({ input: this.#child.stdout! });
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  /** @throws Error where it cannot set up the scenario */
  static async start({ port, pid }: RunningBroker, work: Work): Promise<Generator> {
    const generator = new Generator({ port, pid, work });
    await generator.#answer();
    return generator;
  }

  /** @throws Error where the generator failed, with what it said */
  async measure(timing: Timing): Promise<Measurement> {
    this.#child.stdin!.write(`${JSON.stringify(timing)}\n`);
    return (await this.#answer()) as Measurement;
  }

  stop(): void {
    this.#child.kill("SIGKILL");
    this.#reader.close();
  }

  async #answer(): Promise<unknown> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(this.#complaints.trim() || "the load generator ended");
    return JSON.parse(value);
  }
}
