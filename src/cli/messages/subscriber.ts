/** A subscription that lives as long as the user wants: it connects, subscribes, prints, and comes back when it is lost. */
import type { Condition } from "./condition.ts";
import type { CommandContext } from "../context.ts";
import { type Lifetime, live } from "../lifetime.ts";
import { connectMqtt } from "../mqtt/connection.ts";
import { MqttConnectionError, subscriptionRefused } from "../mqtt/errors.ts";
import { type Target, type TargetOptions, resolveTarget } from "../mqtt/target.ts";
import { type ReceivedMessage, subjectOf } from "./received-message.ts";
import { mayComeBack, retryDelayMs } from "../reconnect.ts";
import { sleep } from "../sleep.ts";
import { topicMatches } from "./topic.ts";
import { UserError } from "../../errors.ts";

export interface SubscriberOptions {
  target: TargetOptions;
  filters: readonly string[];
  qos: 0 | 1 | 2;
  /** Writes a message; the next one waits for the promise. */
  print: (message: ReceivedMessage) => Promise<void> | undefined;
  /** Ends after so many messages. */
  count: number | undefined;
  /** Ends with the first message that fulfils it. */
  until: Condition | undefined;
  /** Ends after so long, as a failure unless `waitSuffices`. */
  waitMs: number | undefined;
  waitSuffices?: boolean;
  timeoutMs: number;
  exitAfterSuback: boolean;
  retained: "all" | "none" | "only";
  /** See `SubscribeOptions`. */
  retainAsPublished?: boolean;
  filterOut: readonly string[];
}

export class Subscriber {
  readonly #context: CommandContext;
  readonly #options: SubscriberOptions;
  #printed = 0;
  #isComplete = false;

  constructor(context: CommandContext, options: SubscriberOptions) {
    this.#context = context;
    this.#options = options;
  }

  /**
   * @throws {UserError} `timed-out` where the time runs out first
   * @throws {MqttConnectionError} where the first connection does not come about, or the broker refuses
   */
  async run(): Promise<void> {
    const { waitMs, waitSuffices = false, count, until } = this.#options;
    const bounded = count !== undefined || waitMs !== undefined || until !== undefined;
    const timedOut = waitSuffices ? undefined : () => this.#timedOut();
    await live(this.#context, { waitMs, timedOut, bounded }, (lifetime) => this.#subscribeUntilEnd(lifetime));
  }

  #timedOut(): UserError {
    const { waitMs = 0, count, until } = this.#options;
    const unmet = until === undefined ? "" : `; none of ${this.#printed} messages fulfils the condition`;
    const wanted = count === undefined ? unmet : `; ${this.#printed} of ${count} messages came`;
    return new UserError("timed-out", `the time of ${waitMs / 1000} s is over${wanted}`);
  }

  async #subscribeUntilEnd(lifetime: Lifetime): Promise<never> {
    let target = await resolveTarget(this.#context, this.#options.target);
    let attempt = 0;
    let hasBeenConnected = false;
    for (;;) {
      try {
        await this.#subscribeOnce(target, lifetime, () => {
          if (hasBeenConnected) this.#context.output.info("connected again; messages from meanwhile are missing");
          hasBeenConnected = true;
          attempt = 0;
        });
      } catch (error) {
        const mayReturn = hasBeenConnected && (isTemporary(error) || hasExpired(target, this.#context.now()));
        if (lifetime.signal.aborted || !mayReturn) throw error;
        if (attempt === 0) this.#context.output.warn(`${(error as Error).message}; connecting again …`);
      }
      target = await this.#resolveAgain(target, () => sleep(retryDelayMs(attempt++), lifetime.signal));
    }
  }

  /** Own credentials anew: the broker may have started again, with new keys and at another address. */
  async #resolveAgain(target: Target, pause: () => Promise<void>): Promise<Target> {
    for (let attempt = 0; ; attempt++) {
      await pause();
      if (target.ownUntilMs === undefined) return target;
      try {
        this.#context.refreshSettings();
        return await resolveTarget(this.#context, this.#options.target);
      } catch (error) {
        if (!mayComeBack(error, attempt)) throw error;
      }
    }
  }

  /** Returns never: ends with the error that ended the connection. */
  async #subscribeOnce(target: Target, lifetime: Lifetime, onSubscribed: () => void): Promise<never> {
    const { filters, qos, retained, retainAsPublished = false, timeoutMs, exitAfterSuback } = this.#options;
    const { output } = this.#context;
    const onMessage = (message: ReceivedMessage) => this.#take(message, lifetime);
    const connecting = connectMqtt(target, { timeoutMs, signal: lifetime.signal, onMessage });
    const connection = await output.spin(`connecting to ${target.url.host}`, connecting);
    try {
      const reasonCodes = await connection.subscribe(filters, {
        ...{ qos, retainAsPublished },
        noRetained: retained === "none",
      });
      checkReasonCodes(filters, reasonCodes);
      onSubscribed();
      output.info(output.err.dim(`subscribed: ${filters.join(", ")} (${target.url.protocol}//${target.url.host})`));
      if (exitAfterSuback) lifetime.finish();
      return await connection.lost;
    } finally {
      await connection.close();
    }
  }

  #take(message: ReceivedMessage, { signal, finish }: Lifetime): Promise<void> | undefined {
    const { retained, retainAsPublished, filterOut, print, count, until } = this.#options;
    // What the broker sent while we were leaving is not acknowledged, and not printed.
    if (this.#isComplete) finish();
    signal.throwIfAborted();
    // As published it says nothing of whether the message is new.
    if (retained === "none" && message.retain && !retainAsPublished) return undefined;
    if (retained === "only" && !message.retain) finish();
    if (signal.aborted || filterOut.some((filter) => topicMatches(filter, message.topic))) return undefined;
    this.#printed++;
    const written = print(message);
    // After the acknowledgement of the last message has left.
    this.#isComplete = this.#printed === count || until?.(subjectOf(message)) === true;
    if (this.#isComplete) setImmediate(finish);
    return written;
  }
}

function isTemporary(error: unknown): boolean {
  return error instanceof MqttConnectionError && error.temporary;
}

/** Credentials of ours that have ended are no refusal: there are new ones. */
function hasExpired({ ownUntilMs }: Target, now: Date): boolean {
  return ownUntilMs !== undefined && now.getTime() >= ownUntilMs - 1_000;
}

function checkReasonCodes(filters: readonly string[], reasonCodes: readonly number[]): void {
  for (const [index, filter] of filters.entries()) {
    const reasonCode = reasonCodes[index] ?? 0x80;
    if (reasonCode >= 0x80) throw subscriptionRefused(filter, reasonCode);
  }
}
