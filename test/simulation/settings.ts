import { type Limits, defaultLimits } from "../../src/broker/index.ts";

import { Random } from "./random.ts";

const firstFeatures = [
  "acl",
  "aliases",
  "cuts",
  "duplicates",
  "expiry",
  "failingAcks",
  "halfClose",
  "hooks",
  "identifiers",
  "lateAcks",
  "lateAuthentication",
  "lostAcks",
  "mixedVersions",
  "noLocal",
  "packetSize",
  "receiveMaximum",
  "refusals",
  "retain",
  "sessions",
  "shared",
  "slowReaders",
  "takeover",
  "tightLimits",
  "tokenExpiry",
  "vanish",
  "violations",
  "wills",
] as const;

/** They draw what they need from a generator of their own: without them a seed is the run that it was before they came. */
export const laterFeatures = [
  "connectionLimit",
  "crowdedGroups",
  "enhancedAuthentication",
  "keepAliveMinimum",
  "kick",
  "packetRate",
  "revocation",
  "sessionLimit",
  "shutdown",
] as const;

/** The same, with yet another generator. */
export const lastFeatures = ["crash", "slowCommits"] as const;

/** What may happen in a run. Each run has about two thirds of them, so that rare combinations come up, too. */
export const features = [...firstFeatures, ...laterFeatures, ...lastFeatures] as const;
export type Feature = (typeof features)[number];

export interface Settings {
  readonly features: ReadonlySet<Feature>;
  readonly devices: number;
  readonly limits: Limits;
  readonly topics: readonly string[];
  readonly filters: readonly string[];
  /** Of one chunk on the network. */
  readonly delayMsMax: number;
  /** Between two actions of a device. */
  readonly thinkMsMax: number;
}

const TOPICS = ["a", "a/b", "a/b/c", "b", "b/c", "secret", "secret/x", "$own/x", "/", "a//c", "sensor/1", "sensor/2"];
const FILTERS = [
  "#",
  "+",
  "+/+",
  "a",
  "a/#",
  "a/+",
  "a/b",
  "a/+/c",
  "b/#",
  "+/c",
  "secret/#",
  "secret",
  "$own/#",
  "sensor/+",
  "/+",
  "+/b/#",
  "nowhere",
];

/** @param without features that are left out whatever the seed says; they change nothing else of what it says */
export function drawSettings(seed: number, random: Random, without: ReadonlySet<Feature>): Settings {
  const later = new Random(~seed);
  const drawn: Feature[] = firstFeatures.filter(() => random.chance(0.7));
  drawn.push(...laterFeatures.filter(() => later.chance(0.4)));
  const last = new Random(seed ^ 0x5ca1ab1e);
  drawn.push(...lastFeatures.filter(() => last.chance(0.4)));
  const has = new Set(drawn.filter((feature) => !without.has(feature)));
  const topics = TOPICS.filter(() => random.chance(0.6));
  const filters = FILTERS.filter(() => random.chance(0.6));
  const tight = drawTightLimits(random);
  const devices = random.between(2, 7);
  return {
    features: has,
    devices,
    limits: {
      ...defaultLimits,
      packetBytesMax: 4096,
      receiveMaximum: random.between(2, 20),
      topicAliasMaximum: random.pick([0, 3, 10]),
      topicLevelsMax: 8,
      sessionExpiryMaxSeconds: random.pick([0xffffffff, 0xffffffff, 60]),
      keepAliveMaxSeconds: random.pick([0, 0, 30]),
      unsentBytesMax: random.pick([200, 1000, 5000]),
      ...(has.has("tightLimits") && tight),
      ...drawLaterLimits(later, has, devices),
    },
    topics: topics.length === 0 ? ["a"] : topics,
    filters: filters.length === 0 ? ["#"] : filters,
    delayMsMax: random.pick([1, 20, 200, 2000]),
    thinkMsMax: random.pick([50, 500, 3000]),
  };
}

function drawTightLimits(random: Random): Partial<Limits> {
  return {
    inflightMax: random.between(2, 10),
    queuedMessagesMax: random.between(2, 30),
    queuedBytesMax: random.pick([1000, 10_000, 1_000_000]),
    pendingPublishesMax: random.between(1, 8),
    subscriptionsPerSessionMax: random.between(2, 10),
    retainedMessagesMax: random.between(2, 10),
  };
}

function drawLaterLimits(random: Random, has: ReadonlySet<Feature>, devices: number): Partial<Limits> {
  const connectionsMax = random.between(Math.max(2, devices - 1), devices + 2);
  const sessionsMax = random.between(Math.max(2, devices - 1), devices + 2);
  const packetsPerSecondMax = random.pick([10, 20, 60]);
  const keepAliveMinSeconds = random.pick([10, 40]);
  const connectTimeoutMs = random.pick([2000, 5000, 10_000]);
  return {
    ...(has.has("connectionLimit") && { connectionsMax }),
    ...(has.has("sessionLimit") && { sessionsMax }),
    ...(has.has("packetRate") && { packetsPerSecondMax }),
    ...(has.has("keepAliveMinimum") && { keepAliveMinSeconds }),
    ...(has.has("enhancedAuthentication") && { connectTimeoutMs }),
  };
}
