import { Decoder, PacketType } from "../../src/codec/index.ts";
import type { Packet, ProtocolVersion } from "../../src/codec/index.ts";

/** A decoder as the receiver of this packet has it: a server learns the version from CONNECT. */
export function decoderFor(packet: Packet, version: ProtocolVersion): Decoder {
  return new Decoder(packet.type === PacketType.CONNECT ? {} : { protocolVersion: version });
}

/** Pulls after each chunk, as a transport does. */
export function decodeAll(chunks: Iterable<Buffer>, decoder: Decoder): Packet[] {
  const packets: Packet[] = [];
  for (const chunk of chunks) {
    decoder.push(chunk);
    for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) packets.push(packet);
  }
  return packets;
}

/** What the call throws; an error of its own where it throws nothing. */
export function failureOf(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return new Error("nothing was thrown");
}
