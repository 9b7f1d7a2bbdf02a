/** The limits of a broker that can be set, as plain data: for validation, the command line and docs/limits.md. */

export interface LimitEntry {
  readonly default: number;
  readonly minimum: number;
  readonly maximum: number;
  /** What a client gets that goes over it; empty where it is told nothing. */
  readonly outcome: string;
  readonly meaning: string;
}

const MiB = 1024 * 1024;
const UINT32_MAX = 0xffff_ffff;
const MANY = 1_000_000_000;

/** 0 is for no limit where the meaning says so. */
export const limitTable = {
  packetBytesMax: {
    default: 64 * MiB,
    minimum: 128,
    maximum: 268_435_460,
    outcome: "DISCONNECT 0x95",
    meaning: "largest packet that is read, in bytes; told in CONNACK",
  },
  receiveMaximum: {
    default: 1024,
    minimum: 1,
    maximum: 65_535,
    outcome: "DISCONNECT 0x93",
    meaning: "QoS 1 and 2 messages a client may send before they are acknowledged; told in CONNACK",
  },
  topicAliasMaximum: {
    default: 128,
    minimum: 0,
    maximum: 65_535,
    outcome: "DISCONNECT 0x94",
    meaning: "topic aliases a client may set; told in CONNACK",
  },
  inflightMax: {
    default: 1024,
    minimum: 1,
    maximum: 65_535,
    outcome: "",
    meaning: "QoS 1 and 2 messages under way to a client; the next ones wait",
  },
  topicBytesMax: {
    default: 65_535,
    minimum: 1,
    maximum: 65_535,
    outcome: "DISCONNECT 0x90, SUBACK 0x8F",
    meaning: "length of a topic name or filter, in bytes",
  },
  topicLevelsMax: {
    default: 128,
    minimum: 1,
    maximum: 1024,
    outcome: "DISCONNECT 0x90, SUBACK 0x8F",
    meaning: "levels of a topic name or filter",
  },
  filtersPerSubscribeMax: {
    default: 1024,
    minimum: 1,
    maximum: MANY,
    outcome: "SUBACK 0x97",
    meaning: "filters in one SUBSCRIBE; those over it are refused",
  },
  subscriptionsPerSessionMax: {
    default: 100_000,
    minimum: 1,
    maximum: MANY,
    outcome: "SUBACK 0x97",
    meaning: "filters of one session",
  },
  queuedMessagesMax: {
    default: 100_000,
    minimum: 0,
    maximum: MANY,
    outcome: "",
    meaning: "messages that wait in a session; more are dropped as queue-full",
  },
  queuedBytesMax: {
    default: 256 * MiB,
    minimum: 0,
    maximum: UINT32_MAX,
    outcome: "",
    meaning: "bytes of those messages",
  },
  unsentBytesMax: {
    default: 16 * MiB,
    // Sockets tell when they are drained only if they had more than they buffer by default.
    minimum: 64 * 1024,
    maximum: UINT32_MAX,
    outcome: "",
    meaning:
      "bytes that wait for a slow reader; QoS 0 is then dropped as slow-consumer, QoS 1 and 2 waits in the session; with as many bytes of answers nothing more is read from it",
  },
  pendingPublishesMax: {
    default: 1024,
    minimum: 1,
    maximum: MANY,
    outcome: "",
    meaning: "messages of a client that wait for the hook; then nothing more is read from it",
  },
  pendingBytesMax: {
    default: 16 * MiB,
    minimum: 0,
    maximum: UINT32_MAX,
    outcome: "",
    meaning: "bytes of those messages; the last one may go over it",
  },
  packetsPerSecondMax: {
    default: 0,
    minimum: 0,
    maximum: MANY,
    outcome: "DISCONNECT 0x96",
    meaning: "packets of a client within a second; 0 for no limit",
  },
  connectionsMax: {
    default: 100_000,
    minimum: 1,
    maximum: MANY,
    outcome: "CONNACK 0x97",
    meaning: "clients connected at the same time",
  },
  sessionsMax: {
    default: 1_000_000,
    minimum: 1,
    maximum: MANY,
    outcome: "CONNACK 0x97",
    meaning: "sessions, those of clients that are away as well",
  },
  keepAliveMinSeconds: {
    default: 0,
    minimum: 0,
    maximum: 65_535,
    outcome: "Server Keep Alive",
    meaning: "shortest keep-alive; a shorter one is replaced by it",
  },
  keepAliveMaxSeconds: {
    default: 0,
    minimum: 0,
    maximum: 65_535,
    outcome: "Server Keep Alive",
    meaning: "longest keep-alive; a longer one, or none, is replaced by it; 0 for no limit",
  },
  sessionExpiryMaxSeconds: {
    default: UINT32_MAX,
    minimum: 0,
    maximum: UINT32_MAX,
    outcome: "Session Expiry Interval in CONNACK",
    meaning: "how long a session outlives its connection at most; 4294967295 for ever",
  },
  retainedMessagesMax: {
    default: 1_000_000,
    minimum: 0,
    maximum: MANY,
    outcome: "PUBACK or DISCONNECT 0x97",
    meaning: "retained messages",
  },
  retainedBytesMax: {
    default: 1024 * MiB,
    minimum: 0,
    maximum: 64 * 1024 * MiB,
    outcome: "PUBACK or DISCONNECT 0x97",
    meaning: "bytes of retained messages",
  },
} as const satisfies Record<string, LimitEntry>;

export type LimitName = keyof typeof limitTable;

/** Names of the sets of limits that can be chosen. */
export const limitProfileNames = ["default", "cloudflare-beta"] as const;
