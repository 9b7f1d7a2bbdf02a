/** A Worker in a folder of its own, run by workerd behind a real pipeline. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { onTestFinished } from "vitest";
import type {
  HookReport,
  InternalPublish,
  Message,
  PendingPublish,
  PublishOutcome,
  Verdict,
} from "../../../src/broker/ports.ts";
import { OnPublish, policyOf } from "../../../src/hooks/index.ts";
import {
  type LocalWorkerOptions,
  type WorkerAddresses,
  WorkerLauncher,
  type WorkerOutput,
} from "../../../src/hooks/worker/index.ts";
import { message } from "../messages.ts";
import { signingKey } from "../server.ts";
import { temporaryFolder } from "../../setup/temporary-folder.ts";

/** Writes files into a new folder. */
export function project(files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries(files)) write(folder, name, text);
  return folder;
}

export function write(folder: string, name: string, text: string | Uint8Array): void {
  mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
  writeFileSync(path.join(folder, name), text);
}

export interface Completion {
  readonly message: Message;
  readonly verdict: Verdict;
  readonly report: HookReport;
}

export class RunningWorker {
  readonly folder: string;
  readonly outputs: readonly WorkerOutput[];
  readonly completions: Completion[] = [];
  /** What Workers have published. */
  readonly published: (InternalPublish & { publisherId: string })[] = [];
  /** What they are told. */
  outcome = (_message: InternalPublish): PublishOutcome => ({ reasonCode: 0, reason: "Success" });
  /** Whether the Worker wants to be asked about messages. */
  isHook: boolean | undefined;
  addresses!: WorkerAddresses;
  readonly #pipeline: OnPublish;
  readonly #start: () => Promise<WorkerAddresses>;
  readonly #waiting = new Map<PendingPublish, (completion: Completion) => void>();
  readonly #wake: Set<() => void>;

  private constructor(folder: string, launcher: WorkerLauncher, outputs: WorkerOutput[], wake: Set<() => void>) {
    this.folder = folder;
    this.outputs = outputs;
    this.#wake = wake;
    const { publicJwk, privateJwk, kid } = signingKey();
    const worker = launcher.launch({
      brokerHost: "dev.local.localhost",
      signingKey: { kid, privateJwk },
      publicKeys: [publicJwk],
      publish: async (publisherId, messages) => {
        this.published.push(...messages.map((message) => ({ publisherId, ...message })));
        return messages.map((message) => this.outcome(message));
      },
      useAsHook: (isHook) => (this.isHook = isHook),
    });
    this.#pipeline = new OnPublish({
      hook: worker,
      policy: policyOf(null),
      now: () => performance.now(),
      complete: (pending, verdict, report) => {
        const completion = { message: pending.message, verdict, report };
        this.completions.push(completion);
        this.#waiting.get(pending)?.(completion);
        this.#waiting.delete(pending);
      },
    });
    this.#start = () => worker.start(this.#pipeline);
  }

  /** Starts the Worker of the folder; rejects as it does. */
  static async start(
    folder: string,
    { location = folder, ...options }: Partial<Omit<LocalWorkerOptions, "onOutput">> = {},
  ): Promise<RunningWorker> {
    const outputs: WorkerOutput[] = [];
    const wake = new Set<() => void>();
    const onOutput = (output: WorkerOutput) => {
      outputs.push(output);
      for (const resolve of wake) resolve();
      wake.clear();
    };
    const launcher = WorkerLauncher.open({ ...options, location, onOutput });
    const running = new RunningWorker(folder, launcher, outputs, wake);
    onTestFinished(() => running.stop());
    running.addresses = await running.#start();
    return running;
  }

  async stop(): Promise<void> {
    await this.#pipeline.close();
  }

  /** What becomes of messages that are published now. */
  async publish(...messages: Partial<Message>[]): Promise<Completion[]> {
    return await Promise.all(
      messages.map(
        (fields) =>
          new Promise<Completion>((resolve) => {
            const pending = { message: message(fields) };
            this.#waiting.set(pending, resolve);
            this.#pipeline.submit(pending);
          }),
      ),
    );
  }

  /** Waits for something that the Worker, or what runs it, says. */
  async says(kind: WorkerOutput["kind"], text: string | RegExp, after = 0): Promise<WorkerOutput> {
    for (;;) {
      const found = this.outputs
        .slice(after)
        .find(
          (output) =>
            output.kind === kind && (typeof text === "string" ? output.text.includes(text) : text.test(output.text)),
        );
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#wake.add(resolve));
    }
  }

  /** Changes a file, and waits until the Worker of the change runs. */
  async save(name: string, text: string): Promise<void> {
    const before = this.outputs.length;
    write(this.folder, name, text);
    await this.says("reload", "reloaded", before);
  }
}

/** The payload of each message that was let through, as text. */
export function payloads(completions: readonly Completion[]): string[] {
  return completions.flatMap(({ verdict, message: { payload } }) => {
    if (verdict.kind === "accept") return [payload.toString()];
    return verdict.kind === "replace" ? [verdict.payload.toString()] : [];
  });
}
