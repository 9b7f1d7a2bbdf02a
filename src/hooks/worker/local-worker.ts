/** A Worker that runs beside the broker, in workerd, as its on-publish hook, and follows its sources. */
import { randomBytes } from "node:crypto";
import path from "node:path";
import process from "node:process";
import type { Message, Verdict } from "../../broker/ports.ts";
import { UserError } from "../../errors.ts";
import type { Hook, HookAnswer } from "../hook.ts";
import { Webhook, type WebhookOptions } from "../webhook.ts";
import { type Assembled, Assembly } from "./assembly.ts";
import { BuildError } from "./bundle.ts";
import { type HandlerName, WorkerCalls } from "./calls.ts";
import { type WorkerProject, readProject } from "./configuration.ts";
import { type WorkerOutput, mappedLine, workerOutput } from "./console.ts";
import { Consumers, type ConsumersPorts } from "./consumers.ts";
import { type Libraries, loadLibraries } from "./libraries.ts";
import type { MiniflareInstance, MiniflareOptions, MiniflareScript, StructuredLog } from "./miniflare.ts";
import { type Publish, PublishServer } from "./publish-server.ts";
import { StackTraces } from "./stack-trace.ts";
import { type WritePoints, pointScripts, pointsArrived } from "./points.ts";
import { FileWatcher } from "./watch.ts";
import { WorkerdProcess } from "./workerd-process.ts";

export interface LocalWorkerOptions {
  /** The Worker's main module, or a folder with a configuration of wrangler. */
  readonly location: string;
  /** Further Workers, which service bindings name. */
  readonly services?: readonly string[] | undefined;
  /** Folder for what KV, R2, D1, Durable Objects … keep; in memory where it is not given. */
  readonly persistTo?: string | undefined;
  /** For a debugger to connect to; 0 picks a free one. None where it is not given. */
  readonly inspectorPort?: number | undefined;
  readonly onOutput: (output: WorkerOutput) => void;
  /** Keeps what Workers write to datasets of Analytics Engine; nobody does where it is not given. */
  readonly writePoints?: WritePoints | undefined;
}

/** The broker for which it runs. */
export interface WorkerBroker extends Pick<WebhookOptions, "brokerHost" | "signingKey" | "userAgent"> {
  /** JSON Web Keys, which are public. */
  readonly publicKeys: readonly object[];
  /** What Workers publish. */
  readonly publish: Publish;
  /** Where it may consume messages. */
  readonly subscriptions?: Pick<ConsumersPorts, "subscribe" | "endSessions">;
  /** Told whether the Worker is to be asked about messages: it may have other handlers only. */
  readonly useAsHook?: (isHook: boolean) => void;
}

/** What keeps messages waiting while the Worker is not there. */
export interface Gate {
  /** Resolves when the hook is not being asked anything any more. */
  hold(): Promise<void>;
  release(): void;
}

export interface WorkerAddresses {
  /** Whether it is asked about messages. */
  readonly isHook: boolean;
  /** The Worker, for requests other than the broker's. */
  readonly url: string;
  /** For debuggers. */
  readonly inspector?: string;
}

type Asked = Pick<Hook, "onPublish" | "close">;

/** workerd that crashes is started again at once; where it has not run for so long since, later each time. */
const STEADY_MS = 10_000;
const RESTART_MS = 500;
const RESTART_MS_MAX = 30_000;

const ACCEPT: Verdict = { kind: "accept" };

/** For a Worker that is no hook: what came before that was known passes. */
const NO_HOOK: Asked = {
  onPublish: async (batch) => ({ verdicts: batch.map(() => ACCEPT) }),
  close: async () => {},
};

const NOT_KEPT: WritePoints = async () => {};

/** As long as the pipeline waits for an answer: what takes longer is given up for a reload. */
const DRAIN_MS_MAX = 10_000;

/** Finds and loads what a Worker takes, before anything is started. */
export class WorkerLauncher {
  readonly #libraries: Libraries;
  readonly #options: LocalWorkerOptions;

  private constructor(libraries: Libraries, options: LocalWorkerOptions) {
    this.#libraries = libraries;
    this.#options = options;
  }

  /** @throws {UserError} `worker-not-found`, `worker-config-invalid`, `worker-libraries-missing` */
  static async open(options: LocalWorkerOptions): Promise<WorkerLauncher> {
    const folders = [options.location, ...(options.services ?? [])].map((location) => readProject(location).folder);
    return new WorkerLauncher(await loadLibraries([...folders, process.cwd()]), options);
  }

  launch(broker: WorkerBroker): LocalWorker {
    return new LocalWorker(this.#libraries, this.#options, broker);
  }
}

export class LocalWorker implements Hook {
  readonly name: string;
  readonly #libraries: Libraries;
  readonly #options: LocalWorkerOptions;
  readonly #broker: WorkerBroker;
  /** Which only the broker and its Workers know. */
  readonly #secret = randomBytes(24).toString("base64url");
  #assembly: Assembly | undefined;
  #publishServer: PublishServer | undefined;
  readonly #traces = new StackTraces();
  readonly #watcher = new FileWatcher(() => void this.#onChange());
  readonly #workerd = new WorkerdProcess((how) => this.#onCrash(how));
  #gate: Gate | undefined;
  #runtime: MiniflareInstance | undefined;
  /** What runs now. */
  #current: Assembled | undefined;
  /** The handlers that are ours in the Worker that runs now. */
  #calls: WorkerCalls | undefined;
  /** How it is asked about messages. */
  #asked: Asked | undefined;
  readonly #consumers: Consumers | undefined;
  /** Exceptions since workerd was started last, as long as it starts. */
  #startErrors: string[] | undefined;
  #reloading: Promise<void> | undefined;
  #changedMeanwhile = false;
  /** workerd has ended by itself, and is to be started again. */
  #hasCrashed = false;
  /** In a row. */
  #crashes = 0;
  /** When what runs now began to. */
  #startedAt = 0;
  #restartTimer: NodeJS.Timeout | undefined;
  #lastFailure: string | undefined;
  #lastRemark: string | undefined;
  /** Of points that were not kept: those that were told. */
  readonly #remarks = new Set<string>();
  #closing: Promise<void> | undefined;

  constructor(libraries: Libraries, options: LocalWorkerOptions, broker: WorkerBroker) {
    const { location } = options;
    this.name = path.relative(process.cwd(), path.resolve(location)) || location;
    this.#libraries = libraries;
    this.#options = options;
    this.#broker = broker;
    this.#consumers =
      broker.subscriptions &&
      new Consumers({
        ...broker.subscriptions,
        deadLetter: async (message) =>
          (await broker.publish(`$worker/${this.#current!.workers[0]!.name}`, [message]))[0]!,
        call: (consumer, batch, signal) => this.#calls!.subscribe(consumer, batch, signal),
        warn: (text) => this.#tell("warning", text),
      });
  }

  /**
   * Starts it. Until then, and whenever it is reloaded, it holds the gate.
   * @throws {UserError} `worker-build-failed`, `worker-failed`, `worker-config-invalid`
   */
  async start(gate: Gate): Promise<WorkerAddresses> {
    this.#gate = gate;
    await gate.hold();
    try {
      this.#publishServer = await PublishServer.listen(this.#secret, this.#broker.publish);
      const assembled = await this.#assemble();
      const signals = ["SIGINT", "SIGTERM"] as const;
      const listeners = signals.map((signal) => process.listeners(signal));
      this.#startErrors = [];
      const { Miniflare } = this.#libraries.miniflare;
      const url = await this.#workerd.starting(async () => {
        this.#runtime = new Miniflare(this.#miniflareOptions(assembled));
        // miniflare's would end the process before the broker has said goodbye to its clients.
        for (const [index, signal] of signals.entries()) {
          const before = new Set(listeners[index]);
          for (const added of process.listeners(signal)) if (!before.has(added)) process.off(signal, added);
        }
        return await this.#runtime.ready;
      });
      await this.#use(assembled);
      const { inspectorPort } = this.#options;
      return {
        isHook: this.#asked !== NO_HOOK,
        url: url.href,
        ...(inspectorPort !== undefined && { inspector: debuggerAddress(await this.#runtime!.getInspectorURL()) }),
      };
    } catch (error) {
      throw this.#explain(error);
    } finally {
      this.#startErrors = undefined;
    }
  }

  async onPublish(batch: readonly Message[], signal: AbortSignal): Promise<HookAnswer> {
    if (this.#asked === undefined) throw new Error("the Worker does not run");
    const answer = await this.#asked.onPublish(batch, signal);
    if (answer.console === undefined) return answer;
    return { ...answer, console: answer.console.map((line) => mappedLine(line, this.#traces)) };
  }

  async close(): Promise<void> {
    await (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#watcher.close();
    this.#consumers?.close();
    clearTimeout(this.#restartTimer);
    await this.#reloading;
    await this.#pointsArrived();
    this.#workerd.forget();
    // One that did not start says so again.
    const ended = this.#runtime?.dispose().catch(() => {});
    await Promise.all([
      this.#asked?.close(),
      this.#calls?.close(),
      ended,
      this.#assembly?.close(),
      this.#publishServer?.close(),
    ]);
    this.#workerd.close();
  }

  /** Sources or configuration have changed. One reload at a time; what changes meanwhile makes another. */
  async #onChange(): Promise<void> {
    this.#changedMeanwhile = true;
    if (this.#reloading !== undefined) return;
    while (this.#changedMeanwhile && this.#closing === undefined) {
      this.#changedMeanwhile = false;
      this.#reloading = this.#reload();
      await this.#reloading;
    }
    this.#reloading = undefined;
  }

  async #reload(): Promise<void> {
    const startedAt = performance.now();
    let assembled: Assembled;
    try {
      assembled = await this.#assemble();
      this.#lastFailure = undefined;
    } catch (error) {
      this.#tellFailure(error);
      if (!this.#hasCrashed) return;
      assembled = this.#current!;
    }
    if (assembled.fingerprint === this.#current?.fingerprint && !this.#hasCrashed) return;
    this.#hasCrashed = false;
    await this.#drained();
    await this.#pointsArrived();
    try {
      this.#startErrors = [];
      await this.#run(assembled);
      this.#tell("reload", `reloaded in ${Math.round(performance.now() - startedAt)} ms`);
    } catch (error) {
      this.#tellFailure(error);
      await this.#restore();
    } finally {
      this.#startErrors = undefined;
      if (!this.#hasCrashed) this.#release();
    }
  }

  /** Back to what ran before. */
  async #restore(): Promise<void> {
    try {
      await this.#run(this.#current!);
    } catch (error) {
      this.#tell("exception", `the Worker before it does not start any more either: ${(error as Error).message}`);
      this.#onCrash("it did not start");
    }
  }

  async #run(assembled: Assembled): Promise<void> {
    await this.#workerd.starting(() => this.#runtime!.setOptions(this.#miniflareOptions(assembled)));
    await this.#use(assembled);
  }

  /** Messages wait until it runs again. What it was being asked fails. */
  #onCrash(how: string): void {
    this.#crashes = performance.now() - this.#startedAt < STEADY_MS ? this.#crashes + 1 : 1;
    const delayMs = this.#crashes === 1 ? 0 : Math.min(RESTART_MS * 2 ** (this.#crashes - 2), RESTART_MS_MAX);
    const when = delayMs === 0 ? "" : ` in ${delayMs / 1000} s`;
    this.#tell("error", `workerd has ended by itself (${how}): it is started again${when}`);
    this.#hasCrashed = true;
    void this.#gate!.hold();
    void this.#consumers?.hold();
    this.#restartTimer = setTimeout(() => void this.#onChange(), delayMs);
  }

  async #assemble(): Promise<Assembled> {
    const keys = JSON.stringify({ keys: this.#broker.publicKeys });
    const { location, services = [], inspectorPort } = this.#options;
    const broker = { address: this.#publishServer!.address, secret: this.#secret };
    this.#assembly ??= new Assembly(this.#libraries, [location, ...services], broker, inspectorPort !== undefined);
    try {
      const assembled = await this.#assembly.assemble({ BROKER_PUBLIC_KEYS: keys });
      if (this.#closing === undefined) this.#watcher.watch(assembled.files);
      return assembled;
    } catch (error) {
      // Whichever file mends it.
      this.#watcher.watchNew();
      throw error;
    }
  }

  /** Directs the broker's requests to the Worker that runs now. */
  async #use(assembled: Assembled): Promise<void> {
    const known = new Set(this.#current?.remarks);
    for (const remark of assembled.remarks) if (!known.has(remark)) this.#tell("remark", remark);
    this.#current = assembled;
    const { href: url } = await this.#runtime!.unsafeGetDirectURL(assembled.workers[0]!.name);
    const asked = this.#asked;
    const calls = this.#calls;
    // New ones: connections to the workerd that is gone are no good any more.
    const { brokerHost } = this.#broker;
    this.#calls = new WorkerCalls({ url, name: this.name, secret: this.#secret, brokerHost });
    const handlers = await this.#calls.handlers();
    this.#asked = this.#askWith(url, handlers);
    this.#broker.useAsHook?.(this.#asked !== NO_HOOK);
    this.#consume(handlers);
    await Promise.all([asked?.close(), calls?.close()]);
    this.#startedAt = performance.now();
    this.#release();
  }

  /** The handler `pubsub` is called, where there is one; otherwise the Worker is a webhook like any other. */
  #askWith(url: string, handlers: readonly HandlerName[]): Asked {
    const { hook: isWanted, consumers } = this.#hookProject().configuration.pubsub;
    if (isWanted === false) return NO_HOOK;
    const calls = this.#calls!;
    if (handlers.includes("pubsub")) {
      return { onPublish: (batch, signal) => calls.decide(batch, signal), close: async () => {} };
    }
    // One that consumes messages may have fetch for other purposes.
    if (!handlers.includes("fetch") || (consumers.length > 0 && !isWanted)) return NO_HOOK;
    const { brokerHost, signingKey, userAgent } = this.#broker;
    return new Webhook({ url, brokerHost, signingKey, ...(userAgent !== undefined && { userAgent }) });
  }

  #consume(handlers: readonly HandlerName[]): void {
    const { name, configuration } = this.#hookProject();
    const { consumers } = configuration.pubsub;
    const hasHandler = handlers.includes("subscribe");
    if (hasHandler && consumers.length === 0) {
      this.#remark(`${this.name} has a handler subscribe, and no [[pubsub.consumers]] in its configuration`);
    }
    if (!hasHandler && consumers.length > 0) {
      this.#remark(`[[pubsub.consumers]] needs a handler subscribe, which ${this.name} has not: messages wait`);
      this.#consumers?.close();
      return;
    }
    this.#consumers?.set(name, consumers);
  }

  #hookProject(): WorkerProject {
    return this.#current!.bundles[0]!.project;
  }

  #release(): void {
    this.#consumers?.release();
    this.#gate!.release();
  }

  async #drained(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const givenUp = new Promise<void>((resolve) => (timer = setTimeout(resolve, DRAIN_MS_MAX)));
    await Promise.race([Promise.all([this.#gate!.hold(), this.#consumers?.hold()]), givenUp]);
    clearTimeout(timer);
  }

  #pointScripts({ bundles }: Assembled): MiniflareScript[] {
    const projects = bundles.map(({ project }) => project);
    return pointScripts(projects, this.#options.writePoints ?? NOT_KEPT, (text) => this.#remarkOnce(text));
  }

  /** What the Worker that runs now has written is kept before it ends. */
  async #pointsArrived(): Promise<void> {
    const projects = this.#current?.bundles.map(({ project }) => project);
    // One that fails now has told why before.
    if (projects !== undefined) await pointsArrived(this.#runtime!, projects).catch(() => {});
  }

  #remarkOnce(text: string): void {
    if (this.#remarks.has(text)) return;
    this.#remarks.add(text);
    this.#tell("remark", text);
  }

  #miniflareOptions(assembled: Assembled): MiniflareOptions {
    for (const { project, bundle } of assembled.bundles) this.#traces.set(project.name, bundle.map, project.folder);
    const { persistTo, inspectorPort } = this.#options;
    return {
      workers: [...assembled.workers, ...assembled.scripts, ...this.#pointScripts(assembled)],
      host: "127.0.0.1",
      port: 0,
      handleStructuredLogs: (log) => this.#onLog(log),
      unsafeTriggerHandlers: true,
      ...(persistTo !== undefined && { defaultPersistRoot: persistTo }),
      ...(inspectorPort !== undefined && { inspectorPort }),
    };
  }

  #onLog(log: StructuredLog): void {
    const output = workerOutput(log, this.#traces);
    if (output.kind === "exception" && this.#startErrors !== undefined) this.#startErrors.push(output.text);
    else this.#options.onOutput(output);
  }

  /** Once in a row. */
  #remark(text: string): void {
    if (text !== this.#lastRemark) this.#tell("remark", text);
    this.#lastRemark = text;
  }

  #tell(kind: WorkerOutput["kind"], text: string): void {
    this.#options.onOutput({ kind, text });
  }

  /** Once, however often an editor touches the file. */
  #tellFailure(error: unknown): void {
    const { message, hint } = this.#explain(error);
    if (message !== this.#lastFailure) {
      const mend = hint === undefined ? "" : ` ${hint}`;
      this.#tell("error", `${message}\nThe Worker from before the change goes on.${mend}`);
    }
    this.#lastFailure = message;
  }

  #explain(error: unknown): UserError {
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

/** Debuggers ask it for what there is to debug (`/json`). */
function debuggerAddress({ host }: URL): string {
  return `http://${host}/`;
}
