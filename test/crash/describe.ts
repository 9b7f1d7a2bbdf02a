import { type Packet, PacketType } from "../../src/codec/index.ts";

const NAMES = Object.fromEntries(Object.entries(PacketType).map(([name, type]) => [type, name]));
const TEXT_MAX = 60;

/** A packet in a line. */
export function describePacket(packet: Packet): string {
  const { type, ...fields } = packet;
  const words = Object.entries(fields).flatMap(([name, value]) => {
    if (value === undefined || value === false || (name === "reasonCode" && value === 0)) return [];
    return [value === true ? name : `${name} ${textOf(value)}`];
  });
  return [NAMES[type], ...words].join(" ");
}

function textOf(value: unknown): string {
  const text = Buffer.isBuffer(value) ? value.toString("latin1", 0, TEXT_MAX).replace(/\.{3,}/, "…") : undefined;
  return text ?? JSON.stringify(value, (_, inner: unknown) => (isBuffer(inner) ? "…" : inner)) ?? "";
}

/** As `JSON.stringify` gives them to its replacer. */
function isBuffer(value: unknown): boolean {
  return (value as { type?: unknown } | null)?.type === "Buffer";
}
