/** What a token's `topicAcl` allows: to publish and to subscribe to what its topic filters match. */
import type { Acl } from "../broker/ports.ts";
import { filterCovers, filterMatches, withoutShare } from "./topic-filter.ts";

/**
 * @param topicAcl topic filters; `#` by itself means everything, topics that begin with `$` included, other than in a
 *   subscription; no filter at all allows nothing
 * @returns undefined where everything is allowed
 */
export function createAcl(topicAcl: string | readonly string[]): Acl | undefined {
  const filters = (typeof topicAcl === "string" ? [topicAcl] : topicAcl).map((filter) => filter.split("/"));
  if (filters.some((filter) => filter.length === 1 && filter[0] === "#")) return undefined;
  return {
    mayPublish(topicName) {
      const topic = topicName.split("/");
      return filters.some((filter) => filterMatches(filter, topic));
    },
    // One filter of the list has to cover it alone: `a` and `a/+/#` together allow no `a/#`, though they could.
    maySubscribe(topicFilter) {
      const subscribed = withoutShare(topicFilter)?.split("/");
      return subscribed !== undefined && filters.some((filter) => filterCovers(filter, subscribed));
    },
  };
}
