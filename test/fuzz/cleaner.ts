import { isTopicName } from "../../src/codec/index.ts";
import { HonestClient } from "./honest-client.ts";

const AT_ONCE = 20;

/** Remembers what hostile clients may have left behind, and takes it away: sessions and retained messages. */
export class Cleaner {
  readonly #clientIds = new Set<string>();
  readonly #retainedTopics = new Set<string>();

  note(clientIds: Iterable<string>, retainedTopics: Iterable<string>): void {
    for (const id of clientIds) if (id !== "") this.#clientIds.add(id);
    for (const topic of retainedTopics) this.#retainedTopics.add(topic);
  }

  async clean(port: number): Promise<void> {
    const ids = [...this.#clientIds];
    for (let at = 0; at < ids.length; at += AT_ONCE) {
      // A session that begins anew and does not outlive its connection ends the one before, and itself.
      const batch = ids.slice(at, at + AT_ONCE).map((clientId) => HonestClient.connect(port, 5, { clientId }));
      for (const client of await Promise.all(batch)) client.close();
    }
    // Only now: the ends of the sessions have published wills.
    const client = await HonestClient.connect(port, 4);
    for (const topic of this.#retainedTopics) {
      if (isTaken(topic)) client.publish(topic, Buffer.alloc(0), 0, true);
    }
    await client.ping();
    await fillCaches(client);
    client.close();
    this.#clientIds.clear();
    this.#retainedTopics.clear();
  }
}

/** What is remembered for speed must have an end in bytes: names that come once, 60 MB of them. */
async function fillCaches(client: HonestClient): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    client.publish(`once/${i}/${"x".repeat(60_000)}`, Buffer.alloc(0), 0);
    if (i % 20 === 0) await client.ping();
  }
  await client.ping();
}

/** False for topics that the server took from nobody: publishing there would end our own connection. */
function isTaken(topic: string): boolean {
  return isTopicName(topic) && !topic.startsWith("$SYS/") && topic.split("/").length <= 128;
}
