import { Option } from "commander";
import type { StreamPosition } from "../../client/index.ts";
import { eventNames, verdicts } from "../../contract/event-names.ts";
import type { Input, TailEvent } from "../../contract/types.ts";
import type { CommandContext } from "../context.ts";
import { defineCommand } from "../command.ts";
import { parseDuration } from "../duration.ts";
import { usageError } from "../errors.ts";
import { type Lifetime, live } from "../lifetime.ts";
import { addNamespaceOption, resolveBroker } from "../settings/names.ts";
import { collect, collectChoices, seconds, share, wholeNumber } from "../option-parsers.ts";
import { mayComeBack, retryDelayMs } from "../reconnect.ts";
import { sleep } from "../sleep.ts";
import { TailFormatter, lostText } from "../output/tail-format.ts";
import { type TimeStyle, addTimeOption } from "../output/time-style.ts";
import { checkTopicFilter } from "../messages/topic.ts";
import { UserError } from "../../errors.ts";

interface Options {
  namespace?: string;
  broker?: string;
  topic?: string[];
  client?: string[];
  event?: (typeof eventNames)[number][];
  verdict?: (typeof verdicts)[number][];
  search?: string;
  samplingRate?: number;
  since?: string;
  diff?: boolean;
  time?: TimeStyle;
  format?: "pretty" | "json";
  json?: boolean;
  count?: number;
  wait?: number;
}

export default defineCommand<Options>({
  examples: [
    "tail",
    "tail --event publish,hook --topic 'transactions/#'",
    "tail --verdict dropped              what the hook let nobody see, and why",
    "tail --event hook --diff            what the hook changed, member by member",
    "tail --client terminal-7 --since 10m --json",
    "tail --verdict dropped -C 1 -W 5    wait 5 s for one; exit code 27 if none comes",
  ],

  configure(command) {
    command
      .description("Watch what happens in a broker, from now on until Ctrl-C. Filters work at the server.")
      .argument("[broker]", "name of the broker (default: the configured one, or the only one there is)")
      .option("--broker <name>", "the same as an option");
    addNamespaceOption(command);
    command
      .option("--topic <filter>", "only events on these topics; may be repeated", collect)
      .option("--client <id>", "only events of these clients; may be repeated", collect)
      .option("--event <names>", `only these events: ${eventNames.join(", ")}`, collectChoices("--event", eventNames))
      .option(
        "--verdict <names>",
        `only these verdicts of the hook: ${verdicts.join(", ")}`,
        collectChoices("--verdict", verdicts),
      )
      .option("--search <text>", "only events with this text in topic, client id, reason, properties or payload")
      .option("--sampling-rate <share>", "only this share of the messages, such as 0.01", share("--sampling-rate"))
      .option("--since <time>", "begin with what the server still knows since then: 10m, or 2026-11-20T12:00:00Z")
      .option("--diff", "show what a hook changed, in JSON member by member")
      .addOption(new Option("--format <format>", "how to print (default: pretty)").choices(["pretty", "json"]))
      .option("-C, --count <count>", "end after so many events", wholeNumber("--count", 1))
      .option("-W, --wait <seconds>", "end after this time, with exit code 27", seconds("--wait"));
    addTimeOption(command);
  },

  async run(context, [name], options) {
    for (const filter of options.topic ?? []) checkTopicFilter(filter);
    if (options.json && options.format === "pretty") throw usageError("--json and --format pretty exclude each other");
    if (options.diff && (options.json || options.format === "json")) {
      throw usageError("--diff is for people", "with --json the event `hook` has the message before and after");
    }
    const since = options.since === undefined ? undefined : parseSince(options.since, context.now());
    const tail = new Tail(context, { ...options, since }, name as string | undefined);
    await tail.run();
  },
});

/** A duration before now, or a time. @returns RFC 3339 */
function parseSince(text: string, now: Date): string {
  const time = /^\d{4}-/.test(text) ? Date.parse(text) : now.getTime() - parseDuration(text) * 1000;
  if (!Number.isNaN(time)) return new Date(time).toISOString();
  throw usageError(`--since: "${text}" is no time`, "write 10m, 2h or 2026-11-20T12:00:00Z");
}

type TailOptions = Omit<Options, "since"> & { since: string | undefined };

class Tail {
  readonly #context: CommandContext;
  readonly #options: TailOptions;
  readonly #name: string | undefined;
  readonly #print: (event: TailEvent) => Promise<void> | undefined;
  /** For the time after a lost connection: what happens meanwhile comes then, or is said to be missing. */
  readonly #position: StreamPosition = {};
  #printed = 0;

  constructor(context: CommandContext, options: TailOptions, name: string | undefined) {
    const { output } = context;
    this.#context = context;
    this.#options = options;
    this.#name = name;
    const formatter = new TailFormatter(output.out, output.columns, options);
    const asJson = options.json || options.format === "json";
    this.#print = asJson ? (event) => output.line(event) : (event) => output.write(`${formatter.format(event)}\n`);
  }

  async run(): Promise<void> {
    const { wait, count } = this.#options;
    const waitMs = wait === undefined ? undefined : wait * 1000;
    const bounded = count !== undefined || wait !== undefined;
    const timedOut = () => this.#timedOut();
    await live(this.#context, { waitMs, timedOut, bounded }, (lifetime) => this.#watchUntilEnd(lifetime));
  }

  #timedOut(): UserError {
    const { wait = 0, count } = this.#options;
    const wanted = count === undefined ? "" : `; ${this.#printed} of ${count} events came`;
    return new UserError("timed-out", `the time of ${wait} s is over${wanted}`);
  }

  /** Throws when it ends. A stream that is lost is said, and resumed. */
  async #watchUntilEnd(lifetime: Lifetime): Promise<never> {
    const { output } = this.#context;
    const { signal } = lifetime;
    let hasWatched = false;
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#watchOnce(lifetime, () => {
          if (hasWatched) output.info("watching again");
          hasWatched = true;
          attempt = 0;
        });
        signal.throwIfAborted();
        throw new UserError("broker-deleted", "the broker was deleted: nothing more can happen in it");
      } catch (error) {
        if (signal.aborted || !hasWatched || !mayReturn(error, attempt)) throw error;
        if (attempt === 0) output.warn(`${(error as Error).message}; watching again as soon as it is back …`);
      }
      await sleep(retryDelayMs(attempt), signal);
      this.#context.refreshSettings();
    }
  }

  async #watchOnce(lifetime: Lifetime, onWatching: () => void): Promise<void> {
    const { topic, client: clients, event, verdict, search, samplingRate, since } = this.#options;
    const { output } = this.#context;
    const client = await this.#context.client();
    const target = await resolveBroker(this.#context, client, this.#options, this.#name);
    const query: Input<"events"> = {
      ...target,
      ...(topic && { topic }),
      ...(clients && { client: clients }),
      ...(event && { event }),
      ...(verdict && { verdict }),
      ...(search !== undefined && { search }),
      ...(samplingRate !== undefined && { sampling_rate: samplingRate }),
      // Afterwards the position says more.
      ...(since !== undefined && this.#position.lastEventId === undefined && { since }),
    };
    const events = await output.spin("connecting", client.events(query, lifetime.signal, this.#position));
    onWatching();
    output.info(output.err.dim(`listening: ${target.namespace}/${target.broker} (Ctrl-C ends)`));
    for await (const each of events) await this.#take(each, lifetime);
  }

  async #take(event: TailEvent, { signal, finish }: Lifetime): Promise<void> {
    signal.throwIfAborted();
    if (event.event === "lost") this.#context.output.warn(lostText(event));
    await this.#print(event);
    if (event.event !== "lost" && ++this.#printed === this.#options.count) finish();
    signal.throwIfAborted();
  }
}

function mayReturn(error: unknown, attempt: number): boolean {
  return error instanceof UserError && error.code !== "broker-deleted" && mayComeBack(error, attempt);
}
