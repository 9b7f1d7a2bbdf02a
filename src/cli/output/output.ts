/**
 * Where everything that commands print goes: standard output carries data only; messages for people, warnings,
 * errors and spinners go to standard error.
 */
import type { Writable } from "node:stream";
import { type Colors, createColors, wantsColors } from "./colors.ts";
import type { ErrorReport } from "../errors.ts";
import { WriteBatch } from "./write-batch.ts";
import type { Environment } from "../environment.ts";

/** A stream that may be a terminal. */
export type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

export interface OutputOptions {
  /** `--json` */
  json: boolean;
  /** `--quiet`: no messages but errors. */
  quiet: boolean;
  /** `--color`, `--no-color`; undefined where neither was given. */
  color: boolean | undefined;
}

/** A spinner that appears for a moment is noise, and loading it costs more than most commands take. */
const SPINNER_DELAY_MS = 250;

export class Output {
  readonly json: boolean;
  readonly quiet: boolean;
  /** Colours for standard output. */
  readonly out: Colors;
  /** Colours for standard error. */
  readonly err: Colors;
  /** True if standard error is a terminal with somebody in front of it. */
  readonly interactive: boolean;
  readonly #stdout: OutputStream;
  readonly #stderr: OutputStream;
  readonly #signal: AbortSignal;
  readonly #batch: WriteBatch;

  constructor(
    streams: { stdout: OutputStream; stderr: OutputStream },
    env: Environment,
    signal: AbortSignal,
    options: OutputOptions,
  ) {
    this.#stdout = streams.stdout;
    this.#stderr = streams.stderr;
    this.#signal = signal;
    this.#batch = new WriteBatch((bytes) => streams.stdout.write(bytes));
    this.json = options.json;
    this.quiet = options.quiet;
    this.out = createColors(wantsColors(options.color, env, streams.stdout.isTTY === true));
    this.err = createColors(wantsColors(options.color, env, streams.stderr.isTTY === true));
    this.interactive = streams.stderr.isTTY === true && !isCi(env);
  }

  /** True if standard output is a terminal. */
  get isTerminal(): boolean {
    return this.#stdout.isTTY === true;
  }

  /** Columns of the terminal; undefined where standard output is none. */
  get columns(): number | undefined {
    return this.#stdout.isTTY === true ? this.#stdout.columns || 80 : undefined;
  }

  /**
   * Writes data as it is, at the end of this turn.
   * @returns undefined, or, where the reader does not keep up, a promise to await before more is written.
   */
  write(data: string | Uint8Array): Promise<void> | undefined {
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    this.#batch.add(bytes.length, (buffer, offset) => buffer.set(bytes, offset));
    if (!this.#stdout.writableNeedDrain || this.#signal.aborted) return undefined;
    return new Promise((resolve) => {
      const done = () => {
        this.#stdout.off("drain", done);
        this.#signal.removeEventListener("abort", done);
        resolve();
      };
      this.#stdout.on("drain", done);
      this.#signal.addEventListener("abort", done);
    });
  }

  /** Writes one document: with `--json` the value, for people the text. */
  document(value: unknown, text: string): void {
    void this.write(this.json ? `${JSON.stringify(value, undefined, 2)}\n` : text);
  }

  /** Writes one object of a stream. */
  line(value: object): Promise<void> | undefined {
    return this.write(`${JSON.stringify(value)}\n`);
  }

  /** A message for people. */
  info(text: string): void {
    if (!this.quiet) this.#tell(`${text}\n`);
  }

  warn(text: string, hint?: string): void {
    if (this.quiet) return;
    this.#tell(`${this.err.yellow("warning:")} ${text}${hint ? `; ${hint}` : ""}\n`);
  }

  error(report: Pick<ErrorReport, "code" | "message" | "hint">): void {
    const { code, message, hint } = report;
    if (this.json) this.#tell(`${JSON.stringify({ error: { code, message, hint } })}\n`);
    else this.#tell(`${this.err.red("error:")} ${message}\n${hint ? `  ${this.err.cyan("→")} ${hint}\n` : ""}`);
  }

  /** Asks on standard error; for interactive use only. */
  prompt(text: string): void {
    this.#tell(text);
  }

  /** On a terminal it comes after the data that was written before. */
  #tell(text: string): void {
    this.#batch.flush();
    this.#stderr.write(text);
  }

  /** Waits for the task, with a spinner if it takes a moment and somebody is looking. */
  async spin<T>(text: string, task: Promise<T>): Promise<T> {
    // A terminal that does not know its width says 0, and ora would go on erasing lines for ever.
    const hasWidth = (this.#stderr.columns ?? 0) > 0;
    if (!this.interactive || !hasWidth || this.quiet || this.json) return await task;
    const stderr = this.#stderr as unknown as NodeJS.WriteStream;
    let spinner: { stop(): unknown } | undefined;
    let finished = false;
    const startSpinner = async () => {
      const { default: ora } = await import("ora");
      // Neither discarding input nor hiding the cursor: both install signal handlers next to ours.
      if (!finished) spinner = ora({ text, stream: stderr, discardStdin: false, hideCursor: false }).start();
    };
    const timer = setTimeout(() => {
      void startSpinner();
    }, SPINNER_DELAY_MS);
    try {
      return await task;
    } finally {
      finished = true;
      clearTimeout(timer);
      spinner?.stop();
    }
  }
}

/** True on a build server, where nobody answers questions. */
export function isCi(env: Environment): boolean {
  const value = env["CI"];
  return value !== undefined && value !== "" && value !== "0" && value !== "false";
}
