/** Topic names and filters, as far as the command line has to know them (MQTT 5.0 §4.7). */
import { usageError } from "../errors.ts";

const MAX_TOPIC_BYTES = 65_535;

/** @throws {UserError} `usage` where no message can be published on the topic */
export function checkTopicName(topic: string): void {
  checkLength(topic, "topic");
  if (/[+#]/.test(topic)) {
    throw usageError(`"${topic}" is a filter, not a topic: + and # stand for other topics`, "name the topic in full");
  }
}

/** @throws {UserError} `usage` where nobody can subscribe to the filter */
export function checkTopicFilter(filter: string): void {
  checkLength(filter, "topic filter");
  if (/^\$share\/(?![^/+#]+\/.)/.test(filter)) {
    throw usageError(`"${filter}" is not a shared subscription`, "such as $share/workers/orders/#"); // MQTT 5.0 §4.8.2
  }
  const levels = filter.split("/");
  const valid = levels.every(
    (level, index) => !/[+#]/.test(level) || level === "+" || (level === "#" && index === levels.length - 1),
  );
  if (!valid) {
    throw usageError(
      `"${filter}" is not a topic filter`,
      "+ stands for one whole level, # for all the rest and only at the end: a/+/c, a/#",
    );
  }
}

function checkLength(topic: string, what: string): void {
  if (topic === "") throw usageError(`the ${what} is empty`);
  if (topic.includes("\0")) throw usageError(`the ${what} has a null character`);
  if (Buffer.byteLength(topic) > MAX_TOPIC_BYTES)
    throw usageError(`the ${what} is longer than ${MAX_TOPIC_BYTES} bytes`);
}

/** Whether the filter covers the topic name. */
export function topicMatches(filter: string, topic: string): boolean {
  // [MQTT-4.7.2-1]
  if (topic.startsWith("$") && /^[+#]/.test(filter)) return false;
  const wanted = filter.split("/");
  const levels = topic.split("/");
  for (const [index, level] of wanted.entries()) {
    if (level === "#") return true;
    if (index >= levels.length || (level !== "+" && level !== levels[index])) return false;
  }
  return wanted.length === levels.length;
}
