import { equalBytes } from "./equal-bytes.ts";
import { PacketType } from "./packets.ts";
import type { Properties } from "./packets.ts";
import { decodeProperties } from "./properties.ts";
import { Reader } from "./reader.ts";

/** Longest properties that are remembered, in bytes. */
const REMEMBERED_BYTES_MAX = 512;

/**
 * Reads the properties of the PUBLISHes of one connection. Publishers mostly repeat themselves: the same bytes yield the
 * same object, by which those who handle the message later know what they have done before. Keeps no received bytes.
 */
export class PropertiesCache {
  /** Behind the properties that `read` has read. */
  end = 0;
  private last: Properties | undefined = undefined;
  /** The bytes of `last` with the Property Length. */
  private lastBytes: Uint8Array | undefined = undefined;

  /**
   * Reads the Property Length and the properties at `start`, of a packet that ends at `packetEnd`.
   * @throws CodecError as `decodeProperties`
   */
  read(bytes: Buffer, start: number, packetEnd: number): Properties | undefined {
    const { lastBytes } = this;
    if (lastBytes !== undefined && start + lastBytes.length <= packetEnd && equalBytes(bytes, start, lastBytes)) {
      this.end = start + lastBytes.length;
      return this.last;
    }
    const reader = new Reader(bytes, start, packetEnd);
    const properties = decodeProperties(reader, PacketType.PUBLISH);
    this.end = reader.position;
    // Correlation Data is a view of received bytes, and is seldom the same twice.
    const isKept = properties?.correlationData === undefined && this.end - start <= REMEMBERED_BYTES_MAX;
    this.last = isKept ? properties : undefined;
    this.lastBytes = isKept ? Uint8Array.prototype.slice.call(bytes, start, this.end) : undefined;
    return properties;
  }
}
