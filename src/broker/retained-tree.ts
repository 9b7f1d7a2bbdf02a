import type { Deadline } from "./deadlines.ts";
import type { Message } from "./message.ts";
import type { RecordId } from "./ports.ts";
import { matchesLevels } from "./topics.ts";

/** A retained message: a leaf of the tree, wherever below its first level nothing else is. */
export class RetainedMessage {
  /** The last level of its topic that the tree has to know. */
  level = "";
  readonly message: Message;
  /** In the journal; 0 where there is none. */
  readonly recordId: RecordId;
  expiry: Deadline<string> | undefined;

  constructor(message: Message, recordId: RecordId) {
    this.message = message;
    this.recordId = recordId;
  }
}

type Child = Branch | RetainedMessage;

/** A level that topics have in common. Most that are not the last have one child at most: a Map comes with the second one. */
class Branch {
  readonly level: string;
  /** Of the topic that ends here. */
  own: RetainedMessage | undefined;
  #children: Child | Map<string, Child> | undefined;

  constructor(level: string) {
    this.level = level;
  }

  child(level: string): Child | undefined {
    const children = this.#children;
    if (children instanceof Map) return children.get(level);
    return children?.level === level ? children : undefined;
  }

  /** Also in place of the child of the same level. */
  put(child: Child): void {
    const children = this.#children;
    if (children instanceof Map) children.set(child.level, child);
    else if (children === undefined || children.level === child.level) this.#children = child;
    else this.#children = new Map([children, child].map((each) => [each.level, each]));
  }

  delete(child: Child): void {
    const children = this.#children;
    if (!(children instanceof Map)) {
      this.#children = undefined;
      return;
    }
    children.delete(child.level);
    if (children.size === 1) [this.#children] = children.values();
  }

  forEach(visit: (child: Child) => void): void {
    const children = this.#children;
    if (children instanceof Map) for (const child of children.values()) visit(child);
    else if (children !== undefined) visit(children);
  }

  /** The message if there is no other here or below. */
  get only(): RetainedMessage | undefined {
    const children = this.#children;
    if (children === undefined) return this.own;
    return this.own === undefined && children instanceof RetainedMessage ? children : undefined;
  }
}

/**
 * Messages by their topics: a trie by topic level, read with a filter. Levels that belong to one topic alone have no nodes: a
 * million topics are little more than a million leaves.
 */
export class RetainedTree {
  readonly #root = new Branch("");

  get(topicName: string): RetainedMessage | undefined {
    const levels = topicName.split("/");
    let node: Child | undefined = this.#root;
    for (const level of levels) {
      node = node.child(level);
      if (node === undefined) return undefined;
      if (node instanceof RetainedMessage) return node.message.topic === topicName ? node : undefined;
    }
    return node.own;
  }

  /** @returns the one whose place it takes: that with the same topic */
  put(added: RetainedMessage): RetainedMessage | undefined {
    const { topic } = added.message;
    let node = this.#root;
    let start = 0;
    for (let depth = 1; start <= topic.length; depth++) {
      const slash = topic.indexOf("/", start);
      const end = slash === -1 ? topic.length : slash;
      const level = topic.slice(start, end);
      let child = node.child(level);
      if (!(child instanceof Branch)) {
        if (child === undefined || child.message.topic === topic) {
          added.level = level;
          node.put(added);
          return child;
        }
        const branch = new Branch(level);
        node.put(branch);
        moveBelow(branch, child, depth);
        child = branch;
      }
      node = child;
      start = end + 1;
    }
    const replaced = node.own;
    node.own = added;
    return replaced;
  }

  /** It must be there. */
  delete(deleted: RetainedMessage): void {
    const levels = deleted.message.topic.split("/");
    const path = [this.#root];
    for (const level of levels) {
      const next = path.at(-1)!.child(level);
      if (!(next instanceof Branch)) break;
      path.push(next);
    }
    const last = path.at(-1)!;
    if (last.own === deleted) last.own = undefined;
    else last.delete(deleted);
    for (let depth = path.length - 1; depth > 0; depth--) {
      const branch = path[depth]!;
      const { only } = branch;
      if (only === undefined) return;
      only.level = branch.level;
      path[depth - 1]!.put(only);
    }
  }

  /** Calls `visit` for each message whose topic the filter, without `$share`, matches. */
  forEachMatch(topicFilter: string, visit: (message: Message) => void): void {
    walk(this.#root, topicFilter.split("/"), 0, visit);
  }
}

/** @param depth levels above the branch's children */
function moveBelow(branch: Branch, leaf: RetainedMessage, depth: number): void {
  const level = leaf.message.topic.split("/")[depth];
  if (level === undefined) {
    branch.own = leaf;
  } else {
    leaf.level = level;
    branch.put(leaf);
  }
}

function walk(node: Child, filter: string[], depth: number, visit: (message: Message) => void): void {
  const level = filter[depth];
  if (level === "#") {
    walkAll(node, depth === 0, visit);
  } else if (node instanceof RetainedMessage) {
    if (matchesLevels(filter, node.message.topic.split("/"), depth)) visit(node.message);
  } else if (level === undefined) {
    if (node.own !== undefined) visit(node.own.message);
  } else if (level === "+") {
    node.forEach((child) => {
      // [MQTT-4.7.2-1]
      if (depth > 0 || !child.level.startsWith("$")) walk(child, filter, depth + 1, visit);
    });
  } else {
    const child = node.child(level);
    if (child !== undefined) walk(child, filter, depth + 1, visit);
  }
}

function walkAll(node: Child, atRoot: boolean, visit: (message: Message) => void): void {
  if (node instanceof RetainedMessage) {
    visit(node.message);
    return;
  }
  if (node.own !== undefined) visit(node.own.message);
  node.forEach((child) => {
    if (!atRoot || !child.level.startsWith("$")) walkAll(child, false, visit);
  });
}
