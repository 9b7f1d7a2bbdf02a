import { Random } from "../simulation/random.ts";
import type { Client, Version, World } from "./client.ts";
import { Publisher } from "./publisher.ts";
import { Subscriber, type SubscriberOptions } from "./subscriber.ts";
import { type Received, Subscription } from "./subscription.ts";
import { Testator } from "./testator.ts";

export interface Population {
  readonly publishers: readonly Publisher[];
  readonly subscribers: readonly Subscriber[];
  readonly testators: readonly Testator[];
  readonly all: readonly Client[];
}

const SHORT = { thereMs: [100, 1200], awayMs: [50, 1200] } as const;
const LONG = { thereMs: [500, 1500], awayMs: [4000, 12_000] } as const;

/** Everybody who takes part. Nobody is connected yet. */
export function createPopulation(world: World, random: Random, onAcknowledged: () => void): Population {
  const fork = () => new Random(random.next());
  const publisher = (name: string, version: Version, window: number) =>
    new Publisher(world, name, version, fork(), { window, onAcknowledged });
  const publishers = [
    publisher("p0", 5, 40),
    publisher("p1", 4, 20),
    publisher("p2", 5, 60),
    publisher("p3", 4, 30),
    publisher("p4", 5, 5),
  ];

  const wills = new Subscription("w/#", 2);
  const end = () => new Subscription("end/#", 1);
  const subscriber = (name: string, version: Version, options: SubscriberOptions) =>
    new Subscriber(world, name, version, fork(), {
      ...options,
      subscriptions: [...options.subscriptions, end()],
    });
  const each = (qos: 1 | 2, filter: (name: string) => string) =>
    publishers.map(({ name }) => new Subscription(filter(name), qos, { isFickle: true }));
  const group: Received = new Set();
  const member = (qos: 1 | 2) => new Subscription("$share/group/t/#", qos, { shared: group });
  const testators: Testator[] = [];
  const onReceived = () => testators.forEach((testator) => testator.willSeen());
  const subscribers = [
    subscriber("watcher", 5, { subscriptions: [wills, new Subscription("r/#", 2)], onReceived }),
    subscriber("steady", 5, { subscriptions: [new Subscription("t/#", 2)] }),
    subscriber("old", 4, {
      subscriptions: [new Subscription("t/+/0", 2), new Subscription("t/+/1", 1)],
      rhythm: SHORT,
    }),
    subscriber("slow", 5, { subscriptions: [new Subscription("t/#", 1)], receiveMaximum: 3 }),
    subscriber("away", 5, { subscriptions: [new Subscription("t/#", 2), new Subscription("r/#", 1)], rhythm: LONG }),
    subscriber("old-away", 4, {
      subscriptions: [new Subscription("t/p0/#", 1), new Subscription("t/p3/#", 2)],
      rhythm: LONG,
    }),
    subscriber("fickle", 5, { subscriptions: each(2, (name) => `t/${name}/#`) }),
    subscriber("old-fickle", 4, { subscriptions: each(1, (name) => `t/${name}/2`), rhythm: SHORT }),
    subscriber("nomad", 5, { subscriptions: [new Subscription("t/#", 2)], rhythm: SHORT, isForgetful: true }),
    subscriber("member-0", 5, { subscriptions: [member(2)] }),
    subscriber("member-1", 5, { subscriptions: [member(2)], rhythm: SHORT, receiveMaximum: 20 }),
    subscriber("member-2", 5, { subscriptions: [member(2)], rhythm: LONG }),
  ];

  testators.push(
    new Testator(world, "w0", 5, fork(), wills),
    new Testator(world, "w1", 5, fork(), wills),
    new Testator(world, "w2", 4, fork(), wills),
  );
  return { publishers, subscribers, testators, all: [...publishers, ...subscribers, ...testators] };
}
