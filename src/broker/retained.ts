import { Deadline, type Deadlines } from "./deadlines.ts";
import type { Limits } from "./limits.ts";
import type { Keeper } from "./keeper.ts";
import { type Message, compactMessage, messageBytes } from "./message.ts";
import type { RecordId } from "./ports.ts";

/** A level of a topic. Most have one child at most: a Map comes with the second one. */
class Node {
  readonly level: string;
  children: Node | Map<string, Node> | undefined;
  message: Message | undefined;
  /** In the journal; 0 where there is none. */
  recordId: RecordId = 0;
  expiry: Deadline | undefined;

  constructor(level: string) {
    this.level = level;
  }

  child(level: string): Node | undefined {
    const { children } = this;
    if (children instanceof Map) return children.get(level);
    return children?.level === level ? children : undefined;
  }

  add(child: Node): void {
    const { children } = this;
    if (children === undefined) this.children = child;
    else if (children instanceof Map) children.set(child.level, child);
    else this.children = new Map([children, child].map((node) => [node.level, node]));
  }

  delete(child: Node): void {
    if (!(this.children instanceof Map)) {
      this.children = undefined;
    } else {
      this.children.delete(child.level);
      if (this.children.size === 0) this.children = undefined;
    }
  }

  forEach(visit: (child: Node) => void): void {
    if (this.children instanceof Map) for (const child of this.children.values()) visit(child);
    else if (this.children !== undefined) visit(this.children);
  }
}

/** The last retained message of each topic (MQTT 5.0 §3.3.1.3): a trie by topic level, read with a filter. */
export class RetainedMessages {
  readonly #root = new Node("");
  readonly #deadlines: Deadlines;
  readonly #keeper: Keeper | undefined;
  #size = 0;
  #bytes = 0;

  constructor(deadlines: Deadlines, keeper?: Keeper) {
    this.#deadlines = deadlines;
    this.#keeper = keeper;
  }

  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** True if the limits allow the message. One with an empty payload always fits: it only removes. */
  hasRoomFor(message: Pick<Message, "topic" | "payload" | "properties">, limits: Limits): boolean {
    if (message.payload.length === 0) return true;
    const old = this.get(message.topic);
    if (old === undefined && this.#size >= limits.retainedMessagesMax) return false;
    const freed = old === undefined ? 0 : messageBytes(old);
    return this.#bytes + messageBytes(message) - freed <= limits.retainedBytesMax;
  }

  /**
   * Keeps the message in place of the one with the same topic; an empty payload only removes that. [MQTT-3.3.1-5]
   * [MQTT-3.3.1-6] [MQTT-3.3.1-7]
   */
  put(message: Message): void {
    if (message.payload.length === 0) return this.delete(message.topic);
    compactMessage(message);
    const keeper = this.#keeper;
    this.#insert(message, keeper === undefined ? 0 : keeper.add({ type: "retained", message: keeper.refer(message) }));
  }

  /** Takes over a message that was read from the journal. */
  restore(message: Message, recordId: RecordId): void {
    this.#keeper!.refer(message);
    this.#insert(message, recordId);
  }

  get(topicName: string): Message | undefined {
    let node: Node | undefined = this.#root;
    for (const level of topicName.split("/")) {
      node = node.child(level);
      if (node === undefined) return undefined;
    }
    return node.message;
  }

  delete(topicName: string): void {
    const path = [this.#root];
    for (const level of topicName.split("/")) {
      const next = path.at(-1)!.child(level);
      if (next === undefined) return;
      path.push(next);
    }
    this.#clear(path.at(-1)!);
    for (let depth = path.length - 1; depth > 0; depth--) {
      const node = path[depth]!;
      if (node.message !== undefined || node.children !== undefined) return;
      path[depth - 1]!.delete(node);
    }
  }

  /** Calls `visit` for each message whose topic the filter, without `$share`, matches. */
  forEachMatch(topicFilter: string, visit: (message: Message) => void): void {
    walk(this.#root, topicFilter.split("/"), 0, visit);
  }

  #insert(message: Message, recordId: RecordId): void {
    const { topic, expiresAtMs } = message;
    let node = this.#root;
    for (const level of topic.split("/")) {
      let child = node.child(level);
      if (child === undefined) node.add((child = new Node(level)));
      node = child;
    }
    this.#clear(node);
    if (expiresAtMs !== Infinity) {
      node.expiry = new Deadline(() => this.delete(topic));
      this.#deadlines.set(node.expiry, expiresAtMs);
    }
    node.message = message;
    node.recordId = recordId;
    this.#size++;
    this.#bytes += messageBytes(message);
  }

  #clear(node: Node): void {
    const { message, recordId, expiry } = node;
    if (message === undefined) return;
    if (expiry !== undefined) this.#deadlines.clear(expiry);
    this.#keeper?.remove(recordId);
    this.#keeper?.release(message);
    this.#size--;
    this.#bytes -= messageBytes(message);
    node.message = undefined;
    node.expiry = undefined;
  }
}

function walk(node: Node, filter: string[], index: number, visit: (message: Message) => void): void {
  if (index === filter.length) {
    if (node.message !== undefined) visit(node.message);
    return;
  }
  const level = filter[index]!;
  if (level === "#") {
    walkAll(node, index === 0, visit);
    return;
  }
  if (level !== "+") {
    const child = node.child(level);
    if (child !== undefined) walk(child, filter, index + 1, visit);
    return;
  }
  node.forEach((child) => {
    // [MQTT-4.7.2-1]
    if (index === 0 && child.level.startsWith("$")) return;
    walk(child, filter, index + 1, visit);
  });
}

function walkAll(node: Node, atRoot: boolean, visit: (message: Message) => void): void {
  if (node.message !== undefined) visit(node.message);
  node.forEach((child) => {
    if (atRoot && child.level.startsWith("$")) return;
    walkAll(child, false, visit);
  });
}
