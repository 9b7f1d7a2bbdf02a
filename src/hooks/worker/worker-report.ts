/** What is told of a Worker: its console, with the places of its sources, and what keeps it from running. */
import type { ConsoleLine } from "../../broker/ports.ts";
import { UserError } from "../../errors.ts";
import type { Assembled } from "./assembly.ts";
import { BuildError } from "./bundle.ts";
import { type WorkerOutput, mappedLine, workerOutput } from "./console.ts";
import type { StructuredLog } from "./miniflare.ts";
import { StackTraces } from "./stack-trace.ts";

export class WorkerReport {
  readonly #onOutput: (output: WorkerOutput) => void;
  readonly #traces = new StackTraces();
  /** Exceptions since workerd was started last, as long as it starts. */
  #startErrors: string[] | undefined;
  #lastFailure: string | undefined;
  #lastRemark: string | undefined;
  /** Those that were told and are told once. */
  readonly #remarks = new Set<string>();

  constructor(onOutput: (output: WorkerOutput) => void) {
    this.#onOutput = onOutput;
  }

  /** What runs next: traces name its sources. */
  setSources({ bundles }: Assembled): void {
    for (const { project, bundle } of bundles) this.#traces.set(project.name, bundle.map, project.folder);
  }

  /** From now on exceptions are why it does not start. */
  startBegins(): void {
    this.#startErrors = [];
  }

  startEnds(): void {
    this.#startErrors = undefined;
  }

  log(log: StructuredLog): void {
    const output = workerOutput(log, this.#traces);
    if (output.kind === "exception" && this.#startErrors !== undefined) this.#startErrors.push(output.text);
    else this.#onOutput(output);
  }

  mapped(lines: readonly ConsoleLine[]): ConsoleLine[] {
    return lines.map((line) => mappedLine(line, this.#traces));
  }

  tell(kind: WorkerOutput["kind"], text: string): void {
    this.#onOutput({ kind, text });
  }

  /** Once in a row. */
  remark(text: string): void {
    if (text !== this.#lastRemark) this.tell("remark", text);
    this.#lastRemark = text;
  }

  remarkOnce(text: string): void {
    if (this.#remarks.has(text)) return;
    this.#remarks.add(text);
    this.tell("remark", text);
  }

  /** A change that does not work: once, however often an editor touches the file. */
  tellFailure(error: unknown): void {
    const { message, hint } = this.explain(error);
    if (message !== this.#lastFailure) {
      const mend = hint === undefined ? "" : ` ${hint}`;
      this.tell("error", `${message}\nThe Worker from before the change goes on.${mend}`);
    }
    this.#lastFailure = message;
  }

  /** The next failure is told even if it is the same as the last one. */
  forgetFailure(): void {
    this.#lastFailure = undefined;
  }

  /** @returns `worker-build-failed`, `worker-failed`, or the error that the user is to see already */
  explain(error: unknown): UserError {
    if (error instanceof UserError) return error;
    if (error instanceof BuildError) {
      return new UserError("worker-build-failed", `the Worker cannot be built:\n${error.message}`, undefined, {
        cause: error,
      });
    }
    const details = this.#startErrors?.join("\n") || (error as Error).message;
    return new UserError("worker-failed", `the Worker does not start:\n${details}`, undefined, { cause: error });
  }
}
