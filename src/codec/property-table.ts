import { PacketType } from "./packets.ts";
import type { Properties } from "./packets.ts";
import { MAXIMUM_VARIABLE_BYTE_INTEGER } from "./variable-byte-integer.ts";

/** Where a property stands: in a packet of this type, or in the Will Properties of CONNECT. */
export type PropertyOwner = PacketType | typeof WILL;
export const WILL = 0;

export type PropertyKind =
  | "byte"
  | "twoByteInteger"
  | "fourByteInteger"
  | "variableByteIntegers"
  | "string"
  | "topicName"
  | "binary"
  | "stringPairs";

export interface PropertySpecification {
  readonly identifier: number;
  readonly name: keyof Properties;
  readonly kind: PropertyKind;
  /** Of numbers. */
  readonly minimum: number;
  readonly maximum: number;
  /** A bit per PropertyOwner. */
  readonly owners: number;
  /** A bit that no other property has. */
  readonly bit: number;
}

const {
  CONNECT,
  CONNACK,
  PUBLISH,
  PUBACK,
  PUBREC,
  PUBREL,
  PUBCOMP,
  SUBSCRIBE,
  SUBACK,
  UNSUBSCRIBE,
  UNSUBACK,
  DISCONNECT,
  AUTH,
} = PacketType;
const ACKNOWLEDGEMENTS = [CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK] as const;
const BYTE = 0xff;
const TWO = 0xffff;
const FOUR = 0xffff_ffff;

type Row = readonly [
  identifier: number,
  name: keyof Properties,
  kind: PropertyKind,
  owners: readonly PropertyOwner[],
  minimum?: number,
  maximum?: number,
];

/** MQTT 5.0 §2.2.2.2, table 2-4. Ranges from the sections of the packets. */
const rows: readonly Row[] = [
  [0x01, "payloadFormatIndicator", "byte", [PUBLISH, WILL], 0, 1],
  [0x02, "messageExpiryInterval", "fourByteInteger", [PUBLISH, WILL], 0, FOUR],
  [0x03, "contentType", "string", [PUBLISH, WILL]],
  [0x08, "responseTopic", "topicName", [PUBLISH, WILL]],
  [0x09, "correlationData", "binary", [PUBLISH, WILL]],
  [0x0b, "subscriptionIdentifiers", "variableByteIntegers", [PUBLISH, SUBSCRIBE], 1, MAXIMUM_VARIABLE_BYTE_INTEGER],
  [0x11, "sessionExpiryInterval", "fourByteInteger", [CONNECT, CONNACK, DISCONNECT], 0, FOUR],
  [0x12, "assignedClientIdentifier", "string", [CONNACK]],
  [0x13, "serverKeepAlive", "twoByteInteger", [CONNACK], 0, TWO],
  [0x15, "authenticationMethod", "string", [CONNECT, CONNACK, AUTH]],
  [0x16, "authenticationData", "binary", [CONNECT, CONNACK, AUTH]],
  [0x17, "requestProblemInformation", "byte", [CONNECT], 0, 1],
  [0x18, "willDelayInterval", "fourByteInteger", [WILL], 0, FOUR],
  [0x19, "requestResponseInformation", "byte", [CONNECT], 0, 1],
  [0x1a, "responseInformation", "string", [CONNACK]],
  [0x1c, "serverReference", "string", [CONNACK, DISCONNECT]],
  [0x1f, "reasonString", "string", [...ACKNOWLEDGEMENTS, DISCONNECT, AUTH]],
  [0x21, "receiveMaximum", "twoByteInteger", [CONNECT, CONNACK], 1, TWO],
  [0x22, "topicAliasMaximum", "twoByteInteger", [CONNECT, CONNACK], 0, TWO],
  [0x23, "topicAlias", "twoByteInteger", [PUBLISH], 1, TWO],
  // Two is the default and must not be sent (§3.2.2.3.4).
  [0x24, "maximumQos", "byte", [CONNACK], 0, 1],
  [0x25, "retainAvailable", "byte", [CONNACK], 0, 1],
  [
    0x26,
    "userProperties",
    "stringPairs",
    [CONNECT, PUBLISH, WILL, SUBSCRIBE, UNSUBSCRIBE, DISCONNECT, AUTH, ...ACKNOWLEDGEMENTS],
  ],
  [0x27, "maximumPacketSize", "fourByteInteger", [CONNECT, CONNACK], 1, FOUR],
  [0x28, "wildcardSubscriptionAvailable", "byte", [CONNACK], 0, 1],
  [0x29, "subscriptionIdentifiersAvailable", "byte", [CONNACK], 0, 1],
  [0x2a, "sharedSubscriptionAvailable", "byte", [CONNACK], 0, 1],
];

export const propertyTable: readonly PropertySpecification[] = rows.map(
  ([identifier, name, kind, owners, minimum = 0, maximum = BYTE], index) => ({
    identifier,
    name,
    kind,
    minimum,
    maximum,
    owners: owners.reduce<number>((bits, owner) => bits | (1 << owner), 0),
    bit: 1 << index,
  }),
);
