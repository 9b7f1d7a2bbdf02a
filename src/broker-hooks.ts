/** Part of the composition root: which on-publish hook a broker has, its URL's or a Worker that runs here. */
import type { BrokerName } from "./admission.ts";
import { currentKey } from "./auth/index.ts";
import { type Hook, type HookPolicy, type HookSettings, OnPublish, Webhook, policyOf } from "./hooks/index.ts";
import type { LocalWorkerOptions, WorkerAddresses, WorkerLauncher, WorkerOutput } from "./hooks/worker/index.ts";
import type { HostedBroker } from "./runtime/index.ts";
import type { BrokerRecord } from "./store/index.ts";

export interface WorkerOptions extends Omit<LocalWorkerOptions, "persistTo" | "writePoints"> {
  /** The broker whose hook it is, in place of the hook of its settings. */
  readonly broker: BrokerName;
}

interface Surroundings {
  readonly userAgent: string;
  /** Told of what the server's owner should know, a line each. */
  readonly log: (line: string) => void;
  /** See `LocalWorkerOptions`. */
  readonly writePoints?: LocalWorkerOptions["writePoints"];
}

/** A Worker beside the broker takes more at once than one far away: what a request costs is most of what it costs. */
const WORKER_BATCH_MESSAGES_MAX = 1000;

/** With a debugger attached, the answer takes as long as somebody looks at a breakpoint. */
const DEBUGGING_TIMEOUT_MS = 60 * 60 * 1000;

export class BrokerHooks {
  /** See `RunningServer.worker`. */
  readonly worker: Promise<WorkerAddresses> | undefined;
  readonly #userAgent: string;
  readonly #log: (line: string) => void;
  readonly #options: WorkerOptions | undefined;
  readonly #launcher: WorkerLauncher | undefined;
  /** Of the Worker: it may have other handlers only. */
  #isHook = true;
  #running: { readonly brokerId: string; readonly url: string } | undefined;
  #settle: ((addresses: Promise<WorkerAddresses>) => void) | undefined;

  private constructor({ userAgent, log }: Surroundings, options?: WorkerOptions, launcher?: WorkerLauncher) {
    this.#userAgent = userAgent;
    this.#log = log;
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
    surroundings: Surroundings,
    options: WorkerOptions | undefined,
    persistTo: string | undefined,
  ): Promise<BrokerHooks> {
    if (options === undefined) return new BrokerHooks(surroundings);
    const { WorkerLauncher } = await import("./hooks/worker/index.ts");
    const { writePoints } = surroundings;
    return new BrokerHooks(surroundings, options, WorkerLauncher.open({ ...options, persistTo, writePoints }));
  }

  /**
   * What gives a broker the hook of its settings. A new URL takes effect with the next request; what the old one is being
   * asked about still gets its verdict.
   * @param namespace the broker's
   */
  setterFor(hosted: HostedBroker, namespace: string, brokerHost: string): (record: BrokerRecord) => void {
    let hooks: OnPublish | undefined;
    let url: string | undefined;
    const start = (hook: Hook, policy: HookPolicy, batchMessagesMax?: number): OnPublish =>
      new OnPublish({
        hook,
        policy,
        ...(batchMessagesMax !== undefined && { batchMessagesMax }),
        complete: (pending, verdict, report) => hosted.completeHook(pending, verdict, report),
        onCircuit: (state, reason) => {
          hosted.reportHookCircuit(state, reason);
          this.#log(`the circuit to the hook of ${brokerHost} is ${state}: ${reason}`);
        },
        now: () => performance.now(),
      });
    return ({ id, onPublish, name, keys }) => {
      const policy = this.#policyOf(onPublish);
      hooks?.setPolicy(policy);
      const { kid, privateJwk } = currentKey(keys);
      const broker = { brokerHost, userAgent: this.#userAgent, signingKey: { kid, privateJwk: { ...privateJwk } } };
      if (this.#launcher !== undefined && this.#isForWorker(namespace, name)) {
        if (onPublish?.url !== undefined && onPublish.url !== url) {
          this.#tell("remark", `the hook ${onPublish.url} is not asked: the Worker is in its place`);
        }
        url = onPublish?.url;
        if (hooks !== undefined) return;
        const worker = this.#launcher.launch({
          ...broker,
          publicKeys: keys.map(({ publicJwk }) => publicJwk),
          publish: (publisherId, messages) => hosted.publish(publisherId, messages),
          subscriptions: {
            subscribe: (subscription) => hosted.subscribe(subscription),
            endSessions: (prefix, isWanted) => hosted.endInternalSessions(prefix, isWanted),
          },
          useAsHook: (isHook) => {
            this.#isHook = isHook;
            hosted.setHooks(isHook ? hooks : undefined);
          },
        });
        hooks = start(worker, policy, WORKER_BATCH_MESSAGES_MAX);
        this.#onStarting(id, worker.start(hooks));
        hosted.setHooks(hooks);
        return;
      }
      if (onPublish?.url === undefined) {
        hosted.setHooks(undefined);
        return;
      }
      if (hooks === undefined) hooks = start(new Webhook({ ...broker, url: onPublish.url }), policy);
      else if (onPublish.url !== url) hooks.setHook(new Webhook({ ...broker, url: onPublish.url }));
      url = onPublish.url;
      hosted.setHooks(hooks);
    };
  }

  /** Where the Worker is that runs in place of the hook of the broker's settings. */
  workerUrl(brokerId: string): string | undefined {
    return this.#isHook && this.#running?.brokerId === brokerId ? this.#running.url : undefined;
  }

  #policyOf(settings: HookSettings | null): HookPolicy {
    const policy = policyOf(settings);
    return this.#options?.inspectorPort === undefined ? policy : { ...policy, timeoutMs: DEBUGGING_TIMEOUT_MS };
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
