import { Deadline, type Deadlines } from "./deadlines.ts";
import type { Limits } from "./limits.ts";
import type { Keeper } from "./keeper.ts";
import { type Message, compactMessage, messageBytes } from "./message.ts";
import type { RecordId } from "./ports.ts";

interface Entry {
  message: Message;
  /** In the journal; 0 where there is none. */
  recordId: RecordId;
  expiry: Deadline | undefined;
}

interface Node {
  children: Map<string, Node> | undefined;
  entry: Entry | undefined;
}

const newNode = (): Node => ({ children: undefined, entry: undefined });

/** The last retained message of each topic (MQTT 5.0 §3.3.1.3): a trie by topic level, read with a filter. */
export class RetainedMessages {
  readonly #root = newNode();
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
    this.delete(message.topic);
    if (message.payload.length === 0) return;
    compactMessage(message);
    const keeper = this.#keeper;
    this.#insert(message, keeper === undefined ? 0 : keeper.add({ type: "retained", message: keeper.refer(message) }));
  }

  /** Takes over a message that was read from the journal. */
  restore(message: Message, recordId: RecordId): void {
    this.delete(message.topic);
    this.#keeper!.refer(message);
    this.#insert(message, recordId);
  }

  get(topicName: string): Message | undefined {
    let node: Node | undefined = this.#root;
    for (const level of topicName.split("/")) {
      node = node.children?.get(level);
      if (node === undefined) return undefined;
    }
    return node.entry?.message;
  }

  delete(topicName: string): void {
    const levels = topicName.split("/");
    const path = [this.#root];
    for (const level of levels) {
      const next = path.at(-1)!.children?.get(level);
      if (next === undefined) return;
      path.push(next);
    }
    const node = path.at(-1)!;
    if (node.entry === undefined) return;
    if (node.entry.expiry !== undefined) this.#deadlines.clear(node.entry.expiry);
    this.#keeper?.remove(node.entry.recordId);
    this.#keeper?.release(node.entry.message);
    this.#size--;
    this.#bytes -= messageBytes(node.entry.message);
    node.entry = undefined;
    for (let depth = levels.length; depth > 0; depth--) {
      const empty = path[depth]!;
      if (empty.entry !== undefined || empty.children !== undefined) return;
      const parent = path[depth - 1]!;
      parent.children!.delete(levels[depth - 1]!);
      if (parent.children!.size === 0) parent.children = undefined;
    }
  }

  /** Calls `visit` for each message whose topic the filter, without `$share`, matches. */
  forEachMatch(topicFilter: string, visit: (message: Message) => void): void {
    walk(this.#root, topicFilter.split("/"), 0, visit);
  }

  #insert(message: Message, recordId: RecordId): void {
    let node = this.#root;
    for (const level of message.topic.split("/")) {
      node.children ??= new Map();
      let child = node.children.get(level);
      if (child === undefined) {
        child = newNode();
        node.children.set(level, child);
      }
      node = child;
    }
    let expiry: Deadline | undefined;
    if (message.expiresAtMs !== Infinity) {
      expiry = new Deadline(() => this.delete(message.topic));
      this.#deadlines.set(expiry, message.expiresAtMs);
    }
    node.entry = { message, recordId, expiry };
    this.#size++;
    this.#bytes += messageBytes(message);
  }
}

function walk(node: Node, filter: string[], index: number, visit: (message: Message) => void): void {
  if (index === filter.length) {
    if (node.entry !== undefined) visit(node.entry.message);
    return;
  }
  const level = filter[index]!;
  if (level === "#") {
    walkAll(node, index === 0, visit);
    return;
  }
  if (level !== "+") {
    const child = node.children?.get(level);
    if (child !== undefined) walk(child, filter, index + 1, visit);
    return;
  }
  if (node.children === undefined) return;
  for (const [name, child] of node.children) {
    // [MQTT-4.7.2-1]
    if (index === 0 && name.startsWith("$")) continue;
    walk(child, filter, index + 1, visit);
  }
}

function walkAll(node: Node, atRoot: boolean, visit: (message: Message) => void): void {
  if (node.entry !== undefined) visit(node.entry.message);
  if (node.children === undefined) return;
  for (const [name, child] of node.children) {
    if (atRoot && name.startsWith("$")) continue;
    walkAll(child, false, visit);
  }
}
