/** What happened in a broker, for tests and for people. */
import { publicEvent } from "../api/event-json.ts";
import { createColors } from "../cli/output/colors.ts";
import { TailFormatter } from "../cli/output/tail-format.ts";
import type { TailEvent, TailEventName } from "../contract/types.ts";
import type { HostedBroker } from "../runtime/index.ts";
import { BROKER, NAMESPACE } from "./host.ts";
import { Inbox } from "./inbox.ts";

/** Of a trace for people: what came before is seldom why something failed. */
const LINES_MAX = 60;

export type EventName = Exclude<TailEventName, "lost">;

export class Trace {
  readonly #inbox = new Inbox<TailEvent>();
  readonly #listeners = new Set<(event: TailEvent) => void>();

  constructor(hosted: HostedBroker, now: number) {
    const source = { namespace: NAMESPACE, broker: BROKER };
    hosted.events.watch((entry) => {
      const event = publicEvent(entry.event, entry.atMs, source);
      this.#inbox.add(event);
      for (const listener of this.#listeners) listener(event);
    }, now);
  }

  get events(): readonly TailEvent[] {
    return this.#inbox.all;
  }

  /** Resolves with the next event that matches, without taking it, or after a while. */
  async next(matches: (event: TailEvent) => boolean, withinMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        this.#listeners.delete(listen);
        resolve();
      };
      const listen = (event: TailEvent) => {
        if (matches(event)) finish();
      };
      const timer = setTimeout(finish, withinMs);
      this.#listeners.add(listen);
    });
  }

  async take(
    matches: (event: TailEvent) => boolean,
    withinMs: number,
    signal: AbortSignal,
  ): Promise<TailEvent | undefined> {
    return await this.#inbox.take(matches, withinMs, signal);
  }

  /** A line for each event, the last ones. */
  toString(): string {
    const formatter = new TailFormatter(createColors(false), undefined, { time: "relative", diff: true });
    const lines = this.events.map((event) => formatter.format(event));
    const left = lines.length - LINES_MAX;
    return [...(left > 0 ? [`… ${left} events before`] : []), ...lines.slice(-LINES_MAX)].join("\n");
  }
}
