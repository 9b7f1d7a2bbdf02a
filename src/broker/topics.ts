/** Topic names and topic filters: MQTT 5.0 §4.7 and §4.8.2, MQTT 3.1.1 §4.7. Pure functions on strings. */

import { isTopicName } from "../codec/index.ts";
import type { Limits } from "./limits.ts";

const SHARE_PREFIX = "$share/";

/** True for a filter whose wildcards stand where they may. [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.3-1] */
export function isValidTopicFilter(topicFilter: string): boolean {
  if (topicFilter.length === 0) return false;
  const lastLevel = topicFilter.lastIndexOf("/") + 1;
  for (let i = 0; i < topicFilter.length; i++) {
    const char = topicFilter[i];
    if (char !== "+" && char !== "#") continue;
    const startsLevel = i === 0 || topicFilter[i - 1] === "/";
    const endsLevel = i === topicFilter.length - 1 || topicFilter[i + 1] === "/";
    if (!startsLevel || !endsLevel) return false;
    if (char === "#" && i !== lastLevel) return false;
  }
  return true;
}

export interface ParsedFilter {
  /** The filter to match, without `$share/<name>/`. */
  readonly topicFilter: string;
  /** undefined for an ordinary subscription. */
  readonly shareName: string | undefined;
}

/**
 * Reads the filter of a SUBSCRIBE or UNSUBSCRIBE.
 * @returns undefined if it is not valid. [MQTT-4.8.2-1] [MQTT-4.8.2-2]
 */
export function parseFilter(text: string): ParsedFilter | undefined {
  if (!text.startsWith(SHARE_PREFIX)) {
    return isValidTopicFilter(text) ? { topicFilter: text, shareName: undefined } : undefined;
  }
  const end = text.indexOf("/", SHARE_PREFIX.length);
  if (end === -1) return undefined;
  const shareName = text.slice(SHARE_PREFIX.length, end);
  const topicFilter = text.slice(end + 1);
  if (!isTopicName(shareName) || !isValidTopicFilter(topicFilter)) return undefined;
  return { topicFilter, shareName };
}

/** False for a topic name or filter that is longer or deeper than a broker takes. */
export function isWithinLimits(topic: string, limits: Pick<Limits, "topicBytesMax" | "topicLevelsMax">): boolean {
  const { topicBytesMax, topicLevelsMax } = limits;
  // A character takes at most three bytes for each of its UTF-16 units: counting is seldom needed.
  if (topic.length * 3 > topicBytesMax && Buffer.byteLength(topic) > topicBytesMax) return false;
  return levelCount(topic) <= topicLevelsMax;
}

/** Number of levels of a topic name or filter. */
function levelCount(topic: string): number {
  let count = 1;
  for (let i = topic.indexOf("/"); i !== -1; i = topic.indexOf("/", i + 1)) count++;
  return count;
}

/** True if the filter, without `$share`, matches the topic name. [MQTT-4.7.2-1] [MQTT-4.7.1-3] */
export function matchesFilter(topicFilter: string, topicName: string): boolean {
  const filter = topicFilter.split("/");
  if (topicName.startsWith("$") && (filter[0] === "+" || filter[0] === "#")) return false;
  return matchesLevels(filter, topicName.split("/"), 0);
}

/** The same by levels, where all before `from` match. */
export function matchesLevels(filter: readonly string[], topic: readonly string[], from: number): boolean {
  for (let i = from; i < filter.length; i++) {
    const level = filter[i];
    if (level === "#") return true;
    if (i >= topic.length) return false;
    if (level !== "+" && level !== topic[i]) return false;
  }
  return filter.length === topic.length;
}
