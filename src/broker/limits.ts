/** What one broker lets its clients use. Each limit is enforced where its name is used. */
export interface Limits {
  /** Largest packet that is read, in bytes; told in CONNACK, over it 0x95. */
  readonly packetBytesMax: number;
  /** QoS 1 and 2 messages a client may send before they are acknowledged (Receive Maximum); over it 0x93. */
  readonly receiveMaximum: number;
  /** Topic aliases a client may set; over it 0x94. */
  readonly topicAliasMaximum: number;
  /** QoS 1 and 2 messages under way to one client, whatever its own Receive Maximum allows. */
  readonly inflightMax: number;
  /** Levels of a topic name or filter; over it 0x90 or 0x8F. */
  readonly topicLevelsMax: number;
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
  /** Seconds; a longer keep-alive, or none, is replaced by this one. 0 leaves clients their own. */
  readonly keepAliveMaxSeconds: number;
  /** Seconds that a session outlives its connection at most; 0xFFFFFFFF is for ever. */
  readonly sessionExpiryMaxSeconds: number;
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
  topicLevelsMax: 128,
  subscriptionsPerSessionMax: 100_000,
  queuedMessagesMax: 100_000,
  queuedBytesMax: 256 * MiB,
  unsentBytesMax: 16 * MiB,
  pendingPublishesMax: 1024,
  keepAliveMaxSeconds: 0,
  sessionExpiryMaxSeconds: SESSION_NEVER_EXPIRES,
  connectTimeoutMs: 10_000,
  retainedMessagesMax: 1_000_000,
  retainedBytesMax: 1024 * MiB,
};
