/** `record --hook`: the messages of a broker with what its hook did, from the event stream. */
import type { TailEvent, TailEventOf } from "../../contract/types.ts";
import { UserError } from "../../errors.ts";
import type { CommandContext } from "../context.ts";
import { type Lifetime, live } from "../lifetime.ts";
import { lostText } from "../output/tail-format.ts";
import { type BrokerOptions, resolveBroker } from "../settings/names.ts";
import { topicMatches } from "./topic.ts";

export interface HookRecorderOptions extends BrokerOptions {
  readonly filters: readonly string[];
  readonly count: number | undefined;
  readonly waitMs: number | undefined;
  /** Writes a line; more waits for the promise. */
  readonly write: (line: object) => Promise<void> | undefined;
}

/** As much of a payload as the event stream gives. */
const PAYLOAD_BYTES_MAX = 1024 * 1024;

/** Messages that wait for their verdict here; those of a broker without a hook never get one. */
const UNDECIDED_MAX = 100_000;
/** Characters of their payloads, all together. */
const UNDECIDED_CHARACTERS_MAX = 128 * 1024 * 1024;

type Published = TailEventOf<"publish">;
type Decided = TailEventOf<"hook">;

export class HookRecorder {
  readonly #context: CommandContext;
  readonly #options: HookRecorderOptions;
  /** By `mid`. */
  readonly #undecided = new Map<number, Published>();
  #undecidedCharacters = 0;
  #recorded = 0;

  constructor(context: CommandContext, options: HookRecorderOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** Until the time is over, there are enough, or Ctrl-C. @throws {UserError} `no-hook`, `connection-lost` */
  async run(): Promise<void> {
    const { count, waitMs } = this.#options;
    const bounded = count !== undefined || waitMs !== undefined;
    await live(this.#context, { waitMs, timedOut: undefined, bounded }, (lifetime) => this.#record(lifetime));
  }

  async #record({ signal, finish }: Lifetime): Promise<never> {
    const { output } = this.#context;
    const { filters, count } = this.#options;
    const client = await this.#context.client();
    const target = await resolveBroker(this.#context, client, this.#options);
    const { on_publish: hook } = await client.describeBroker(target);
    if (!hook?.url) {
      const hint = "set one with `pubsub broker update --on-publish-url URL`, or record without --hook";
      throw new UserError("no-hook", `the broker ${target.namespace}/${target.broker} has no hook`, hint);
    }
    // Not by topic: a batch may have messages of any.
    const events = await client.events(
      { ...target, event: ["publish", "hook"], payload_bytes_max: PAYLOAD_BYTES_MAX },
      signal,
    );
    output.info(output.err.dim(`recording what goes to ${hook.url} (Ctrl-C ends)`));
    for await (const event of events) {
      signal.throwIfAborted();
      const line = this.#take(event);
      if (line === undefined || !filters.some((filter) => topicMatches(filter, line.topic))) continue;
      await this.#options.write(line);
      if (++this.#recorded === count) finish();
      signal.throwIfAborted();
    }
    signal.throwIfAborted();
    throw new UserError("broker-deleted", "the broker was deleted: nothing more can happen in it");
  }

  #take(event: TailEvent): { topic: string } | undefined {
    if (event.event === "lost") this.#context.output.warn(lostText(event));
    else if (event.event === "publish") this.#remember(event);
    else if (event.event === "hook") return this.#decide(event);
    return undefined;
  }

  #remember(event: Published): void {
    this.#undecided.set(event.mid, event);
    this.#undecidedCharacters += event.payload.length;
    for (const mid of this.#undecided.keys()) {
      if (this.#undecided.size <= UNDECIDED_MAX && this.#undecidedCharacters <= UNDECIDED_CHARACTERS_MAX) return;
      this.#forget(mid);
    }
  }

  #forget(mid: number): Published | undefined {
    const published = this.#undecided.get(mid);
    if (published === undefined) return undefined;
    this.#undecided.delete(mid);
    this.#undecidedCharacters -= published.payload.length;
    return published;
  }

  #decide({ mid, verdict, reason, status, after, batchId }: Decided): { topic: string } | undefined {
    const published = this.#forget(mid);
    // It was published before this began.
    if (published === undefined) return undefined;
    const { topic, payload, payloadEncoding, payloadTruncated, qos, retain, properties, time, clientId, jti } =
      published;
    if (payloadTruncated || after?.payloadTruncated) {
      this.#context.output.warn(`a message on ${topic} is left out: its payload is larger than 1 MiB`);
      return undefined;
    }
    return {
      ...{ v: 1, topic, payload, payloadEncoding, qos, retain, properties, time, clientId, jti },
      ...{ hook: { batch: batchId, verdict, reason, status, after } },
    };
  }
}
