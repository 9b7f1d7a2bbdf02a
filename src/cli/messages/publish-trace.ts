/** `pub --trace`: what became of the messages that this client published, as the event stream of the server tells it. */
import type { TailEvent, TailEventOf } from "../../contract/types.ts";
import { UserError } from "../../errors.ts";
import type { CommandContext } from "../context.ts";
import { ConnectionRefusedError, noAnswer } from "../mqtt/errors.ts";
import type { Target } from "../mqtt/target.ts";
import { type BrokerOptions, resolveBroker } from "../settings/names.ts";
import { TailFormatter, lostText } from "../output/tail-format.ts";
import { topicMatches } from "./topic.ts";

interface TraceOptions extends BrokerOptions {
  timeout: number;
}

/** Another connection with the client's id began: the events that follow are of that one. */
const SESSION_TAKEN_OVER = 0x8e;

type Verdict = TailEventOf<"hook">;

export class PublishTrace {
  readonly #context: CommandContext;
  readonly #timeoutMs: number;
  readonly #events: AsyncIterable<TailEvent>;
  readonly #ending: AbortController;
  readonly #formatter: TailFormatter;
  /** Filters of the topics that the hook is asked about; undefined for all. */
  readonly #topics: readonly string[] | undefined;
  #decided = 0;
  #refused: Verdict[] = [];
  /** The connection over which was published has ended: the hook was asked about no more than is known. */
  #isOver = false;
  /** Resolves the wait. */
  #awaited: { isEnough: () => boolean; resolve: () => void } | undefined;

  private constructor(
    context: CommandContext,
    timeoutMs: number,
    events: AsyncIterable<TailEvent>,
    ending: AbortController,
    topics: readonly string[] | undefined,
  ) {
    this.#context = context;
    this.#timeoutMs = timeoutMs;
    this.#events = events;
    this.#ending = ending;
    this.#topics = topics;
    this.#formatter = new TailFormatter(context.output.out, context.output.columns);
  }

  /** Watches before anything is published. @throws {UserError} where there is no hook that could decide */
  static async start(context: CommandContext, options: TraceOptions, { clientId }: Target): Promise<PublishTrace> {
    const client = await context.client();
    const target = await resolveBroker(context, client, options);
    const { on_publish: hook } = await client.describeBroker(target);
    if (!hook?.url) {
      throw new UserError(
        "no-hook",
        `the broker ${target.namespace}/${target.broker} has no hook, so there is no verdict to trace`,
        "set one with `pubsub hook set URL`, or watch with `pubsub tail`",
      );
    }
    const ending = new AbortController();
    const signal = AbortSignal.any([ending.signal, context.signal]);
    const event = [...(["hook", "disconnect"] as const), ...(hook.topics === undefined ? [] : (["publish"] as const))];
    const events = await client.events({ ...target, client: [clientId], event }, signal);
    return new PublishTrace(context, options.timeout * 1000, events, ending, hook.topics);
  }

  /**
   * Publishes, and prints the verdicts as they come.
   * @throws {UserError} `assertion-failed` where the hook did not let a message through; otherwise what publishing throws
   */
  async follow(publish: () => Promise<number>): Promise<number> {
    const watching = this.#watch();
    // Its failure matters only while verdicts are missing.
    watching.catch(() => {});
    let published: number;
    try {
      published = await publish();
    } catch (error) {
      // The broker refuses what a hook rejects, and says first that it did; other refusals are none of the hook's.
      if (isRefusal(error)) await this.#until(() => this.#isOver, watching).catch(() => {});
      this.#complain();
      throw error;
    }
    await this.#until(() => this.#decided >= published, watching);
    this.#complain();
    return published;
  }

  close(): void {
    this.#ending.abort();
  }

  async #watch(): Promise<never> {
    for await (const event of this.#events) {
      if (event.event === "lost") {
        throw new UserError("trace-incomplete", lostText(event));
      }
      if (event.event === "disconnect") {
        this.#isOver = event.reasonCode !== SESSION_TAKEN_OVER;
        this.#progress();
      }
      if (event.event !== "hook" && !this.#isUnasked(event)) continue;
      const { output } = this.#context;
      await (output.json ? output.line(event) : output.write(`${this.#formatter.format(event)}\n`));
      this.#decided++;
      if (event.event === "hook" && (event.verdict === "dropped" || event.verdict === "rejected")) {
        this.#refused.push(event);
      }
      this.#progress();
    }
    this.#context.signal.throwIfAborted();
    throw new UserError("broker-deleted", "the broker was deleted: nothing more can happen in it");
  }

  /** A message that goes past the hook: that it was published is all there is to trace. */
  #isUnasked(event: TailEvent): boolean {
    return event.event === "publish" && this.#topics?.some((filter) => topicMatches(filter, event.topic)) === false;
  }

  #progress(): void {
    if (this.#awaited?.isEnough()) this.#awaited.resolve();
  }

  async #until(isEnough: () => boolean, watching: Promise<never>): Promise<void> {
    if (isEnough()) return;
    let timer: NodeJS.Timeout | undefined;
    const arrived = new Promise<void>((resolve, reject) => {
      this.#awaited = { isEnough, resolve };
      timer = setTimeout(() => reject(noAnswer("the hook's verdict did not come", this.#timeoutMs)), this.#timeoutMs);
    });
    try {
      await Promise.race([arrived, watching]);
    } finally {
      clearTimeout(timer);
    }
  }

  #complain(): void {
    const [first] = this.#refused;
    if (!first) return;
    const reason = first.reason ?? first.verdict;
    const { length } = this.#refused;
    const stopped = length === 1 ? `the message on ${first.topic}` : `${length} messages, the first on ${first.topic}`;
    throw new UserError("assertion-failed", `the hook did not let through ${stopped}: ${first.detail ?? reason}`);
  }
}

/** Whether the broker refused a message, rather than the client, or failed. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof UserError) || error instanceof ConnectionRefusedError) return false;
  return error.code === "not-authorized" || error.code === "refused-by-broker";
}
