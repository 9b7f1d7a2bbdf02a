/** Reason codes in words, and which of them mean what to the command line. */
import { reasonExplanations } from "./reason-explanations.ts";

/** CONNACK return codes of MQTT 3.1.1 (§3.2.2.3) as the reason codes of MQTT 5.0 that mean the same. */
const version3ReturnCodes: Readonly<Record<number, number>> = { 1: 0x84, 2: 0x85, 3: 0x88, 4: 0x86, 5: 0x87 };

/** The MQTT 5.0 reason code of a CONNACK of any version. */
export function connackReason(code: number): number {
  return version3ReturnCodes[code] ?? code;
}

/** `0x87 (135)` */
export function reasonCodeName(code: number): string {
  return `0x${code.toString(16).padStart(2, "0")} (${code})`;
}

/** `Not authorized (0x87)` */
export function reasonText(code: number): string {
  const hex = `0x${code.toString(16).padStart(2, "0")}`;
  const { name } = reasonExplanations[code] ?? {};
  return name ? `${name} (${hex})` : `Reason code ${hex}`;
}

/** The credentials are wrong, or do not allow it: exit code 4. */
export function isAuthorizationReason(code: number): boolean {
  return [0x85, 0x86, 0x87, 0x8a, 0x8c].includes(code);
}

/** The server cannot be used now, but perhaps in a moment. */
export function isTemporaryReason(code: number): boolean {
  return [0x88, 0x89, 0x8b, 0x8d, 0x9f].includes(code);
}
