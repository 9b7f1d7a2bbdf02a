/**
 * The shapes of the fifteen MQTT control packets, for 3.1, 3.1.1 and 5.0 alike.
 *
 * A packet says what stands on the wire: the codec translates no codes between versions. Where 3.x
 * has no field, the decoder fills in the value that 5.0 defines as the default.
 *
 * The decoder gives every packet of a type the same keys in the same order, optional ones with the
 * value undefined, so that code which reads packets sees one hidden class. `Properties` is the
 * exception: it has only the keys that the packet carried, in their order on the wire.
 */

export const PacketType = {
  CONNECT: 1,
  CONNACK: 2,
  PUBLISH: 3,
  PUBACK: 4,
  PUBREC: 5,
  PUBREL: 6,
  PUBCOMP: 7,
  SUBSCRIBE: 8,
  SUBACK: 9,
  UNSUBSCRIBE: 10,
  UNSUBACK: 11,
  PINGREQ: 12,
  PINGRESP: 13,
  DISCONNECT: 14,
  AUTH: 15,
} as const;
export type PacketType = (typeof PacketType)[keyof typeof PacketType];

/** The Protocol Level byte of CONNECT: 3 is MQTT 3.1, 4 is 3.1.1, 5 is 5.0. */
export type ProtocolVersion = 3 | 4 | 5;

export type QoS = 0 | 1 | 2;

/** A User Property: name and value. Order and repetition carry meaning (MQTT 5.0 §3.3.2.3.7). */
export type UserProperty = readonly [name: string, value: string];

/** MQTT 5.0 §2.2.2.2. Which of them a packet may carry is checked by the codec. Durations are seconds. */
export interface Properties {
  payloadFormatIndicator?: number;
  messageExpiryInterval?: number;
  contentType?: string;
  responseTopic?: string;
  correlationData?: Buffer;
  /** At most one in SUBSCRIBE, any number in PUBLISH. Never empty. */
  subscriptionIdentifiers?: number[];
  sessionExpiryInterval?: number;
  assignedClientIdentifier?: string;
  serverKeepAlive?: number;
  authenticationMethod?: string;
  authenticationData?: Buffer;
  requestProblemInformation?: number;
  willDelayInterval?: number;
  requestResponseInformation?: number;
  responseInformation?: string;
  serverReference?: string;
  reasonString?: string;
  receiveMaximum?: number;
  topicAliasMaximum?: number;
  topicAlias?: number;
  maximumQos?: number;
  retainAvailable?: number;
  /** Never empty. */
  userProperties?: UserProperty[];
  maximumPacketSize?: number;
  wildcardSubscriptionAvailable?: number;
  subscriptionIdentifiersAvailable?: number;
  sharedSubscriptionAvailable?: number;
}

export interface Will {
  topic: string;
  payload: Buffer;
  qos: QoS;
  retain: boolean;
  properties?: Properties | undefined;
}

export interface Connect {
  type: typeof PacketType.CONNECT;
  protocolVersion: ProtocolVersion;
  /** Clean Session in 3.x. */
  cleanStart: boolean;
  /** Seconds; 0 turns the keep-alive off. */
  keepAlive: number;
  clientId: string;
  username?: string | undefined;
  password?: Buffer | undefined;
  will?: Will | undefined;
  properties?: Properties | undefined;
}

export interface Connack {
  type: typeof PacketType.CONNACK;
  sessionPresent: boolean;
  /** A Reason Code in 5.0, a return code 0 to 5 in 3.x. */
  reasonCode: number;
  properties?: Properties | undefined;
}

export interface Publish {
  type: typeof PacketType.PUBLISH;
  /** Empty where a Topic Alias stands for it (5.0). */
  topic: string;
  /** A view of the received bytes where the packet came in one chunk: valid for as long as it is referenced. */
  payload: Buffer;
  qos: QoS;
  retain: boolean;
  dup: boolean;
  /** 0 at QoS 0. */
  packetId: number;
  properties?: Properties | undefined;
}

interface Acknowledgement {
  packetId: number;
  /** 0 in 3.x. */
  reasonCode: number;
  properties?: Properties | undefined;
}

export interface Puback extends Acknowledgement {
  type: typeof PacketType.PUBACK;
}
export interface Pubrec extends Acknowledgement {
  type: typeof PacketType.PUBREC;
}
export interface Pubrel extends Acknowledgement {
  type: typeof PacketType.PUBREL;
}
export interface Pubcomp extends Acknowledgement {
  type: typeof PacketType.PUBCOMP;
}

export interface SubscriptionRequest {
  topicFilter: string;
  qos: QoS;
  /** The next three are false, false and 0 in 3.x. */
  noLocal: boolean;
  retainAsPublished: boolean;
  retainHandling: 0 | 1 | 2;
}

export interface Subscribe {
  type: typeof PacketType.SUBSCRIBE;
  packetId: number;
  subscriptions: SubscriptionRequest[];
  properties?: Properties | undefined;
}

export interface Suback {
  type: typeof PacketType.SUBACK;
  packetId: number;
  reasonCodes: number[];
  properties?: Properties | undefined;
}

export interface Unsubscribe {
  type: typeof PacketType.UNSUBSCRIBE;
  packetId: number;
  topicFilters: string[];
  properties?: Properties | undefined;
}

export interface Unsuback {
  type: typeof PacketType.UNSUBACK;
  packetId: number;
  /** Empty in 3.x. */
  reasonCodes: number[];
  properties?: Properties | undefined;
}

export interface Pingreq {
  type: typeof PacketType.PINGREQ;
}

export interface Pingresp {
  type: typeof PacketType.PINGRESP;
}

export interface Disconnect {
  type: typeof PacketType.DISCONNECT;
  /** 0 in 3.x. */
  reasonCode: number;
  properties?: Properties | undefined;
}

/** MQTT 5.0 only. */
export interface Auth {
  type: typeof PacketType.AUTH;
  reasonCode: number;
  properties?: Properties | undefined;
}

export type Packet =
  | Connect
  | Connack
  | Publish
  | Puback
  | Pubrec
  | Pubrel
  | Pubcomp
  | Subscribe
  | Suback
  | Unsubscribe
  | Unsuback
  | Pingreq
  | Pingresp
  | Disconnect
  | Auth;
