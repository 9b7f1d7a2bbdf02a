/** A Worker that runs beside the broker, in workerd, as its on-publish hook, and follows its sources. */
import { randomBytes } from "node:crypto";
import path from "node:path";
import process from "node:process";
import type { Message } from "../../broker/ports.ts";
import type { Hook, HookAnswer } from "../hook.ts";
import type { WebhookOptions } from "../webhook.ts";
import { type Asked, NO_HOOK, howToAsk } from "./asked.ts";
import { type Assembled, Assembly } from "./assembly.ts";
import { type HandlerName, WorkerCalls } from "./calls.ts";
import { type WorkerProject, readProject } from "./configuration.ts";
import type { WorkerOutput } from "./console.ts";
import { Consumers, type ConsumersPorts } from "./consumers.ts";
import { type Libraries, loadLibraries } from "./libraries.ts";
import { type Publish, PublishServer } from "./publish-server.ts";
import { RestartDelays } from "./restart-delays.ts";
import { FileWatcher } from "./watch.ts";
import { WorkerReport } from "./worker-report.ts";
import { WorkerRuntime, type WorkerRuntimeOptions } from "./worker-runtime.ts";

export interface LocalWorkerOptions extends WorkerRuntimeOptions {
  /** The Worker's main module, or a folder with a configuration of wrangler. */
  readonly location: string;
  /** Further Workers, which service bindings name. */
  readonly services?: readonly string[] | undefined;
  readonly onOutput: (output: WorkerOutput) => void;
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
  static open(options: LocalWorkerOptions): WorkerLauncher {
    const folders = [options.location, ...(options.services ?? [])].map((location) => readProject(location).folder);
    return new WorkerLauncher(loadLibraries([...folders, process.cwd()]), options);
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
  readonly #report: WorkerReport;
  readonly #watcher = new FileWatcher(() => void this.#onChange());
  readonly #runtime: WorkerRuntime;
  #gate: Gate | undefined;
  /** What runs now. */
  #current: Assembled | undefined;
  /** The handlers that are ours in the Worker that runs now. */
  #calls: WorkerCalls | undefined;
  /** How it is asked about messages. */
  #asked: Asked | undefined;
  readonly #consumers: Consumers | undefined;
  #reloading: Promise<void> | undefined;
  #changedMeanwhile = false;
  /** workerd has ended by itself, and is to be started again. */
  #hasCrashed = false;
  readonly #restarts = new RestartDelays();
  #restartTimer: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  constructor(libraries: Libraries, options: LocalWorkerOptions, broker: WorkerBroker) {
    const { location } = options;
    this.name = path.relative(process.cwd(), path.resolve(location)) || location;
    this.#libraries = libraries;
    this.#options = options;
    this.#broker = broker;
    const report = new WorkerReport(options.onOutput);
    this.#report = report;
    this.#runtime = new WorkerRuntime(libraries.miniflare, options, {
      onLog: (log) => report.log(log),
      onRemark: (text) => report.remarkOnce(text),
      onCrash: (how) => this.#onCrash(how),
    });
    this.#consumers =
      broker.subscriptions &&
      new Consumers({
        ...broker.subscriptions,
        deadLetter: async (message) =>
          (await broker.publish(`$worker/${this.#current!.workers[0]!.name}`, [message]))[0]!,
        call: (consumer, batch, signal) => this.#calls!.subscribe(consumer, batch, signal),
        warn: (text) => report.tell("warning", text),
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
      this.#report.startBegins();
      await this.#run(assembled);
      return { isHook: this.#asked !== NO_HOOK, ...(await this.#runtime.addresses()) };
    } catch (error) {
      throw this.#report.explain(error);
    } finally {
      this.#report.startEnds();
    }
  }

  async onPublish(batch: readonly Message[], signal: AbortSignal): Promise<HookAnswer> {
    if (this.#asked === undefined) throw new Error("the Worker does not run");
    const answer = await this.#asked.onPublish(batch, signal);
    if (answer.console === undefined) return answer;
    return { ...answer, console: this.#report.mapped(answer.console) };
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
    await Promise.all([
      this.#asked?.close(),
      this.#calls?.close(),
      this.#runtime.close(),
      this.#assembly?.close(),
      this.#publishServer?.close(),
    ]);
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
      this.#report.forgetFailure();
    } catch (error) {
      this.#report.tellFailure(error);
      if (!this.#hasCrashed) return;
      assembled = this.#current!;
    }
    if (assembled.fingerprint === this.#current?.fingerprint && !this.#hasCrashed) return;
    this.#hasCrashed = false;
    await this.#drained();
    await this.#pointsArrived();
    try {
      this.#report.startBegins();
      await this.#run(assembled);
      this.#report.tell("reload", `reloaded in ${Math.round(performance.now() - startedAt)} ms`);
    } catch (error) {
      this.#report.tellFailure(error);
      await this.#restore();
    } finally {
      this.#report.startEnds();
      if (!this.#hasCrashed) this.#release();
    }
  }

  /** Back to what ran before. */
  async #restore(): Promise<void> {
    try {
      await this.#run(this.#current!);
    } catch (error) {
      this.#report.tell(
        "exception",
        `the Worker before it does not start any more either: ${(error as Error).message}`,
      );
      this.#onCrash("it did not start");
    }
  }

  async #run(assembled: Assembled): Promise<void> {
    this.#report.setSources(assembled);
    await this.#runtime.run(assembled);
    await this.#use(assembled);
  }

  /** Messages wait until it runs again. What it was being asked fails. */
  #onCrash(how: string): void {
    const delayMs = this.#restarts.crashed();
    const when = delayMs === 0 ? "" : ` in ${delayMs / 1000} s`;
    this.#report.tell("error", `workerd has ended by itself (${how}): it is started again${when}`);
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
    for (const remark of assembled.remarks) if (!known.has(remark)) this.#report.tell("remark", remark);
    this.#current = assembled;
    const url = await this.#runtime.hookUrl(assembled);
    const asked = this.#asked;
    const calls = this.#calls;
    // New ones: connections to the workerd that is gone are no good any more.
    const { brokerHost, signingKey, userAgent } = this.#broker;
    this.#calls = new WorkerCalls({ url, name: this.name, secret: this.#secret, brokerHost });
    const handlers = await this.#calls.handlers();
    const webhook = { url, brokerHost, signingKey, ...(userAgent !== undefined && { userAgent }) };
    this.#asked = howToAsk(this.#hookProject(), handlers, this.#calls, webhook);
    this.#broker.useAsHook?.(this.#asked !== NO_HOOK);
    this.#consume(handlers);
    await Promise.all([asked?.close(), calls?.close()]);
    this.#restarts.started();
    this.#release();
  }

  #consume(handlers: readonly HandlerName[]): void {
    const { name, configuration } = this.#hookProject();
    const { consumers } = configuration.pubsub;
    const hasHandler = handlers.includes("subscribe");
    if (hasHandler && consumers.length === 0) {
      this.#report.remark(`${this.name} has a handler subscribe, and no [[pubsub.consumers]] in its configuration`);
    }
    if (!hasHandler && consumers.length > 0) {
      this.#report.remark(`[[pubsub.consumers]] needs a handler subscribe, which ${this.name} has not: messages wait`);
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

  /** What the Worker that runs now has written is kept before it ends. */
  async #pointsArrived(): Promise<void> {
    if (this.#current !== undefined) await this.#runtime.pointsArrived(this.#current);
  }
}
