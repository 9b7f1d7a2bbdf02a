/** MQTT reason codes (MQTT 5.0 §2.4) for `pubsub explain`: name, packets, and what to do about it. */

export interface ReasonExplanation {
  name: string;
  /** Packets that carry it. */
  packets: string;
  meaning: string;
}

const row = (name: string, packets: string, meaning: string): ReasonExplanation => ({ name, packets, meaning });

export const reasonExplanations: Readonly<Record<number, ReasonExplanation>> = {
  0x00: row(
    "Success",
    "CONNACK, PUBACK, DISCONNECT …",
    "All is well. In SUBACK: granted QoS 0. In DISCONNECT: a normal end.",
  ),
  0x01: row("Granted QoS 1", "SUBACK", "The subscription was accepted, with QoS 1 at most."),
  0x02: row("Granted QoS 2", "SUBACK", "The subscription was accepted, with QoS 2 at most."),
  0x04: row(
    "Disconnect with Will Message",
    "DISCONNECT",
    "The client leaves, and its will is to be published all the same.",
  ),
  0x10: row(
    "No matching subscribers",
    "PUBACK, PUBREC",
    "The message was accepted, and nobody subscribes to its topic. That is no failure.",
  ),
  0x11: row("No subscription existed", "UNSUBACK", "There was nothing to unsubscribe from."),
  0x18: row(
    "Continue authentication",
    "AUTH",
    "The next step of an enhanced authentication, such as SCRAM, is awaited.",
  ),
  0x19: row("Re-authenticate", "AUTH", "The client proves again who it is, with a new token for instance."),
  0x80: row(
    "Unspecified error",
    "any",
    "The sender does not say what is wrong. In SUBACK to MQTT 3.1.1: the subscription was refused.",
  ),
  0x81: row(
    "Malformed packet",
    "CONNACK, DISCONNECT",
    "The bytes are no MQTT packet. Does something else than an MQTT client connect to this port?",
  ),
  0x82: row(
    "Protocol error",
    "CONNACK, DISCONNECT",
    "A packet came that must not come then, or twice. That is a mistake in the client.",
  ),
  0x83: row(
    "Implementation specific error",
    "any",
    "Valid, but the receiver does not support it; the reason string says more.",
  ),
  0x84: row("Unsupported protocol version", "CONNACK", "The broker speaks MQTT 5.0, 3.1.1 and 3.1."),
  0x85: row(
    "Client identifier not valid",
    "CONNACK",
    "The client id is empty, too long, or not the one that the token was issued for: `pubsub token inspect` shows that.",
  ),
  0x86: row(
    "Bad user name or password",
    "CONNACK",
    "The password is no token of this broker. It goes into the password field; the user name may be anything.",
  ),
  0x87: row(
    "Not authorized",
    "CONNACK, PUBACK, SUBACK, DISCONNECT",
    "The token has ended, was revoked, or does not allow this topic: `pubsub token inspect` shows what it allows. A hook that rejects a message answers so, too.",
  ),
  0x88: row("Server unavailable", "CONNACK", "The broker cannot be used now. Try again in a moment."),
  0x89: row(
    "Server busy",
    "CONNACK, DISCONNECT",
    "The broker has too much to do, or as many connections as it may: see docs/limits.md.",
  ),
  0x8a: row("Banned", "CONNACK", "The operator does not let this client in."),
  0x8b: row("Server shutting down", "DISCONNECT", "The server ends. Connect again when it is back."),
  0x8c: row(
    "Bad authentication method",
    "CONNACK, DISCONNECT",
    "The broker knows no such method, or not for this client: SCRAM-SHA-256 needs a token issued with --scram.",
  ),
  0x8d: row(
    "Keep alive timeout",
    "DISCONNECT",
    "Nothing came from the client for one and a half times its keep-alive. Its network was away, or it was blocked.",
  ),
  0x8e: row(
    "Session taken over",
    "DISCONNECT",
    "Another client connected with the same client id. Give each its own: `pubsub token issue` makes new ones.",
  ),
  0x8f: row(
    "Topic filter invalid",
    "SUBACK, UNSUBACK",
    "+ stands for one whole level, # for all the rest and only at the end: a/+/c, a/#.",
  ),
  0x90: row(
    "Topic name invalid",
    "CONNACK, PUBACK, DISCONNECT",
    "A message cannot be published on a topic with + or #, an empty one, or one that begins with $.",
  ),
  0x91: row(
    "Packet identifier in use",
    "PUBACK, SUBACK",
    "The client uses the number of a packet that is not finished yet. That is a mistake in the client.",
  ),
  0x92: row(
    "Packet identifier not found",
    "PUBREL, PUBCOMP",
    "The other side knows nothing of this packet: a session was lost in between.",
  ),
  0x93: row(
    "Receive maximum exceeded",
    "DISCONNECT",
    "More messages of QoS 1 and 2 were under way than the receiver allows at a time: wait for acknowledgements.",
  ),
  0x94: row(
    "Topic alias invalid",
    "DISCONNECT",
    "The alias is 0, larger than the receiver allows, or not yet bound to a topic.",
  ),
  0x95: row(
    "Packet too large",
    "CONNACK, DISCONNECT",
    "The packet is larger than the receiver takes: limit packetBytesMax, `pubsub broker describe`.",
  ),
  0x96: row("Message rate too high", "DISCONNECT", "The client publishes faster than it may: see docs/limits.md."),
  0x97: row(
    "Quota exceeded",
    "CONNACK, PUBACK, SUBACK",
    "A limit of the broker is reached: subscriptions, retained messages, sessions … see docs/limits.md.",
  ),
  0x98: row(
    "Administrative action",
    "DISCONNECT",
    "Somebody disconnected the client (`pubsub session kick`), or the broker was deleted.",
  ),
  0x99: row(
    "Payload format invalid",
    "PUBACK, PUBREC, DISCONNECT",
    "The message says that its payload is text (payload format indicator 1), and it is not UTF-8.",
  ),
  0x9a: row("Retain not supported", "CONNACK, DISCONNECT", "The broker keeps no retained messages."),
  0x9b: row("QoS not supported", "CONNACK, DISCONNECT", "The broker allows only a lower quality of service."),
  0x9c: row(
    "Use another server",
    "CONNACK, DISCONNECT",
    "The client should connect to another server for now; the server reference names it.",
  ),
  0x9d: row(
    "Server moved",
    "CONNACK, DISCONNECT",
    "The client should connect to another server from now on; the server reference names it.",
  ),
  0x9e: row("Shared subscriptions not supported", "SUBACK, DISCONNECT", "The broker has no $share/… subscriptions."),
  0x9f: row(
    "Connection rate exceeded",
    "CONNACK, DISCONNECT",
    "Too many connections in a short time. Pause longer before the next attempt.",
  ),
  0xa0: row("Maximum connect time", "DISCONNECT", "The connection may last no longer."),
  0xa1: row(
    "Subscription identifiers not supported",
    "SUBACK, DISCONNECT",
    "The broker has no subscription identifiers.",
  ),
  0xa2: row(
    "Wildcard subscriptions not supported",
    "SUBACK, DISCONNECT",
    "The broker allows only filters without + and #.",
  ),
};

/** CONNACK of MQTT 3.1 and 3.1.1 (§3.2.2.3). */
export const returnCodeExplanations: Readonly<Record<number, string>> = {
  1: "Unacceptable protocol version (MQTT 5.0: 0x84)",
  2: "Identifier rejected (MQTT 5.0: 0x85)",
  3: "Server unavailable (MQTT 5.0: 0x88)",
  4: "Bad user name or password (MQTT 5.0: 0x86)",
  5: "Not authorized (MQTT 5.0: 0x87)",
};
