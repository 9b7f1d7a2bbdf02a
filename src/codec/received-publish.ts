import type { ProtocolVersion, Publish } from "./packets.ts";

const NOTHING = Buffer.alloc(0);

/**
 * The bytes of the last PUBLISH that was decoded, fixed header included, so that they can be passed on as they are. One
 * may serve many decoders.
 */
export class ReceivedPublish {
  /** undefined while there is none. */
  packet: Publish | undefined = undefined;
  version: ProtocolVersion = 4;
  bytes: Buffer = NOTHING;
  /** The packet is `bytes[start, end)`. */
  start = 0;
  end = 0;

  /** Lets go of packet and bytes. */
  clear(): void {
    this.packet = undefined;
    this.bytes = NOTHING;
  }
}
