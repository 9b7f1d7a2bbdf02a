/** Topic filters, matched level by level. (MQTT 5.0 §4.7, §4.8.2) */

export interface Filter {
  readonly filter: string;
  readonly shareName: string | undefined;
}

/** @returns undefined where the filter of a SUBSCRIBE is not valid */
export function parse(key: string): Filter | undefined {
  const shared = /^\$share\/([^/]*)\/(.*)$/s.exec(key);
  if (shared === null)
    return !key.startsWith("$share/") && isFilter(key) ? { filter: key, shareName: undefined } : undefined;
  const [, shareName = "", filter = ""] = shared;
  if (shareName === "" || /[+#]/.test(shareName) || !isFilter(filter)) return undefined;
  return { filter, shareName };
}

function isFilter(filter: string): boolean {
  const levels = filter.split("/");
  return (
    filter !== "" &&
    levels.every((level, index) => {
      if (level === "#") return index === levels.length - 1;
      return level === "+" || !/[+#]/.test(level);
    })
  );
}

export function isTopic(topic: string): boolean {
  return topic !== "" && !/[+#]/.test(topic);
}

export function matches(filter: string, topic: string): boolean {
  if (topic.startsWith("$") && /^[+#]/.test(filter)) return false;
  return matchLevels(filter.split("/"), topic.split("/"));
}

function matchLevels([filter, ...filters]: string[], [topic, ...topics]: string[]): boolean {
  if (filter === "#") return true;
  if (filter === undefined || topic === undefined) return filter === topic;
  return (filter === "+" || filter === topic) && matchLevels(filters, topics);
}
