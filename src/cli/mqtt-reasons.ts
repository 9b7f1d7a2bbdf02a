/** Reason codes in words, and which of them mean what to the command line. */

/** MQTT 5.0 §2.4. */
const reasons: Readonly<Record<number, string>> = {
  0x80: "Unspecified error",
  0x81: "Malformed packet",
  0x82: "Protocol error",
  0x83: "Implementation specific error",
  0x84: "Unsupported protocol version",
  0x85: "Client identifier not valid",
  0x86: "Bad user name or password",
  0x87: "Not authorized",
  0x88: "Server unavailable",
  0x89: "Server busy",
  0x8a: "Banned",
  0x8b: "Server shutting down",
  0x8c: "Bad authentication method",
  0x8d: "Keep alive timeout",
  0x8e: "Session taken over",
  0x8f: "Topic filter invalid",
  0x90: "Topic name invalid",
  0x91: "Packet identifier in use",
  0x92: "Packet identifier not found",
  0x93: "Receive maximum exceeded",
  0x94: "Topic alias invalid",
  0x95: "Packet too large",
  0x96: "Message rate too high",
  0x97: "Quota exceeded",
  0x98: "Administrative action",
  0x99: "Payload format invalid",
  0x9a: "Retain not supported",
  0x9b: "QoS not supported",
  0x9c: "Use another server",
  0x9d: "Server moved",
  0x9e: "Shared subscriptions not supported",
  0x9f: "Connection rate exceeded",
  0xa0: "Maximum connect time",
  0xa1: "Subscription identifiers not supported",
  0xa2: "Wildcard subscriptions not supported",
};

/** CONNACK return codes of MQTT 3.1.1 (§3.2.2.3) as the reason codes of MQTT 5.0 that mean the same. */
const version3ReturnCodes: Readonly<Record<number, number>> = { 1: 0x84, 2: 0x85, 3: 0x88, 4: 0x86, 5: 0x87 };

/** The MQTT 5.0 reason code of a CONNACK of any version. */
export function connackReason(code: number): number {
  return version3ReturnCodes[code] ?? code;
}

/** `Not authorized (0x87)` */
export function reasonText(code: number): string {
  const hex = `0x${code.toString(16).padStart(2, "0")}`;
  return reasons[code] ? `${reasons[code]} (${hex})` : `Reason code ${hex}`;
}

/** The credentials are wrong, or do not allow it: exit code 4. */
export function isAuthorizationReason(code: number): boolean {
  return [0x85, 0x86, 0x87, 0x8a, 0x8c].includes(code);
}

/** The server cannot be used now, but perhaps in a moment. */
export function isTemporaryReason(code: number): boolean {
  return [0x88, 0x89, 0x8b, 0x8d, 0x9f].includes(code);
}
