/**
 * How time and memory grow with the number of subscriptions, sessions and retained messages: the broker without a
 * network, in this process. Prints one line of JSON.
 *
 *   node --expose-gc growth.mjs full
 */
import { Broker, type Connection, type Hooks, type Outbox } from "../src/broker/index.ts";
import { PacketType, type Packet, type Publish, type QoS } from "../src/codec/index.ts";
import { median } from "./statistics.ts";

export interface GrowthRow {
  readonly count: number;
  /** Route of a topic that was looked up before; nanoseconds of CPU time. */
  readonly repeatedTopicNs: number;
  /** Route of a topic that never came before. */
  readonly newTopicNs: number;
  /** Heap bytes for each of `count` subscriptions, sessions of absent clients, and retained messages of 64 bytes. */
  readonly bytesPerSubscription: number | undefined;
  readonly bytesPerSession: number | undefined;
  readonly bytesPerRetained: number | undefined;
}

/** Nanoseconds of CPU time for one publish at QoS 0 to one subscriber, within the broker. */
export interface PublishCost {
  readonly alone: number;
  readonly withObserver: number;
  readonly withHook: number;
}

export interface Growth {
  readonly rows: readonly GrowthRow[];
  readonly publishNs: PublishCost;
}

const NOW = 1_700_000_000_000;
const FILTERS_PER_SESSION = 1000;
const PAYLOAD_BYTES = 64;
const isQuick = process.argv[2] === "quick";
const COUNTS = isQuick ? [10, 1000, 100_000] : [10, 1000, 100_000, 1_000_000];
const COUNTED_MIN = 1000;
const SESSIONS_MAX = 100_000;
const REPETITIONS = isQuick ? 3 : 5;
const ROUTES = 100_000;
/** More than any cache of routes holds. */
const NEW_ROUTES = 50_000;
const PUBLISHES = 200_000;

/** Nobody listens: what is sent goes nowhere. */
class Nowhere implements Outbox {
  readonly congested = false;
  published = 0;
  send(): void {}
  acknowledge(): void {}
  publish(): void {
    this.published++;
  }
  forward(): void {}
  pause(): void {}
  resume(): void {}
  close(): void {}
}

function newBroker(): Broker {
  const broker: Broker = new Broker({
    random: { clientId: () => "assigned" },
    authenticator: {
      authenticate(connection) {
        const principal = { clientId: undefined, tokenId: undefined, expiresAtMs: Infinity, acl: undefined };
        broker.authenticated(connection, { ok: true, principal }, NOW);
      },
    },
  });
  return broker;
}

function connect(broker: Broker, clientId: string, outbox: Outbox = new Nowhere()): Connection {
  const properties = { sessionExpiryInterval: 3600 };
  const packet = {
    type: PacketType.CONNECT,
    protocolVersion: 5,
    cleanStart: false,
    keepAlive: 0,
    clientId,
    properties,
  };
  return broker.connect(outbox, packet as Packet & { type: typeof PacketType.CONNECT }, NOW);
}

function subscribe(broker: Broker, connection: Connection, topicFilters: readonly string[]): void {
  const options = { qos: 0 as QoS, noLocal: false, retainAsPublished: false, retainHandling: 0 as const };
  const subscriptions = topicFilters.map((topicFilter) => ({ topicFilter, ...options }));
  broker.receive(connection, { type: PacketType.SUBSCRIBE, packetId: 1, subscriptions }, NOW);
}

function publication(topic: string, payload: Buffer, retain: boolean): Publish {
  return { type: PacketType.PUBLISH, topic, payload, qos: 0, retain, dup: false, packetId: 0, properties: undefined };
}

/** Half of the filters are topics, a quarter has `+` and a quarter `#`. */
function topicFilter(index: number): string {
  const device = `device-${index}`;
  if (index % 4 === 1) return `site/+/${device}/temperature`;
  return index % 4 === 3 ? `site/${index % 97}/${device}/#` : topicName(index);
}

const topicName = (index: number) => `site/${index % 97}/device-${index}/temperature`;

function subscribeAll(broker: Broker, count: number): void {
  for (let from = 0; from < count; from += FILTERS_PER_SESSION) {
    const length = Math.min(FILTERS_PER_SESSION, count - from);
    const filters = Array.from({ length }, (_, index) => topicFilter(from + index));
    subscribe(broker, connect(broker, `client-${from}`), filters);
  }
}

function heapBytes(): number {
  global.gc!();
  global.gc!();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Bytes by which `fill` makes the heap larger, for each of `count`; undefined where those of other things outweigh them. */
function bytesPer(count: number, fill: (broker: Broker) => void): { bytes: number | undefined; broker: Broker } {
  const broker = newBroker();
  const before = heapBytes();
  fill(broker);
  const bytes = (heapBytes() - before) / count;
  return { bytes: count < COUNTED_MIN ? undefined : bytes, broker };
}

/** CPU time of this process, with the threads that collect its garbage. */
function cpuNanoseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

/** Median of several repetitions, in nanoseconds for each of `count` calls. */
function nanoseconds(count: number, once: (index: number) => void, prepare = () => {}): number {
  // What others have left is not collected meanwhile.
  global.gc!();
  const times: number[] = [];
  for (let repetition = -1; repetition < REPETITIONS; repetition++) {
    prepare();
    const start = cpuNanoseconds();
    for (let index = 0; index < count; index++) once(index);
    if (repetition >= 0) times.push((cpuNanoseconds() - start) / count);
  }
  return median(times);
}

let found = 0;

function measureRoutes(broker: Broker, count: number): { repeatedTopicNs: number; newTopicNs: number } {
  const { subscriptions } = broker;
  const look = (topic: string) => (found += subscriptions.route(topic).entries.length);
  const known = Array.from({ length: Math.min(100, count) }, (_, index) => topicName(index * Math.ceil(count / 100)));
  const repeatedTopicNs = nanoseconds(ROUTES, (index) => look(known[index % known.length]!));
  // Below devices that have filters with #, so that there is something to find, and never the same name twice. The names
  // are flat strings made before, as they come from the network.
  let serial = 0;
  let names: string[] = [];
  const prepare = () => {
    names = Array.from({ length: NEW_ROUTES }, (_, index) => {
      const device = (4 * ((index * 7919) % Math.ceil(count / 4)) + 3) % count;
      return Buffer.from(`site/${device % 97}/device-${device}/${serial++}`).toString("latin1");
    });
  };
  const newTopicNs = nanoseconds(NEW_ROUTES, (index) => look(names[index]!), prepare);
  return { repeatedTopicNs, newTopicNs };
}

function measureRow(count: number): GrowthRow {
  const subscribed = bytesPer(count, (broker) => subscribeAll(broker, count));
  const routes = measureRoutes(subscribed.broker, count);
  const sessions = (broker: Broker) => {
    for (let index = 0; index < count; index++) broker.connectionLost(connect(broker, `client-${index}`), NOW);
  };
  const retained = bytesPer(count, (broker) => {
    const connection = connect(broker, "publisher");
    // As they come from the network: views of one large chunk.
    const chunk = Buffer.alloc(64 * 1024, "x");
    for (let index = 0; index < count; index++) {
      const payload = chunk.subarray(index % 1000, (index % 1000) + PAYLOAD_BYTES);
      broker.receive(connection, publication(topicName(index), payload, true), NOW);
    }
  });
  return {
    count,
    ...routes,
    bytesPerSubscription: subscribed.bytes,
    bytesPerSession: count > SESSIONS_MAX ? undefined : bytesPer(count, sessions).bytes,
    bytesPerRetained: retained.bytes,
  };
}

function measurePublish(set: (broker: Broker) => void): number {
  const broker = newBroker();
  const outbox = new Nowhere();
  subscribe(broker, connect(broker, "subscriber", outbox), ["a/b"]);
  const publisher = connect(broker, "publisher");
  const payload = Buffer.alloc(PAYLOAD_BYTES, "x");
  set(broker);
  const time = nanoseconds(PUBLISHES, () => broker.receive(publisher, publication("a/b", payload, false), NOW));
  if (outbox.published !== PUBLISHES * (REPETITIONS + 1)) throw new Error("messages were lost");
  return time;
}

const acceptAll = (broker: Broker): Hooks => ({
  wants: () => true,
  submit: (pending) => broker.hookCompleted(pending, { kind: "accept" }, { elapsedMs: 0, batchSize: 1 }, NOW),
});

const publishNs: PublishCost = {
  alone: measurePublish(() => {}),
  withObserver: measurePublish((broker) => (broker.observer = () => found++)),
  withHook: measurePublish((broker) => (broker.hooks = acceptAll(broker))),
};
const growth: Growth = { rows: COUNTS.map(measureRow), publishNs };
if (found === 0) throw new Error("no route was found");
console.log(JSON.stringify(growth));
