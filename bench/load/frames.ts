/** The few MQTT frames that the load generator sends. It shares no code with the broker under test. */

export type Version = 4 | 5;

/** @param lasting with a session that outlives the connection (MQTT 3.1.1) */
export function connectFrame(clientId: string, version: Version, lasting = false): Buffer {
  // MQTT 5: Topic Alias Maximum 10, so that a broker may shorten what it sends.
  const properties = version === 5 ? [3, 0x22, 0, 10] : [];
  const body = Buffer.concat([
    text("MQTT"),
    Buffer.from([version, lasting ? 0 : 0b10, 0, 0, ...properties]),
    text(clientId),
  ]);
  return frame(0x10, body);
}

/** @param identifier Subscription Identifier (MQTT 5), below 128 */
export function subscribeFrame(topicFilters: readonly string[], qos: number, version: Version, identifier = 0): Buffer {
  const properties = version === 4 ? [] : identifier === 0 ? [0] : [2, 0x0b, identifier];
  const filters = topicFilters.flatMap((topicFilter) => [text(topicFilter), Buffer.from([qos])]);
  return frame(0x82, Buffer.concat([Buffer.from([0, 1, ...properties]), ...filters]));
}

/** Publishes to be sent over and over. */
export interface PublishRing {
  readonly bytes: Buffer;
  readonly frameBytes: number;
  /** Frames in the ring; at QoS 1 and 2 they have the packet ids 1 to `count`. */
  readonly count: number;
  /** To be sent once, before the ring. */
  readonly prelude: Buffer | undefined;
}

export interface RingOptions {
  /** Taken in turn; all of the same length. */
  readonly topicNames: readonly string[];
  readonly payloadBytes: number;
  readonly qos: number;
  readonly version: Version;
  /** MQTT 5: with properties, and the topic as an alias. */
  readonly withProperties: boolean;
  readonly retain?: boolean;
  readonly count: number;
}

/** User properties and a content type, as an application would have them. */
const PROPERTIES = Buffer.concat([
  Buffer.from([0x03]),
  text("application/json"),
  Buffer.from([0x26]),
  text("trace"),
  text("8f1c55d0"),
  Buffer.from([0x26]),
  text("unit"),
  text("celsius"),
]);
const TOPIC_ALIAS = Buffer.from([0x23, 0, 1]);

export function publishRing(options: RingOptions): PublishRing {
  const { topicNames, count, withProperties } = options;
  const frames = Array.from({ length: count }, (_, index) =>
    publishFrame(options, withProperties ? "" : topicNames[index % topicNames.length]!, index + 1),
  );
  // The alias is introduced by a message of its own, with a packet id that the ring does not use.
  const prelude = withProperties ? publishFrame(options, topicNames[0]!, count + 1) : undefined;
  return { bytes: Buffer.concat(frames), frameBytes: frames[0]!.length, count, prelude };
}

function publishFrame(options: RingOptions, topicName: string, packetId: number): Buffer {
  const { payloadBytes, qos, version, withProperties, retain = false } = options;
  const properties = withProperties ? Buffer.concat([TOPIC_ALIAS, PROPERTIES]) : Buffer.alloc(0);
  const parts = [
    text(topicName),
    Buffer.from(qos > 0 ? [packetId >> 8, packetId & 255] : []),
    Buffer.from(version === 5 ? [properties.length] : []),
    properties,
    Buffer.alloc(payloadBytes, "x"),
  ];
  return frame(0x30 | (qos << 1) | (retain ? 1 : 0), Buffer.concat(parts));
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
}

function frame(firstByte: number, body: Buffer): Buffer {
  const header = [firstByte];
  let rest = body.length;
  do {
    header.push((rest & 127) | (rest > 127 ? 128 : 0));
    rest >>= 7;
  } while (rest > 0);
  return Buffer.concat([Buffer.from(header), body]);
}
