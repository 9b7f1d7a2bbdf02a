/** Bytes ⇄ packets of MQTT 3.1, 3.1.1 and 5.0. Pure: imports nothing from outside this folder. */
export { type Acknowledgement, SHORT_ACKNOWLEDGEMENT_BYTES, writeShortAcknowledgement } from "./acknowledgement.ts";
export { Decoder, MAXIMUM_PACKET_SIZE } from "./decoder.ts";
export { deliveryLength, writeDelivery } from "./delivery.ts";
export { encode, encodedLength, encodeInto } from "./encoder.ts";
export { CodecError } from "./error.ts";
export { isReasonCodeOf } from "./legal-reason-codes.ts";
export * from "./packets.ts";
export * from "./reason-codes.ts";
export { PlainFrames } from "./plain-frames.ts";
export { ReceivedPublish } from "./received-publish.ts";
export { isTopicName } from "./topic-name.ts";
export { TopicNames } from "./topic-names.ts";
export { isEncodableString, isWellFormedUtf8 } from "./utf8.ts";
