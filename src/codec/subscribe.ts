/** SUBSCRIBE (MQTT 5.0 §3.8). */
import { checkInteger, checkPacketId } from "./checks.ts";
import { malformed, protocolError } from "./error.ts";
import { readPacketId } from "./packet-id.ts";
import { PacketType } from "./packets.ts";
import type { ProtocolVersion, QoS, Subscribe, SubscriptionRequest } from "./packets.ts";
import { decodeProperties, propertiesLength, writeProperties } from "./properties.ts";
import type { Reader } from "./reader.ts";
import { stringLength, writeString } from "./utf8.ts";
import { writeTwoByteInteger } from "./writer.ts";

const NO_LOCAL = 0x04;
const RETAIN_AS_PUBLISHED = 0x08;
const RETAIN_HANDLING_SHIFT = 4;

/** Filters are read as strings, empty ones too: a filter that is invalid costs its own reason code 0x8f in SUBACK. */
export function decodeSubscribe(reader: Reader, version: ProtocolVersion): Subscribe {
  const packetId = readPacketId(reader);
  const properties = version === 5 ? decodeProperties(reader, PacketType.SUBSCRIBE) : undefined;
  if (reader.position === reader.end) throw protocolError("SUBSCRIBE without a topic filter"); // [MQTT-3.8.3-2]
  const subscriptions: SubscriptionRequest[] = [];
  while (reader.position < reader.end) {
    const topicFilter = reader.string();
    subscriptions.push(subscriptionRequest(topicFilter, reader.byte(), version));
  }
  return { type: PacketType.SUBSCRIBE, packetId, subscriptions, properties };
}

function subscriptionRequest(topicFilter: string, options: number, version: ProtocolVersion): SubscriptionRequest {
  const qos = options & 3;
  if (version === 5) {
    if ((options & 0xc0) !== 0) throw malformed("Reserved subscription options are set"); // [MQTT-3.8.3-5]
    // §3.8.3.1 says of both that they are Protocol Errors.
    if (qos === 3) throw protocolError("A subscription asks for QoS 3");
    if (options >> RETAIN_HANDLING_SHIFT === 3) throw protocolError("Retain Handling is 3");
  } else {
    // 3.1.1 [MQTT-3.8.3-4]; 3.1 §3.8 has the upper six bits unused, of any value.
    if (qos === 3) throw malformed("A subscription asks for QoS 3");
    if (version === 4 && options > 2) throw malformed("Reserved bits of a requested QoS are set");
    options = qos;
  }
  return {
    topicFilter,
    qos: qos as QoS,
    noLocal: (options & NO_LOCAL) !== 0,
    retainAsPublished: (options & RETAIN_AS_PUBLISHED) !== 0,
    retainHandling: (options >> RETAIN_HANDLING_SHIFT) as 0 | 1 | 2,
  };
}

export function subscribeLength(packet: Subscribe, version: ProtocolVersion): number {
  checkPacketId(packet.packetId);
  if (packet.subscriptions.length === 0) throw new RangeError("SUBSCRIBE needs a subscription"); // [MQTT-3.8.3-2]
  let length = 2 + (version === 5 ? propertiesLength(packet.properties, PacketType.SUBSCRIBE) : 0);
  for (const { topicFilter, qos, retainHandling } of packet.subscriptions) {
    checkInteger(qos, 0, 2, "qos");
    if (version === 5) checkInteger(retainHandling, 0, 2, "retainHandling");
    length += 3 + stringLength(topicFilter, "topicFilter");
  }
  return length;
}

export function writeSubscribe(packet: Subscribe, version: ProtocolVersion, target: Buffer, start: number): number {
  let offset = writeTwoByteInteger(target, start, packet.packetId);
  if (version === 5) offset = writeProperties(target, offset, packet.properties);
  for (const { topicFilter, qos, noLocal, retainAsPublished, retainHandling } of packet.subscriptions) {
    offset = writeString(target, offset, topicFilter);
    target[offset++] =
      version < 5
        ? qos
        : qos |
          (noLocal ? NO_LOCAL : 0) |
          (retainAsPublished ? RETAIN_AS_PUBLISHED : 0) |
          (retainHandling << RETAIN_HANDLING_SHIFT);
  }
  return offset;
}
