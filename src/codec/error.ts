import { ReasonCode } from "./reason-codes.ts";

/**
 * The only error that decoding throws: the peer broke the protocol. `reasonCode` is what the
 * standard says to close the connection with (MQTT 5.0 §4.13).
 */
export class CodecError extends Error {
  override readonly name = "CodecError";
  readonly reasonCode: ReasonCode;

  constructor(reasonCode: ReasonCode, message: string) {
    super(message);
    this.reasonCode = reasonCode;
  }
}

/** The bytes cannot be parsed according to the standard: 0x81 (MQTT 5.0 §1.2, "Malformed Packet"). */
export function malformed(message: string): CodecError {
  return new CodecError(ReasonCode.MalformedPacket, message);
}

/** The packet parses but says what the protocol does not allow: 0x82 (§1.2, "Protocol Error"). */
export function protocolError(message: string): CodecError {
  return new CodecError(ReasonCode.ProtocolError, message);
}
