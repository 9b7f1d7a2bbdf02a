/** What is measured, as data. */
import { lineRoutes } from "./lines.ts";
import { programNames } from "./programs.ts";

/** Messages as fast as the windows allow: a closed loop. */
export interface Traffic {
  readonly kind: "traffic";
  readonly publishers: number;
  readonly subscribers: number;
  /**
   * `one`: everybody on one topic. `own`: a topic for each publisher, and the subscribers divided among them. `wildcards`: the
   * subscribers hold `filters` filters with `+` and `#`, and each message matches one of them. `shared`: the subscribers
   * share one subscription. `unheard`: nobody subscribes; what counts as a delivery is the acknowledgement.
   */
  readonly topics: "one" | "own" | "wildcards" | "shared" | "unheard";
  readonly filters?: number;
  readonly qos: 0 | 1 | 2;
  readonly payloadBytes: number;
  /** MQTT 5 with user properties, a content type, topic aliases and subscription identifiers. Without: MQTT 3.1.1. */
  readonly mqtt5?: boolean;
  /** Subscribers with sessions that outlive their connections: what is under way to them has to be kept. */
  readonly lasting?: boolean;
  /** Deliveries that may be on their way at any time, over all subscribers. */
  readonly windowDeliveries: number;
  /** Publishes of one publisher that may wait for PUBACK or PUBCOMP. */
  readonly windowUnacknowledged: number;
}

/** Messages at a fixed rate, whatever comes back, or one at a time (ping-pong). */
export interface Latency {
  readonly kind: "latency";
  /** Per second; 0 for ping-pong. */
  readonly rate: number;
}

/** Messages at a fixed rate that have to be kept, until they are acknowledged. */
export interface Acknowledgements {
  readonly kind: "acknowledgements";
  /** Per second, over all publishers. */
  readonly rate: number;
  /** Each has a topic with one subscriber, whose session outlives its connection. */
  readonly publishers: number;
}

/** Reads retained messages with `#`. */
export interface Retained {
  readonly kind: "retained";
  readonly messages: number;
}

/** Clients that connect at once. */
export interface Connects {
  readonly kind: "connects";
  readonly connections: number;
  readonly concurrency: number;
}

/** Memory for connections that do nothing. */
export interface Idle {
  readonly kind: "idle";
  readonly connections: number;
}

/** From starting a broker to its first accepted connection. */
export interface Startup {
  readonly kind: "startup";
}

/** Starting a broker in the folder that it has filled before and left in good order. */
export interface Recovery {
  readonly kind: "recovery";
  /** Messages of QoS 1 that wait in the sessions of clients who are away, or retained ones. */
  readonly what: "queued" | "retained";
  readonly messages: number;
}

/** Programs that run to their end; they stand where other scenarios have brokers. */
export interface Commands {
  readonly kind: "commands";
}

/** Lines from `pub -l` to `sub`; who sends through whom stands where other scenarios have brokers. */
export interface Lines {
  readonly kind: "lines";
  readonly qos: 0 | 1 | 2;
  readonly lines: number;
}

/** Time and memory by the number of subscriptions, sessions and retained messages, within one process of ours. */
export interface Growth {
  readonly kind: "growth";
}

/** What the load generator does. */
export type Work = Traffic | Latency | Acknowledgements | Retained | Connects | Idle;

export function hasGenerator(work: Scenario["work"]): work is Work {
  return !["startup", "recovery", "commands", "lines", "growth"].includes(work.kind);
}

export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly work: Work | Startup | Recovery | Commands | Lines | Growth;
  readonly brokers: readonly string[];
  /** At most so many rounds, where one takes long and they differ little. */
  readonly roundsMax?: number;
  readonly measureMs?: number;
}

const OURS = "pubsub-cli";
/** NATS where it is installed. */
const PEERS = [OURS, "mosquitto", "nats", "aedes"];
const WITH_DISK = [`${OURS} + disk`, "mosquitto + disk"];
const WITH_SINK = [...PEERS, "sink"];
/** Not NATS, which has no QoS 2. */
const WITH_QOS2 = WITH_SINK.filter((name) => name !== "nats");

/**
 * Messages on their way for each of a hundred connections, as many as fan-out 1→10 has for each of ten: a broker can put as
 * many into one write.
 */
const DEEP_EACH = 200;

const deep = { kind: "traffic", payloadBytes: 64, windowDeliveries: 2000, windowUnacknowledged: 100 } as const;
const pairs = { ...deep, publishers: 10, subscribers: 10, topics: "own" } as const;

function fanOut(subscribers: number, more: Partial<Traffic> = {}): Traffic {
  // At least twenty publishes on their way, so that a broker can write more than one message at a time.
  const windowDeliveries = Math.max(2000, 20 * subscribers);
  return { ...deep, publishers: 1, subscribers, topics: "one", qos: 0, windowDeliveries, ...more };
}

function fanIn(publishers: number, qos: 0 | 1 | 2): Traffic {
  return { ...deep, publishers, subscribers: 1, topics: "one", qos };
}

function wildcards(filters: number): Traffic {
  return { ...deep, publishers: 10, subscribers: 10, topics: "wildcards", filters, qos: 0 };
}

function scenario(name: string, title: string, work: Scenario["work"], more: Partial<Scenario> = {}): Scenario {
  return { name, title, work, brokers: PEERS, ...more };
}

function lines(qos: 0 | 1 | 2, count: number): Scenario {
  const title = `${count.toLocaleString("en")} lines, QoS ${qos}`;
  return scenario(`pub-lines-qos${qos}`, title, { kind: "lines", qos, lines: count }, { brokers: lineRoutes });
}

const sink = { brokers: WITH_SINK };

export const scenarios: readonly Scenario[] = [
  scenario("fan-out-10", "fan-out 1→10", fanOut(10), sink),
  scenario("fan-out-100", "fan-out 1→100", fanOut(100), sink),
  scenario("fan-out-100-deep", "fan-out 1→100, 200 each", fanOut(100, { windowDeliveries: DEEP_EACH * 100 }), sink),
  scenario("fan-out-1000", "fan-out 1→1000", fanOut(1000), sink),
  scenario("fan-out-10-qos1", "fan-out 1→10, QoS 1", fanOut(10, { qos: 1 }), sink),
  scenario("fan-out-10-4k", "fan-out 1→10, 4 KiB", fanOut(10, { payloadBytes: 4096 }), sink),
  scenario("fan-in-10", "fan-in 10→1", fanIn(10, 0), sink),
  scenario("fan-in-100", "fan-in 100→1", fanIn(100, 0), sink),
  scenario("fan-in-100-deep", "fan-in 100→1, 200 each", { ...fanIn(100, 0), windowDeliveries: DEEP_EACH * 100 }, sink),
  scenario("fan-in-100-qos1", "fan-in 100→1, QoS 1", fanIn(100, 1), sink),
  scenario("pairs-qos0", "pairs 10×10, QoS 0", { ...pairs, qos: 0 }, sink),
  scenario("pairs-qos1", "pairs 10×10, QoS 1", { ...pairs, qos: 1 }, sink),
  scenario("pairs-qos2", "pairs 10×10, QoS 2", { ...pairs, qos: 2 }, { brokers: WITH_QOS2 }),
  scenario("one-to-three", "10 publishers, 3 subscribers each", { ...pairs, subscribers: 30, qos: 0 }, sink),
  scenario("payload-16", "pairs, QoS 0, 16 B", { ...pairs, qos: 0, payloadBytes: 16 }, sink),
  scenario("payload-1k", "pairs, QoS 0, 1 KiB", { ...pairs, qos: 0, payloadBytes: 1024 }, sink),
  scenario(
    "payload-16k",
    "pairs, QoS 0, 16 KiB",
    { ...pairs, qos: 0, payloadBytes: 16_384, windowDeliveries: 400 },
    sink,
  ),
  scenario(
    "mqtt5",
    "pairs, QoS 0, MQTT 5: properties, aliases, identifiers",
    { ...pairs, qos: 0, mqtt5: true },
    {
      brokers: [OURS, "mosquitto"],
    },
  ),
  scenario("wildcards-1000", "1,000 filters with wildcards", wildcards(1000)),
  scenario("wildcards-10000", "10,000 filters with wildcards", wildcards(10_000)),
  scenario(
    "shared-1000",
    "1,000 shared subscribers",
    { ...deep, publishers: 10, subscribers: 1000, topics: "shared", qos: 0 },
    { brokers: [OURS, "mosquitto"] },
  ),
  scenario("unheard-qos1", "publishes nobody subscribed to, QoS 1", {
    ...deep,
    publishers: 10,
    subscribers: 0,
    topics: "unheard",
    qos: 1,
  }),
  scenario(
    "features",
    "clean sessions",
    { ...pairs, qos: 1 },
    {
      brokers: [OURS, `${OURS} + hook`, `${OURS} + worker`, `${OURS} + disk`],
    },
  ),
  scenario(
    "features-lasting",
    "lasting sessions",
    { ...pairs, qos: 1, lasting: true },
    {
      brokers: [OURS, `${OURS} + disk`, "mosquitto + disk"],
    },
  ),
  scenario("shallow-10", "pairs, QoS 0, 10 in flight", { ...pairs, qos: 0, windowDeliveries: 10 }, sink),
  scenario("shallow-qos1", "pairs, QoS 1, window 1", { ...pairs, qos: 1, windowUnacknowledged: 1 }, sink),
  scenario("ping-pong", "ping-pong", { kind: "latency", rate: 0 }, sink),
  scenario("latency-1k", "1,000 messages/s", { kind: "latency", rate: 1000 }, { measureMs: 2500 }),
  scenario("latency-10k", "10,000 messages/s", { kind: "latency", rate: 10_000 }, { measureMs: 1500 }),
  scenario("latency-50k", "50,000 messages/s", { kind: "latency", rate: 50_000 }, { measureMs: 1500 }),
  scenario(
    "acknowledged-20k",
    "PUBACK at 20,000 messages/s",
    { kind: "acknowledgements", rate: 20_000, publishers: 10 },
    { brokers: [`${OURS} + disk`, `${OURS} + interval`, `${OURS} + os`, OURS, "mosquitto + disk"], measureMs: 3000 },
  ),
  scenario("retained-10k", "10,000 retained read by #", { kind: "retained", messages: 10_000 }),
  scenario("retained-100k", "100,000 retained read by #", { kind: "retained", messages: 100_000 }, { roundsMax: 3 }),
  scenario(
    "connects",
    "2,000 connections, 500 at once",
    { kind: "connects", connections: 2000, concurrency: 500 },
    sink,
  ),
  scenario("idle", "10,000 idle connections", { kind: "idle", connections: 10_000 }, { ...sink, roundsMax: 3 }),
  scenario(
    "startup",
    "start to first accepted connection",
    { kind: "startup" },
    { brokers: [...PEERS, `${OURS} + disk`] },
  ),
  ...(["queued", "retained"] as const).map((what) =>
    scenario(
      `recovery-${what}`,
      `1,000,000 ${what} messages`,
      { kind: "recovery", what, messages: 1_000_000 },
      { brokers: WITH_DISK, roundsMax: 3 },
    ),
  ),
  scenario("commands", "commands from start to end", { kind: "commands" }, { brokers: programNames }),
  // No more at QoS 1 and 2: with more messages than packet identifiers mosquitto_pub ends too early, and says nothing.
  lines(0, 200_000),
  lines(1, 60_000),
  lines(2, 60_000),
  scenario("growth", "growth", { kind: "growth" }, { brokers: [OURS] }),
];
