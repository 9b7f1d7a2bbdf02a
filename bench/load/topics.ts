import type { Traffic } from "../scenarios.ts";

/** Who publishes and subscribes to what. */
export interface Plan {
  readonly topicNames: (publisher: number) => readonly string[];
  readonly topicFilters: (subscriber: number) => readonly string[];
  readonly deliveriesPerPublish: number;
  /** Each publisher has a window of its own with the subscribers of its topic. */
  readonly isPaired: boolean;
}

/** Topic names of one scenario are equally long, so that their frames are, too. */
const numbered = (prefix: string, number: number) => `${prefix}${String(number).padStart(5, "0")}`;
const TOPIC = "bench/topic";

export function plan({ topics, publishers, subscribers, filters = 0 }: Traffic): Plan {
  const one = { topicNames: () => [TOPIC], topicFilters: () => [TOPIC], isPaired: false };
  switch (topics) {
    case "one":
      return { ...one, deliveriesPerPublish: subscribers };
    case "shared":
      return { ...one, topicFilters: () => [`$share/group/${TOPIC}`], deliveriesPerPublish: 1 };
    case "unheard":
      return { ...one, deliveriesPerPublish: 0 };
    case "own": {
      const own = (index: number) => [numbered(`${TOPIC}/`, index)];
      const topicFilters = (subscriber: number) => own(subscriber % publishers);
      return { topicNames: own, topicFilters, deliveriesPerPublish: subscribers / publishers, isPaired: true };
    }
    case "wildcards": {
      const device = (number: number) => numbered("device-", number);
      const every = (step: number, from: number) =>
        Array.from({ length: Math.ceil((filters - from) / step) }, (_, index) => from + index * step);
      return {
        topicNames: (publisher) =>
          every(publishers, publisher).map(
            (number) => `${numbered("site/", number % 97)}/${device(number)}/temperature`,
          ),
        topicFilters: (subscriber) => every(subscribers, subscriber).map((number) => `site/+/${device(number)}/#`),
        deliveriesPerPublish: 1,
        isPaired: false,
      };
    }
  }
}
