/** CONNECT (MQTT 5.0 §3.1). */
import { checkBinary, checkInteger, checkVersion } from "./checks.ts";
import { CodecError, malformed } from "./error.ts";
import { PacketType } from "./packets.ts";
import type { Connect, ProtocolVersion, QoS, Will } from "./packets.ts";
import { WILL } from "./property-table.ts";
import { decodeProperties, propertiesLength, writeProperties } from "./properties.ts";
import type { Reader } from "./reader.ts";
import { ReasonCode } from "./reason-codes.ts";
import { isTopicName } from "./topic-name.ts";
import { asciiText, stringLength, writeString } from "./utf8.ts";
import { writeBinary, writeTwoByteInteger } from "./writer.ts";

const CLEAN_START = 0x02;
const WILL_FLAG = 0x04;
const WILL_QOS_SHIFT = 3;
const WILL_RETAIN = 0x20;
const PASSWORD = 0x40;
const USER_NAME = 0x80;

/** mosquitto's bridges announce themselves with this bit in the level and fall back when it is refused. */
const BRIDGE = 0x80;

/**
 * The version in which a peer that sent this CONNECT expects its answer, readable even where the
 * CONNECT is refused: 5 for MQTT from level 5 on, 3 for MQIsdp level 3, otherwise 4.
 */
export function answerVersion(bytes: Buffer, start: number, end: number): ProtocolVersion {
  if (end - start >= 7 && asciiText(bytes, start, start + 6) === "\0\x04MQTT") {
    const level = bytes[start + 6]!;
    return level >= 5 && level < BRIDGE ? 5 : 4;
  }
  if (end - start >= 9 && asciiText(bytes, start, start + 9) === "\0\x06MQIsdp\x03") return 3;
  return 4;
}

/**
 * @throws CodecError 0x84 for a protocol name or level that is not 3.1, 3.1.1 or 5.0; 0x81, 0x82;
 *   0x90 for a Will Topic with wildcards
 */
export function decodeConnect(reader: Reader): Connect {
  const protocolVersion = readProtocol(reader);
  const flags = reader.byte();
  if ((flags & 0x01) !== 0) throw malformed("CONNECT has its reserved flag set"); // [MQTT-3.1.2-3]
  const willQos = (flags >> WILL_QOS_SHIFT) & 3;
  if (willQos === 3) throw malformed("Will QoS is 3"); // [MQTT-3.1.2-12]
  if ((flags & WILL_FLAG) === 0 && (willQos !== 0 || (flags & WILL_RETAIN) !== 0)) {
    throw malformed("Will QoS or Will Retain without a will"); // [MQTT-3.1.2-11] [MQTT-3.1.2-13]
  }
  if (protocolVersion < 5 && (flags & (USER_NAME | PASSWORD)) === PASSWORD) {
    throw malformed("A password without a user name"); // 3.1.1 [MQTT-3.1.2-22]; 5.0 allows it
  }
  const keepAlive = reader.twoByteInteger();
  const properties = protocolVersion === 5 ? decodeProperties(reader, PacketType.CONNECT) : undefined;
  // [MQTT-3.1.3-1]: the fields of the payload in their order.
  const clientId = reader.string();
  const will = (flags & WILL_FLAG) === 0 ? undefined : decodeWill(reader, protocolVersion, flags);
  const username = isPresent(reader, protocolVersion, flags & USER_NAME) ? reader.string() : undefined;
  const password = isPresent(reader, protocolVersion, flags & PASSWORD) ? reader.binary() : undefined;
  reader.expectEnd(); // [MQTT-3.1.2-16] [MQTT-3.1.2-18]
  return {
    type: PacketType.CONNECT,
    protocolVersion,
    cleanStart: (flags & CLEAN_START) !== 0,
    keepAlive,
    clientId,
    username,
    password,
    will,
    properties,
  };
}

/** [MQTT-3.1.2-1] [MQTT-3.1.2-2]; MQTT 3.1 is called MQIsdp (3.1 §3.1). */
function readProtocol(reader: Reader): ProtocolVersion {
  const name = reader.string();
  const level = reader.byte();
  if (name === "MQTT" && (level === 4 || level === 5)) return level;
  if (name === "MQIsdp" && level === 3) return level;
  const shown = name.length > 16 ? `${name.slice(0, 16)}…` : name;
  throw new CodecError(
    ReasonCode.UnsupportedProtocolVersion,
    `Protocol ${JSON.stringify(shown)} level ${level} is not MQTT 3.1, 3.1.1 or 5.0`,
  );
}

/** MQTT 3.1 §3.1: where the packet ends early, its length prevails over the flags for user name and password. */
function isPresent(reader: Reader, version: ProtocolVersion, flag: number): boolean {
  return flag !== 0 && (version !== 3 || reader.position < reader.end);
}

function decodeWill(reader: Reader, version: ProtocolVersion, flags: number): Will {
  const properties = version === 5 ? decodeProperties(reader, WILL) : undefined;
  const topic = reader.string();
  // [MQTT-4.7.0-1] [MQTT-4.7.3-1]. CONNACK's table describes 0x90 as the code for Will Topics.
  if (!isTopicName(topic)) {
    throw new CodecError(ReasonCode.TopicNameInvalid, "The Will Topic is empty or contains a wildcard");
  }
  return {
    topic,
    payload: reader.binary(),
    qos: ((flags >> WILL_QOS_SHIFT) & 3) as QoS,
    retain: (flags & WILL_RETAIN) !== 0,
    properties,
  };
}

/** Remaining Length. The packet's own version decides its format. */
export function connectLength(packet: Connect): number {
  const { protocolVersion, will, username, password } = packet;
  checkVersion(protocolVersion);
  checkInteger(packet.keepAlive, 0, 0xffff, "keepAlive");
  if (password !== undefined && username === undefined && protocolVersion < 5) {
    throw new TypeError("a password needs a user name before MQTT 5.0"); // 3.1.1 [MQTT-3.1.2-22]
  }
  // Name, level, flags, keep-alive; length of the client id.
  let length = (protocolVersion === 3 ? 8 : 6) + 4 + 2 + stringLength(packet.clientId, "clientId");
  if (protocolVersion === 5) length += propertiesLength(packet.properties, PacketType.CONNECT);
  if (will !== undefined) {
    checkInteger(will.qos, 0, 2, "will.qos");
    if (!isTopicName(will.topic)) throw new TypeError("will.topic must be a topic without wildcards"); // [MQTT-4.7.0-1]
    checkBinary(will.payload, "will.payload");
    if (protocolVersion === 5) length += propertiesLength(will.properties, WILL);
    length += 2 + stringLength(will.topic, "will.topic") + 2 + will.payload.length;
  }
  if (username !== undefined) length += 2 + stringLength(username, "username");
  if (password !== undefined) {
    checkBinary(password, "password");
    length += 2 + password.length;
  }
  return length;
}

export function writeConnect(packet: Connect, target: Buffer, start: number): number {
  const { protocolVersion, will, username, password } = packet;
  let offset = writeString(target, start, protocolVersion === 3 ? "MQIsdp" : "MQTT");
  target[offset++] = protocolVersion;
  target[offset++] =
    (packet.cleanStart ? CLEAN_START : 0) |
    (will === undefined ? 0 : WILL_FLAG | (will.qos << WILL_QOS_SHIFT) | (will.retain ? WILL_RETAIN : 0)) |
    (username === undefined ? 0 : USER_NAME) |
    (password === undefined ? 0 : PASSWORD);
  offset = writeTwoByteInteger(target, offset, packet.keepAlive);
  if (protocolVersion === 5) offset = writeProperties(target, offset, packet.properties);
  offset = writeString(target, offset, packet.clientId);
  if (will !== undefined) {
    if (protocolVersion === 5) offset = writeProperties(target, offset, will.properties);
    offset = writeString(target, offset, will.topic);
    offset = writeBinary(target, offset, will.payload);
  }
  if (username !== undefined) offset = writeString(target, offset, username);
  if (password !== undefined) offset = writeBinary(target, offset, password);
  return offset;
}
