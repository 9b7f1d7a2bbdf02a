import { type Packet, PacketType } from "../../../src/codec/index.ts";

const names = new Map<number, string>(Object.entries(PacketType).map(([name, type]) => [type, name]));

/** A packet on one line of the trace: its type and what it says, without what is empty. */
export function describePacket(packet: Packet): string {
  const { type, ...fields } = packet;
  const shown = Object.entries(fields)
    .filter(([, value]) => value !== undefined && value !== false)
    .map(([name, value]) => `${name}=${show(value)}`);
  return [names.get(type), ...shown].join(" ");
}

function show(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => (isBytes(inner) ? shorten(Buffer.from(inner.data)) : inner));
}

/** What `Buffer.toJSON` makes. */
function isBytes(value: unknown): value is { data: number[] } {
  return typeof value === "object" && value !== null && "type" in value && value.type === "Buffer";
}

function shorten(bytes: Buffer): string {
  const text = bytes.toString("latin1", 0, 32);
  return bytes.length > 32 ? `${text}… (${bytes.length} bytes)` : text;
}
