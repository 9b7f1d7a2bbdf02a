/** miniflare, and through it workerd: what is put together runs in it, and what ran before does not any more. */
import { rememberSignalHandlers } from "../../signal-handlers.ts";
import type { Assembled } from "./assembly.ts";
import type { MiniflareInstance, MiniflareLibrary, MiniflareOptions, StructuredLog } from "./miniflare.ts";
import { type WritePoints, pointScripts, pointsArrived } from "./points.ts";
import { WorkerdProcess } from "./workerd-process.ts";

export interface WorkerRuntimeOptions {
  /** Folder for what KV, R2, D1, Durable Objects … keep; in memory where it is not given. */
  readonly persistTo?: string | undefined;
  /** For a debugger to connect to; 0 picks a free one. None where it is not given. */
  readonly inspectorPort?: number | undefined;
  /** Keeps what Workers write to datasets of Analytics Engine; nobody does where it is not given. */
  readonly writePoints?: WritePoints | undefined;
}

export interface WorkerRuntimePorts {
  readonly onLog: (log: StructuredLog) => void;
  /** Told of points that were not kept, and why. */
  readonly onRemark: (text: string) => void;
  /** Called when workerd has ended by itself, with a few words for people. */
  readonly onCrash: (how: string) => void;
}

const NOT_KEPT: WritePoints = async () => {};

export class WorkerRuntime {
  readonly #library: MiniflareLibrary;
  readonly #options: WorkerRuntimeOptions;
  readonly #ports: WorkerRuntimePorts;
  readonly #workerd: WorkerdProcess;
  #miniflare: MiniflareInstance | undefined;

  constructor(library: MiniflareLibrary, options: WorkerRuntimeOptions, ports: WorkerRuntimePorts) {
    this.#library = library;
    this.#options = options;
    this.#ports = ports;
    this.#workerd = new WorkerdProcess(ports.onCrash);
  }

  /** Starts workerd with it, anew where it runs already. What is under way fails. */
  async run(assembled: Assembled): Promise<void> {
    const options = this.#miniflareOptions(assembled);
    await this.#workerd.starting(async () => {
      if (this.#miniflare !== undefined) return await this.#miniflare.setOptions(options);
      // miniflare's would end the process before the broker has said goodbye to its clients.
      const takeAwayNew = rememberSignalHandlers();
      this.#miniflare = new this.#library.Miniflare(options);
      takeAwayNew();
      await this.#miniflare.ready;
    });
  }

  /** Where the first Worker is served, and where debuggers ask for what there is to debug (`/json`). */
  async addresses(): Promise<{ url: string; inspector?: string }> {
    const { href: url } = await this.#miniflare!.ready;
    if (this.#options.inspectorPort === undefined) return { url };
    const { host } = await this.#miniflare!.getInspectorURL();
    return { url, inspector: `http://${host}/` };
  }

  /** Where the broker asks the first Worker, without anything between. */
  async hookUrl({ workers }: Assembled): Promise<string> {
    return (await this.#miniflare!.unsafeGetDirectURL(workers[0]!.name)).href;
  }

  /** Waits until what the Workers have written is kept. */
  async pointsArrived({ bundles }: Assembled): Promise<void> {
    const projects = bundles.map(({ project }) => project);
    // One that fails now has told why before.
    await pointsArrived(this.#miniflare!, projects).catch(() => {});
  }

  async close(): Promise<void> {
    this.#workerd.forget();
    // One that did not start says so again.
    await this.#miniflare?.dispose().catch(() => {});
    this.#workerd.close();
  }

  #miniflareOptions({ workers, scripts, bundles }: Assembled): MiniflareOptions {
    const { persistTo, inspectorPort, writePoints = NOT_KEPT } = this.#options;
    const { onLog, onRemark } = this.#ports;
    const projects = bundles.map(({ project }) => project);
    return {
      workers: [...workers, ...scripts, ...pointScripts(projects, writePoints, onRemark)],
      host: "127.0.0.1",
      port: 0,
      handleStructuredLogs: onLog,
      unsafeTriggerHandlers: true,
      ...(persistTo !== undefined && { defaultPersistRoot: persistTo }),
      ...(inspectorPort !== undefined && { inspectorPort }),
    };
  }
}
