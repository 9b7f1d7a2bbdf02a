/** Properties of MQTT 5.0 (§2.2.2) from and to bytes. */
import { checkBinary, checkInteger } from "./checks.ts";
import { CodecError, malformed, protocolError } from "./error.ts";
import { PacketType } from "./packets.ts";
import type { Properties, UserProperty } from "./packets.ts";
import { propertyTable } from "./property-table.ts";
import type { PropertyOwner, PropertySpecification } from "./property-table.ts";
import type { Reader } from "./reader.ts";
import { ReasonCode } from "./reason-codes.ts";
import { isTopicName } from "./topic-name.ts";
import { stringLength, writeString } from "./utf8.ts";
import { variableByteIntegerLength, writeVariableByteInteger } from "./variable-byte-integer.ts";
import { writeBinary, writeFourByteInteger, writeTwoByteInteger } from "./writer.ts";

const byIdentifier: (PropertySpecification | undefined)[] = [];
const byName = new Map<string, PropertySpecification>();
for (let identifier = 0; identifier < 256; identifier++) byIdentifier.push(undefined);
for (const specification of propertyTable) {
  byIdentifier[specification.identifier] = specification;
  byName.set(specification.name, specification);
}

/** `name` is a key that the table pairs with the type of `value`; TypeScript cannot follow that. */
type Loose = Record<string, unknown>;

/**
 * Reads the Property Length and the properties.
 * @returns undefined where there are none
 * @throws CodecError 0x81, 0x82, or 0x94 for Topic Alias 0
 */
export function decodeProperties(reader: Reader, owner: PropertyOwner): Properties | undefined {
  const length = reader.variableByteInteger();
  if (length === 0) return undefined;
  const packetEnd = reader.end;
  const end = reader.position + length;
  if (end > packetEnd) throw malformed("The Property Length reaches beyond the packet");

  // No field of a property may reach into what follows the properties.
  reader.end = end;
  const properties: Properties = {};
  let seen = 0;
  while (reader.position < end) {
    const identifier = reader.byte();
    const specification = byIdentifier[identifier];
    // §2.2.2.2: an identifier that is not valid for its packet type makes the packet malformed.
    if (specification === undefined || (specification.owners & (1 << owner)) === 0) {
      throw malformed(`Property 0x${identifier.toString(16)} is not allowed here`);
    }
    if ((seen & specification.bit) !== 0 && !mayRepeat(specification, owner)) {
      throw protocolError(`Property ${specification.name} stands more than once`);
    }
    seen |= specification.bit;
    decodeProperty(reader, specification, properties);
  }
  reader.end = packetEnd;
  if (properties.authenticationData !== undefined && properties.authenticationMethod === undefined) {
    throw protocolError("Authentication Data without an Authentication Method"); // §3.1.2.11.10
  }
  return properties;
}

function mayRepeat(specification: PropertySpecification, owner: PropertyOwner): boolean {
  return (
    specification.kind === "stringPairs" ||
    // §3.3.2.3.8; at most one in SUBSCRIBE (§3.8.2.1.2).
    (specification.kind === "variableByteIntegers" && owner === PacketType.PUBLISH)
  );
}

function decodeProperty(reader: Reader, specification: PropertySpecification, properties: Properties): void {
  const { name, kind } = specification;
  switch (kind) {
    case "byte":
      (properties as Loose)[name] = inRange(reader.byte(), specification);
      return;
    case "twoByteInteger":
      (properties as Loose)[name] = inRange(reader.twoByteInteger(), specification);
      return;
    case "fourByteInteger":
      (properties as Loose)[name] = inRange(reader.fourByteInteger(), specification);
      return;
    case "variableByteIntegers": {
      const identifier = inRange(reader.variableByteInteger(), specification);
      if (properties.subscriptionIdentifiers === undefined) properties.subscriptionIdentifiers = [identifier];
      else properties.subscriptionIdentifiers.push(identifier);
      return;
    }
    case "string":
      (properties as Loose)[name] = reader.string();
      return;
    case "topicName": {
      const topic = reader.string();
      // [MQTT-3.3.2-14]. The standard names no code. The string is well-formed and its content is
      // not allowed, which §1.2 calls a Protocol Error; 0x90 speaks of the packet's Topic Name.
      if (!isTopicName(topic)) throw protocolError(`Property ${name} is no Topic Name`);
      (properties as Loose)[name] = topic;
      return;
    }
    case "binary":
      (properties as Loose)[name] = reader.binary();
      return;
    case "stringPairs": {
      const pair: UserProperty = [reader.string(), reader.string()];
      if (properties.userProperties === undefined) properties.userProperties = [pair];
      else properties.userProperties.push(pair);
    }
  }
}

function inRange(value: number, { name, minimum, maximum }: PropertySpecification): number {
  if (value >= minimum && value <= maximum) return value;
  const message = `Property ${name} must not be ${value}`;
  // [MQTT-3.3.2-8]
  if (name === "topicAlias") throw new CodecError(ReasonCode.TopicAliasInvalid, message);
  throw protocolError(message);
}

/**
 * Bytes that the properties take, with the Property Length before them.
 * @throws TypeError or RangeError where a property cannot stand in this packet or has no legal value
 */
export function propertiesLength(properties: Properties | undefined, owner: PropertyOwner): number {
  if (properties === undefined) return 1;
  let length = 0;
  for (const name in properties) {
    const value = (properties as Loose)[name];
    if (value === undefined) continue;
    const specification = byName.get(name);
    if (specification === undefined || (specification.owners & (1 << owner)) === 0) {
      throw new TypeError(`${ownerName(owner)} cannot carry the property ${name}`);
    }
    length += propertyLength(specification, value, owner);
  }
  if (properties.authenticationData !== undefined && properties.authenticationMethod === undefined) {
    throw new TypeError("authenticationData needs an authenticationMethod"); // §3.1.2.11.10
  }
  return variableByteIntegerLength(length) + length;
}

/** True if the properties take up more than the Property Length, which some packets may leave out. */
export function hasProperties(properties: Properties | undefined): boolean {
  if (properties === undefined) return false;
  for (const name in properties) {
    const value = (properties as Loose)[name];
    if (value !== undefined && !(Array.isArray(value) && value.length === 0)) return true;
  }
  return false;
}

function propertyLength(specification: PropertySpecification, value: unknown, owner: PropertyOwner): number {
  const { name, kind, minimum, maximum } = specification;
  switch (kind) {
    case "byte":
      checkInteger(value as number, minimum, maximum, name);
      return 2;
    case "twoByteInteger":
      checkInteger(value as number, minimum, maximum, name);
      return 3;
    case "fourByteInteger":
      checkInteger(value as number, minimum, maximum, name);
      return 5;
    case "variableByteIntegers": {
      const identifiers = value as readonly number[];
      if (identifiers.length > 1 && owner === PacketType.SUBSCRIBE) {
        throw new RangeError("SUBSCRIBE carries at most one subscription identifier"); // §3.8.2.1.2
      }
      let length = identifiers.length;
      for (const identifier of identifiers) {
        checkInteger(identifier, minimum, maximum, name);
        length += variableByteIntegerLength(identifier);
      }
      return length;
    }
    case "string":
      return 3 + stringLength(value as string, name);
    case "topicName":
      if (!isTopicName(value as string)) throw new TypeError(`${name} must be a topic without wildcards`); // [MQTT-3.3.2-14]
      return 3 + stringLength(value as string, name);
    case "binary":
      checkBinary(value as Uint8Array, name);
      return 3 + (value as Uint8Array).length;
    case "stringPairs": {
      let length = 0;
      for (const pair of value as readonly UserProperty[]) {
        length += 5 + stringLength(pair[0], name) + stringLength(pair[1], name);
      }
      return length;
    }
  }
}

/**
 * Writes the Property Length and properties that `propertiesLength` has accepted.
 * @returns the offset after them
 */
export function writeProperties(target: Buffer, offset: number, properties: Properties | undefined): number {
  if (properties === undefined) {
    target[offset] = 0;
    return offset + 1;
  }
  const start = offset + 1;
  let end = start;
  for (const name in properties) {
    const value = (properties as Loose)[name];
    if (value !== undefined) end = writeProperty(target, end, byName.get(name)!, value);
  }
  const length = end - start;
  // One byte was kept for the length. That it needs more is rare enough to move what was written.
  const extra = variableByteIntegerLength(length) - 1;
  if (extra > 0) target.copyWithin(start + extra, start, end);
  writeVariableByteInteger(target, offset, length);
  return end + extra;
}

function writeProperty(target: Buffer, offset: number, specification: PropertySpecification, value: unknown): number {
  const { identifier, kind } = specification;
  if (kind !== "variableByteIntegers" && kind !== "stringPairs") target[offset] = identifier;
  switch (kind) {
    case "byte":
      target[offset + 1] = value as number;
      return offset + 2;
    case "twoByteInteger":
      return writeTwoByteInteger(target, offset + 1, value as number);
    case "fourByteInteger":
      return writeFourByteInteger(target, offset + 1, value as number);
    case "variableByteIntegers":
      for (const one of value as readonly number[]) {
        target[offset] = identifier;
        offset = writeVariableByteInteger(target, offset + 1, one);
      }
      return offset;
    case "string":
    case "topicName":
      return writeString(target, offset + 1, value as string);
    case "binary":
      return writeBinary(target, offset + 1, value as Uint8Array);
    case "stringPairs":
      for (const pair of value as readonly UserProperty[]) {
        target[offset] = identifier;
        offset = writeString(target, writeString(target, offset + 1, pair[0]), pair[1]);
      }
      return offset;
  }
}

function ownerName(owner: PropertyOwner): string {
  for (const [name, type] of Object.entries(PacketType)) if (type === owner) return name;
  return "The will";
}
