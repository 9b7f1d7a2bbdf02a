/**
 * What one broker lets its clients use. A limit is enforced where its name is used; reason codes are those of MQTT 5, and
 * for 3.x clients what comes nearest.
 */
export interface Limits {
  /** Largest packet that is read, in bytes; told in CONNACK, over it 0x95. */
  readonly packetBytesMax: number;
  /** QoS 1 and 2 messages a client may send before they are acknowledged (Receive Maximum); over it 0x93. */
  readonly receiveMaximum: number;
  /** Topic aliases a client may set; over it 0x94. */
  readonly topicAliasMaximum: number;
  /** QoS 1 and 2 messages under way to one client, whatever its own Receive Maximum allows. */
  readonly inflightMax: number;
  /** Bytes of a topic name or filter in UTF-8; over it 0x90 or 0x8F. */
  readonly topicBytesMax: number;
  /** Levels of a topic name or filter; over it 0x90 or 0x8F. */
  readonly topicLevelsMax: number;
  /** Filters in one SUBSCRIBE; those over it get 0x97. */
  readonly filtersPerSubscribeMax: number;
  /** Filters of one session; over it 0x97. */
  readonly subscriptionsPerSessionMax: number;
  /** Messages that wait in a session; over it new ones are dropped as `queue-full`. */
  readonly queuedMessagesMax: number;
  /** Bytes of those messages. */
  readonly queuedBytesMax: number;
  /** Bytes that wait for the network before a connection counts as congested. */
  readonly unsentBytesMax: number;
  /** Messages of one client that wait for a hook before reading from it stops. */
  readonly pendingPublishesMax: number;
  /** Bytes of those messages. */
  readonly pendingBytesMax: number;
  /** Packets that a client may send in a second; over it 0x96. 0 is for no limit. */
  readonly packetsPerSecondMax: number;
  /** Clients that are connected at the same time; over it 0x97 in CONNACK. */
  readonly connectionsMax: number;
  /** Sessions, those of clients that are away as well; over it 0x97 in CONNACK for a client that has none yet. */
  readonly sessionsMax: number;
  /** Connections from one address; over it 0x97 in CONNACK. 0 is for no limit. */
  readonly connectionsPerAddressMax: number;
  /** Seconds; a shorter keep-alive is replaced by this one. */
  readonly keepAliveMinSeconds: number;
  /** Seconds; a longer keep-alive, or none, is replaced by this one. 0 leaves clients their own. */
  readonly keepAliveMaxSeconds: number;
  /** Seconds that a session outlives its connection at most; 0xFFFFFFFF is for ever. */
  readonly sessionExpiryMaxSeconds: number;
  /**
   * Largest CONNECT, in bytes: what somebody may have the server keep before it is known who that is. A larger one ends the
   * connection.
   */
  readonly connectBytesMax: number;
  /** Time from accepting a connection to its CONNECT. */
  readonly connectTimeoutMs: number;
  /** Retained messages; over it 0x97. */
  readonly retainedMessagesMax: number;
  /** Bytes of retained messages; over it 0x97. */
  readonly retainedBytesMax: number;
}

/** Session Expiry Interval that never ends (MQTT 5.0 §3.1.2.11.2). */
export const SESSION_NEVER_EXPIRES = 0xffffffff;

const MiB = 1024 * 1024;

export const defaultLimits: Limits = {
  packetBytesMax: 64 * MiB,
  receiveMaximum: 1024,
  topicAliasMaximum: 128,
  inflightMax: 1024,
  topicBytesMax: 65_535,
  topicLevelsMax: 128,
  filtersPerSubscribeMax: 1024,
  subscriptionsPerSessionMax: 100_000,
  queuedMessagesMax: 100_000,
  queuedBytesMax: 256 * MiB,
  unsentBytesMax: 16 * MiB,
  pendingPublishesMax: 1024,
  pendingBytesMax: 16 * MiB,
  packetsPerSecondMax: 0,
  connectionsMax: 100_000,
  sessionsMax: 1_000_000,
  connectionsPerAddressMax: 0,
  keepAliveMinSeconds: 0,
  keepAliveMaxSeconds: 0,
  sessionExpiryMaxSeconds: SESSION_NEVER_EXPIRES,
  connectBytesMax: MiB,
  connectTimeoutMs: 10_000,
  retainedMessagesMax: 1_000_000,
  retainedBytesMax: 1024 * MiB,
};

/**
 * Sets of limits by name; what a profile leaves out is as in the default.
 *
 * `cloudflare-beta` are those that Cloudflare published for the beta of Pub/Sub and that a broker can enforce. It also
 * bounded client ids to 23 bytes, while it issued ids of 26: ours are not bounded.
 */
export const limitProfiles = {
  default: {},
  "cloudflare-beta": {
    packetBytesMax: 64 * 1024,
    packetsPerSecondMax: 10,
    topicBytesMax: 65_535,
    // At most 8 slashes.
    topicLevelsMax: 9,
  },
} as const satisfies Record<string, Partial<Limits>>;
export type LimitProfile = keyof typeof limitProfiles;

/** How the limits of a broker are set: a profile, and what differs from it. */
export type LimitSettings = { readonly profile?: LimitProfile | undefined } & {
  readonly [Name in keyof Limits]?: number | undefined;
};

/** The limits that settings name; the others are left to the server. */
export function limitsOf({ profile = "default", ...limits }: LimitSettings): Partial<Limits> {
  const named = Object.entries(limits).filter(([, value]) => value !== undefined);
  return { ...limitProfiles[profile], ...Object.fromEntries(named) };
}
