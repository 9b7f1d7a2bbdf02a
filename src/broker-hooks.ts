/** Part of the composition root: which on-publish hook a broker has, its URL's or a Worker that runs here. */
import type { BrokerName } from "./admission.ts";
import { currentKey } from "./auth/index.ts";
import { type Hook, HookPipeline, Webhook } from "./hooks/index.ts";
import type { LocalWorkerOptions, WorkerAddresses, WorkerLauncher, WorkerOutput } from "./hooks/worker/index.ts";
import type { HostedBroker } from "./runtime/index.ts";
import type { BrokerRecord } from "./store/index.ts";

export interface WorkerOptions extends Omit<LocalWorkerOptions, "persistTo"> {
  /** The broker whose hook it is, in place of the hook of its settings. */
  readonly broker: BrokerName;
}

/** With a debugger attached, the answer takes as long as somebody looks at a breakpoint. */
const DEBUGGING_TIMEOUT_MS = 60 * 60 * 1000;

export class BrokerHooks {
  /** See `RunningServer.worker`. */
  readonly worker: Promise<WorkerAddresses> | undefined;
  readonly #userAgent: string;
  readonly #options: WorkerOptions | undefined;
  readonly #launcher: WorkerLauncher | undefined;
  #running: { readonly brokerId: string; readonly url: string } | undefined;
  #settle: ((addresses: Promise<WorkerAddresses>) => void) | undefined;

  private constructor(userAgent: string, options?: WorkerOptions, launcher?: WorkerLauncher) {
    this.#userAgent = userAgent;
    this.#options = options;
    this.#launcher = launcher;
    if (launcher === undefined) return;
    this.worker = new Promise((resolve) => (this.#settle = resolve));
    // Whether anybody waits for it is the caller's business.
    this.worker.catch(() => {});
  }

  /**
   * @param persistTo folder of the Worker's own
   * @throws {UserError} where the Worker, or what it takes, is not there
   */
  static async open(
    userAgent: string,
    options: WorkerOptions | undefined,
    persistTo: string | undefined,
  ): Promise<BrokerHooks> {
    if (options === undefined) return new BrokerHooks(userAgent);
    const { WorkerLauncher } = await import("./hooks/worker/index.ts");
    return new BrokerHooks(userAgent, options, await WorkerLauncher.open({ ...options, persistTo }));
  }

  /**
   * What gives a broker the hook of its settings. A new URL takes effect with the next batch; what the old one is being
   * asked about still gets its verdict.
   * @param namespace the broker's
   */
  setterFor(hosted: HostedBroker, namespace: string, brokerHost: string): (record: BrokerRecord) => void {
    let pipeline: HookPipeline | undefined;
    const pipelineOf = (hook: Hook, timeoutMs?: number): HookPipeline =>
      new HookPipeline({
        hook,
        complete: (pending, verdict, report) => hosted.completeHook(pending, verdict, report),
        now: () => performance.now(),
        ...(timeoutMs !== undefined && { timeoutMs }),
      });
    return ({ id, onPublish, name, keys }) => {
      const { kid, privateJwk } = currentKey(keys);
      const broker = { brokerHost, userAgent: this.#userAgent, signingKey: { kid, privateJwk: { ...privateJwk } } };
      if (this.#launcher !== undefined && this.#isForWorker(namespace, name)) {
        if (onPublish !== null)
          this.#tell("remark", `the hook ${onPublish.url} is not asked: the Worker is in its place`);
        if (pipeline !== undefined) return;
        const worker = this.#launcher.launch({
          ...broker,
          publicKeys: keys.map(({ publicJwk }) => publicJwk),
          publish: (publisherId, messages) => hosted.publish(publisherId, messages),
        });
        pipeline = pipelineOf(worker, this.#options!.inspectorPort === undefined ? undefined : DEBUGGING_TIMEOUT_MS);
        this.#onStarting(id, worker.start(pipeline));
        hosted.setHooks(pipeline);
        return;
      }
      if (onPublish === null) {
        hosted.setHooks(undefined);
        return;
      }
      const hook = new Webhook({ ...broker, url: onPublish.url });
      if (pipeline === undefined) pipeline = pipelineOf(hook);
      else pipeline.setHook(hook);
      hosted.setHooks(pipeline);
    };
  }

  /** Where the Worker is that runs in place of the hook of the broker's settings. */
  workerUrl(brokerId: string): string | undefined {
    return this.#running?.brokerId === brokerId ? this.#running.url : undefined;
  }

  #onStarting(brokerId: string, starting: Promise<WorkerAddresses>): void {
    const started = starting.then((addresses) => {
      this.#running = { brokerId, url: addresses.url };
      return addresses;
    });
    // The broker was deleted and made again: nobody waits for its Worker any more.
    if (this.#settle === undefined) started.catch((error: Error) => this.#tell("error", error.message));
    this.#settle?.(started);
    this.#settle = undefined;
  }

  #tell(kind: WorkerOutput["kind"], text: string): void {
    this.#options!.onOutput({ kind, text });
  }

  #isForWorker(namespace: string, name: string): boolean {
    const { broker } = this.#options!;
    return broker.namespace.toLowerCase() === namespace && broker.broker.toLowerCase() === name;
  }
}
