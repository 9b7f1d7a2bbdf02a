import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Deadline, Deadlines, type Message, matchesFilter } from "../../src/broker/index.ts";
import { Inflight } from "../../src/broker/inflight.ts";
import { PacketIds } from "../../src/broker/packet-ids.ts";
import { Queue } from "../../src/broker/queue.ts";
import { RetainedMessages } from "../../src/broker/retained.ts";
import { Session } from "../../src/broker/session.ts";
import { type Subscription, SubscriptionTree } from "../../src/broker/subscription-tree.ts";
import { isValidTopicFilter } from "../../src/broker/topics.ts";
import { PacketType } from "../../src/codec/index.ts";

const level = fc.constantFrom("a", "b", "", "$x");
const topicName = fc
  .array(level, { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join("/"))
  .filter((topic) => topic !== "");
const topicFilter = fc
  .array(fc.oneof(level, fc.constant("+")), { minLength: 1, maxLength: 4 })
  .chain((levels) => fc.boolean().map((hash) => [...levels, ...(hash ? ["#"] : [])].join("/")))
  .filter(isValidTopicFilter);

const newSession = (id: string) => new Session(id, 10);
const subscriptionOf = (session: Session, filter: string): Subscription => ({
  session,
  key: filter,
  topicFilter: filter,
  shareName: undefined,
  qos: 0,
  noLocal: false,
  retainAsPublished: false,
  identifier: 0,
  recordId: 0,
});

describe("subscription tree", () => {
  test("finds what the definition of matching says, whatever was added and removed before", () => {
    fc.assert(
      fc.property(
        fc.array(topicFilter, { maxLength: 12 }),
        fc.array(topicName, { maxLength: 8 }),
        (filters, topics) => {
          const tree = new SubscriptionTree();
          const subscriptions = filters.map((filter, i) => subscriptionOf(newSession(`${i}`), filter));
          const check = (present: Subscription[]) => {
            for (const topic of topics) {
              const expected = present.filter((each) => matchesFilter(each.topicFilter, topic));
              const found = tree.route(topic).entries.map((entry) => entry.session.clientId);
              expect(found.toSorted()).toEqual(expected.map((each) => each.session.clientId).toSorted());
            }
          };
          for (const each of subscriptions) tree.add(each);
          expect(tree.size).toBe(subscriptions.length);
          check(subscriptions);
          const rest = subscriptions.filter((each, i) => i % 2 === 0 || (tree.remove(each), false));
          check(rest);
          for (const each of rest) tree.remove(each);
          expect(tree.size).toBe(0);
          check([]);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("those who subscribed with one filter", () => {
  const tree = new SubscriptionTree();
  const one = newSession("one");
  const other = newSession("other");
  const found = () => tree.route("a").entries.map(({ session, qos }) => `${session.clientId} at ${qos}`);

  test("are one, several, and one again; who asks again is counted once", () => {
    tree.add(subscriptionOf(one, "a"));
    tree.add({ ...subscriptionOf(one, "a"), qos: 1 });
    expect([tree.size, found()]).toEqual([1, ["one at 1"]]);
    tree.add(subscriptionOf(other, "a"));
    tree.add({ ...subscriptionOf(other, "a"), qos: 2 });
    expect([tree.size, found()]).toEqual([2, ["one at 1", "other at 2"]]);
    tree.remove(subscriptionOf(one, "a"));
    tree.remove(subscriptionOf(one, "a"));
    expect([tree.size, found()]).toEqual([1, ["other at 2"]]);
    tree.remove(subscriptionOf(other, "a"));
    expect([tree.size, found()]).toEqual([0, []]);
  });

  test("share it under a name as well", () => {
    const shared = { ...subscriptionOf(one, "a"), key: "$share/s/a", shareName: "s" };
    tree.add(shared);
    tree.add({ ...shared, session: other });
    expect([tree.size, found(), tree.route("a").groups.map((group) => group.pick())]).toEqual([2, [], [undefined]]);
    tree.remove(shared);
    tree.remove({ ...shared, session: other });
    expect([tree.size, tree.route("a").groups]).toEqual([0, []]);
  });
});

test("topics that never come back, and then one that changes", () => {
  const tree = new SubscriptionTree();
  tree.add(subscriptionOf(newSession("one"), "a/+"));
  for (let i = 0; i < 40_000; i++) if (tree.route(`a/${i}`).entries.length !== 1) throw new Error(`a/${i} is lost`);
  const subscription = subscriptionOf(newSession("two"), "a/1");
  tree.add(subscription);
  expect(tree.route("a/1").entries.length).toBe(2);
  tree.remove(subscription);
  expect(tree.route("a/1").entries.length).toBe(1);
});

describe("retained messages", () => {
  test("are found by the definition of matching", () => {
    fc.assert(
      fc.property(fc.uniqueArray(topicName, { maxLength: 12 }), topicFilter, (topics, filter) => {
        const retained = new RetainedMessages(new Deadlines());
        for (const [id, topic] of topics.entries()) {
          retained.put({
            id,
            topic,
            payload: Buffer.from("x"),
            qos: 0,
            retain: true,
            properties: undefined,
            publisherId: "",
            tokenId: undefined,
            receivedAtMs: 0,
            expiresAtMs: Infinity,
          });
        }
        const found: string[] = [];
        retained.forEachMatch(filter, (message) => found.push(message.topic));
        expect(found.toSorted()).toEqual(topics.filter((topic) => matchesFilter(filter, topic)).toSorted());
        for (const topic of topics) retained.delete(topic);
        expect([retained.size, retained.bytes]).toEqual([0, 0]);
      }),
      { numRuns: 500 },
    );
  });
});

describe("deadlines", () => {
  test("fall due in order, after any setting, moving and clearing", () => {
    const step = fc.record({ which: fc.nat(9), at: fc.oneof(fc.nat(100), fc.constant(Infinity)) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const deadlines = new Deadlines();
        const fired: [number, number][] = [];
        const all = Array.from({ length: 10 }, (_, i) => new Deadline(i, (owner, now) => fired.push([now, owner])));
        const expected = new Map<number, number>();
        for (const { which, at } of steps) {
          deadlines.set(all[which]!, at);
          if (at === Infinity) expected.delete(which);
          else expected.set(which, at);
        }
        expect(deadlines.nextMs).toBe(Math.min(Infinity, ...expected.values()));
        for (let now = 0; now <= 100; now++) deadlines.advance(now);
        const times = [...expected].map(([which, at]) => [at, which]);
        const order = (a: number[], b: number[]) => a[0]! - b[0]! || a[1]! - b[1]!;
        expect(fired.toSorted(order)).toEqual(times.toSorted(order));
        expect(deadlines.size).toBe(0);
      }),
      { numRuns: 500 },
    );
  });
});

test("a queue gives back what it was given, through thousands of items", () => {
  const queue = new Queue<number>();
  let next = 0;
  for (let i = 1; i <= 20_000; i++) {
    queue.push(i);
    if (i % 3 === 0) expect(queue.shift()).toBe(++next);
  }
  expect([...queue]).toHaveLength(queue.length);
  while (queue.length > 0) expect(queue.shift()).toBe(++next);
  expect(next).toBe(20_000);
  expect(queue.shift()).toBeUndefined();
});

test("a set of packet identifiers is a set", () => {
  const packetId = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(4095, 4096, 8192, 32_768, 65_535));
  const step = fc.tuple(fc.constantFrom("add", "delete"), packetId);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const ids = new PacketIds();
      const model = new Set<number>();
      for (const [what, id] of steps) {
        if (what === "delete") expect(ids.delete(id)).toBe(model.delete(id));
        else ids.add(id);
        if (what === "add") model.add(id);
        expect([ids.has(id), ids.size]).toEqual([model.has(id), model.size]);
      }
      expect([...ids]).toEqual([...model].toSorted((a, b) => a - b));
      ids.clear();
      expect([ids.size, [...ids]]).toEqual([0, []]);
    }),
    { numRuns: 500 },
  );
});

describe("what is under way to a client", () => {
  const message = {} as Message;
  const step = fc.tuple(
    fc.constantFrom("add", "begin", "release", "remove", "remove"),
    fc.constantFrom(1, 2),
    fc.nat(),
  );

  test("is found by packet identifier, and sent again in its order", () => {
    fc.assert(
      fc.property(fc.nat(65_534), fc.array(step, { maxLength: 200 }), (before, steps) => {
        const inflight = new Inflight();
        // Identifiers go on behind the one that was given last.
        const rest = { released: false, countsAgainstQuota: false, recordId: 0, subscriptionIdentifiers: undefined };
        inflight.restore({ packetId: before + 1, message, qos: 1, retain: false, ...rest });
        const model = new Map<number, { due: number; isKept: boolean }>();
        model.set(before + 1, { due: PacketType.PUBACK, isKept: true });
        const put = (id: number, qos: 1 | 2, isKept: boolean) => {
          expect(id >= 1 && id <= 65_535 && !model.has(id)).toBe(true);
          model.set(id, { due: qos === 1 ? PacketType.PUBACK : PacketType.PUBREC, isKept });
        };
        for (const [what, qos, which] of steps) {
          const id = [...model.keys()][which % Math.max(1, model.size)] ?? 0;
          if (what === "add") put(inflight.add(message, qos, false, undefined).packetId, qos, true);
          if (what === "begin") put(inflight.begin(qos), qos, false);
          const known = model.get(id);
          if (what === "remove" && known !== undefined) {
            expect(inflight.remove(id)?.packetId).toBe(known.isKept ? id : undefined);
            model.delete(id);
          }
          if (what === "release" && known?.due === PacketType.PUBREC) {
            expect(inflight.release(id)?.packetId).toBe(known.isKept ? id : undefined);
            model.delete(id);
            model.set(id, { ...known, due: PacketType.PUBCOMP });
          }
          expect(inflight.size).toBe(model.size);
        }
        for (const [id, { due }] of model) expect(inflight.due(id)).toBe(due);
        const kept = [...model].filter(([, { isKept }]) => isKept).map(([id]) => id);
        expect([...inflight].map(({ packetId }) => packetId)).toEqual(kept);
      }),
      { numRuns: 500 },
    );
  });

  test("may be as many messages as there are packet identifiers but one", () => {
    const inflight = new Inflight();
    const ids = new Set<number>();
    for (let count = 0; count < 65_534; count++) ids.add(inflight.begin(1));
    expect([ids.size, inflight.size]).toEqual([65_534, 65_534]);
    inflight.remove(4711);
    expect([inflight.begin(2), inflight.begin(1)].toSorted((a, b) => a - b)).toEqual([4711, 65_535]);
  });
});
