import { PacketType } from "./packets.ts";
import { ReasonCode } from "./reason-codes.ts";

const { CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, DISCONNECT, AUTH } = PacketType;

/** Reason Codes by the packets that may carry them (MQTT 5.0 §2.4, table 2-6). */
const codesByPacket: readonly (readonly [types: readonly PacketType[], codes: readonly number[]])[] = [
  // [MQTT-3.2.2-8]
  [
    [CONNACK],
    [
      0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b,
      0x9c, 0x9d, 0x9f,
    ],
  ],
  // [MQTT-3.4.2-1] [MQTT-3.5.2-1]
  [
    [PUBACK, PUBREC],
    [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
  ],
  // [MQTT-3.6.2-1] [MQTT-3.7.2-1]
  [
    [PUBREL, PUBCOMP],
    [0x00, 0x92],
  ],
  // [MQTT-3.9.3-2]
  [[SUBACK], [0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2]],
  // [MQTT-3.11.3-2]
  [[UNSUBACK], [0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91]],
  // [MQTT-3.14.2-1]. 0x8c is missing from table 3-10; table 2-6 names it for DISCONNECT.
  [
    [DISCONNECT],
    [
      0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97,
      0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
    ],
  ],
  // [MQTT-3.15.2-1]
  [[AUTH], [ReasonCode.Success, ReasonCode.ContinueAuthentication, ReasonCode.Reauthenticate]],
];

/** A bit per packet type, for each code. */
const carriers = new Uint16Array(256);
for (const [types, codes] of codesByPacket) {
  for (const type of types) {
    for (const code of codes) carriers[code] = carriers[code]! | (1 << type);
  }
}

/** True if MQTT 5.0 allows the reason code in packets of this type. */
export function isReasonCodeOf(type: PacketType, code: number): boolean {
  return ((carriers[code] ?? 0) & (1 << type)) !== 0;
}
