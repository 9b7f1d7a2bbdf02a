import { PacketType, type Properties } from "../../../src/codec/index.ts";
import type { Random } from "../../simulation/random.ts";
import { noise, text, topicName } from "./names.ts";

export const WILL = 0;

/** A number that a boundary is near to. */
export function edge(random: Random, max: number): number {
  const value = random.pick([0, 1, 2, 5, 127, 128, 255, 256, 1024, 0x7fff, 0xffff, 0x7fffffff, max]);
  return Math.min(value, max);
}

type Makers = { [Name in keyof Properties]-?: (random: Random) => NonNullable<Properties[Name]> };

const seconds = (random: Random): number => random.pick([0, 1, 1, 2, 3, 60, 0xffff_ffff]);
const flag = (random: Random): number => random.below(2);

const make: Partial<Makers> = {
  payloadFormatIndicator: flag,
  messageExpiryInterval: seconds,
  contentType: text,
  responseTopic: (random) => topicName(random),
  correlationData: (random) => noise(random, random.pick([0, 1, 16, 500, 65_535])),
  subscriptionIdentifiers: (random) => [1 + edge(random, 268_435_454)],
  sessionExpiryInterval: seconds,
  authenticationMethod: (random) => random.pick(["SCRAM-SHA-256", "SCRAM-SHA-1", "", "x", "__proto__"]),
  requestProblemInformation: flag,
  willDelayInterval: seconds,
  requestResponseInformation: flag,
  reasonString: text,
  receiveMaximum: (random) => 1 + edge(random, 0xfffe),
  topicAliasMaximum: (random) => edge(random, 0xffff),
  // 128 is the server's own limit.
  topicAlias: (random) => random.pick([1, 1, 2, 2, 3, 127, 128, 129, 0xffff]),
  userProperties: (random) =>
    Array.from({ length: random.pick([1, 2, 2, 50]) }, () => [text(random), text(random)] as const),
  maximumPacketSize: (random) => random.pick([1, 2, 4, 5, 20, 60, 100, 1000, 0xffff_ffff]),
};

const ACKNOWLEDGEMENT: (keyof Properties)[] = ["reasonString", "userProperties"];
const MESSAGE: (keyof Properties)[] = [
  "payloadFormatIndicator",
  "messageExpiryInterval",
  "contentType",
  "responseTopic",
  "correlationData",
  "userProperties",
];

const allowed: Partial<Record<PacketType | typeof WILL, (keyof Properties)[]>> = {
  [WILL]: [...MESSAGE, "willDelayInterval"],
  [PacketType.CONNECT]: [
    "sessionExpiryInterval",
    "requestProblemInformation",
    "requestResponseInformation",
    "receiveMaximum",
    "topicAliasMaximum",
    "userProperties",
    "maximumPacketSize",
  ],
  [PacketType.PUBLISH]: [...MESSAGE, "topicAlias", "subscriptionIdentifiers"],
  [PacketType.SUBSCRIBE]: ["subscriptionIdentifiers", "userProperties"],
  [PacketType.UNSUBSCRIBE]: ["userProperties"],
  [PacketType.DISCONNECT]: ["sessionExpiryInterval", "reasonString", "userProperties"],
  [PacketType.AUTH]: ["authenticationMethod", "reasonString", "userProperties"],
  [PacketType.PUBACK]: ACKNOWLEDGEMENT,
  [PacketType.PUBREC]: ACKNOWLEDGEMENT,
  [PacketType.PUBREL]: ACKNOWLEDGEMENT,
  [PacketType.PUBCOMP]: ACKNOWLEDGEMENT,
};

/** Some of the properties that the packet may carry; undefined for none. */
export function someProperties(random: Random, owner: PacketType | typeof WILL, rate = 0.2): Properties | undefined {
  const properties: Record<string, unknown> = {};
  for (const name of allowed[owner] ?? []) {
    // One in a PUBLISH ends the connection: rarely.
    const rare = name === "subscriptionIdentifiers" && owner === PacketType.PUBLISH;
    if (random.chance(rare ? 0.005 : rate)) properties[name] = make[name]!(random);
  }
  return Object.keys(properties).length === 0 ? undefined : properties;
}
