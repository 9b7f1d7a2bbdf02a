/**
 * Topic filters as permissions see them (MQTT 5.0 §4.7), on topics and filters that are split into levels. The broker
 * has its own matching for delivery; here the question is also whether one filter contains another.
 */

const SHARE_PREFIX = "$share/";

/** The filter of a shared subscription (§4.8.2) without `$share/<name>/`; undefined if nothing is left. */
export function withoutShare(topicFilter: string): string | undefined {
  if (!topicFilter.startsWith(SHARE_PREFIX)) return topicFilter;
  const end = topicFilter.indexOf("/", SHARE_PREFIX.length);
  return end === -1 || end === topicFilter.length - 1 ? undefined : topicFilter.slice(end + 1);
}

/** True if the filter matches the topic name. */
export function filterMatches(filter: readonly string[], topic: readonly string[]): boolean {
  // A name is a filter that matches just itself.
  return filterCovers(filter, topic);
}

/**
 * True if every topic that `inner` matches is one that `outer` matches.
 *
 * Levels are compared one by one: no set of names covers `+`, since there are always more names.
 */
export function filterCovers(outer: readonly string[], inner: readonly string[]): boolean {
  const first = outer[0];
  // [MQTT-4.7.2-1] a leading wildcard matches no topic that begins with `$`.
  if ((first === "+" || first === "#") && inner[0]!.startsWith("$")) return false;
  const levels = withoutEmptyParent(inner);
  for (let i = 0; i < outer.length; i++) {
    const level = outer[i];
    // §4.7.1.2: `a/#` matches `a` too, so this comes before the question whether a level is left.
    if (level === "#") return true;
    if (i >= levels.length) return false;
    // What `#` matches here includes the parent, one level shorter than `outer`.
    if (levels[i] === "#") return false;
    if (level !== "+" && level !== levels[i]) return false;
  }
  return outer.length === levels.length;
}

/** No topic is empty [MQTT-4.7.3-1], so the parent that `#` and `/#` match as well is none: they are `+/#` and `/+/#`. */
function withoutEmptyParent(filter: readonly string[]): readonly string[] {
  if (filter.length === 1 && filter[0] === "#") return ["+", "#"];
  if (filter.length === 2 && filter[0] === "" && filter[1] === "#") return ["", "+", "#"];
  return filter;
}
