import {
  type Acknowledgement,
  type Connect,
  MAXIMUM_PACKET_SIZE,
  type Packet,
  PacketType,
  type ProtocolVersion,
  ReasonCode,
  SHORT_ACKNOWLEDGEMENT_BYTES,
  encodedLength,
} from "../codec/index.ts";
import type { Deadline } from "./deadlines.ts";
import { PacketIds } from "./packet-ids.ts";
import type { Acl, Outbox } from "./ports.ts";
import { reasonString } from "./reason.ts";
import type { Session } from "./session.ts";
import { OutboundTopicAliases } from "./topic-aliases.ts";

/** More aliases than this are not set, however many a client takes: each costs memory on both sides. */
const OUTBOUND_ALIASES_MAX = 32;

/** Packets that have a single reason code, and so may give its reason in words. */
type ReasonedPacket = Extract<Packet, { reasonCode: number }>;

/**
 * - `authenticating`: CONNECT arrived, its credentials are being checked; nothing else is read.
 * - `challenged`: the client was asked to go on with an enhanced authentication; AUTH is due.
 * - `open`: CONNACK was sent.
 * - `closed`: whatever still arrives is ignored.
 */
export type ConnectionState = "authenticating" | "challenged" | "open" | "closed";

/** What a broker knows of one network connection, from its CONNECT to its end. */
export class Connection {
  state: ConnectionState = "authenticating";
  readonly outbox: Outbox;
  readonly protocolVersion: ProtocolVersion;
  /** As given in CONNECT; the session has the client id in use. Without password and will once the connection is `open`. */
  connect: Connect;
  /** Set while `open`. */
  session: Session | undefined;

  /**
   * Re-authentication of an open connection (MQTT 5.0 §4.12.1): being checked, waiting for the client's AUTH, or not
   * going on at all.
   */
  reauthentication: "checking" | "challenged" | undefined;

  acl: Acl | undefined;
  tokenId: string | undefined;

  /** 1.5 × the keep-alive in force, Infinity without one. [MQTT-3.1.2-22] */
  silenceMaxMs = Infinity;
  /** UNIX milliseconds of its CONNECT. */
  readonly connectedAtMs: number;
  lastReceivedMs: number;
  /** Set by `setKeepAlive` and `setTokenExpiry`. */
  keepAlive: Deadline<Connection> | undefined;
  tokenExpiry: Deadline<Connection> | undefined;

  /** Largest packet that the client takes, in bytes. [MQTT-3.1.2-24] */
  readonly maximumPacketSize: number;
  /** The client's Receive Maximum, or ours if that is lower. [MQTT-3.3.4-9] */
  readonly sendQuotaMax: number;
  /** QoS 1 and 2 messages that may be sent now. */
  sendQuota: number;

  /** The aliases that we set; undefined where the client takes none. */
  readonly outboundAliases: OutboundTopicAliases | undefined;
  /** Topics by alias, as set by the client. They end with the connection. [MQTT-3.3.2-7] */
  topicAliases: Map<number, string> | undefined;
  /** Packet identifiers of the client's QoS 1 and 2 messages that are not yet acknowledged. */
  readonly unacknowledged = new PacketIds();
  /** The last topic that was found valid and allowed. */
  lastPublishTopic: string | undefined;
  paused = false;
  #secondBeganMs = 0;
  #packetsInSecond = 0;

  constructor(outbox: Outbox, connect: Connect, inflightMax: number, now: number) {
    this.outbox = outbox;
    this.connect = connect;
    this.connectedAtMs = now;
    this.lastReceivedMs = now;
    this.protocolVersion = connect.protocolVersion;
    this.maximumPacketSize = connect.properties?.maximumPacketSize ?? MAXIMUM_PACKET_SIZE;
    this.sendQuotaMax = Math.min(connect.properties?.receiveMaximum ?? 65_535, inflightMax);
    this.sendQuota = this.sendQuotaMax;
    const aliases = Math.min(connect.properties?.topicAliasMaximum ?? 0, OUTBOUND_ALIASES_MAX);
    this.outboundAliases = aliases === 0 ? undefined : new OutboundTopicAliases(aliases);
  }

  /** Password and will are not asked for again: they would keep the bytes that were received. */
  forgetCredentials(): void {
    const { connect } = this;
    if (connect.password === undefined && connect.will === undefined) return;
    this.connect = { ...connect, password: undefined, will: undefined };
  }

  /** Of the enhanced authentication that the client began with; it stays the same. [MQTT-4.12.0-5] */
  get authenticationMethod(): string | undefined {
    return this.connect.properties?.authenticationMethod;
  }

  get isV5(): boolean {
    return this.protocolVersion === 5;
  }

  /** True if the client takes every packet that MQTT has. */
  get acceptsAnySize(): boolean {
    return this.maximumPacketSize === MAXIMUM_PACKET_SIZE;
  }

  /** False if the packet, with bytes to spare, is larger than the client takes. [MQTT-3.1.2-24] */
  accepts(packet: Packet, spareBytes = 0): boolean {
    return this.acceptsAnySize || encodedLength(packet, this.protocolVersion) + spareBytes <= this.maximumPacketSize;
  }

  /** Sends a packet, unless it is larger than the client takes. @returns whether it was sent */
  send(packet: Packet): boolean {
    if (!this.accepts(packet)) return false;
    this.outbox.send(packet);
    return true;
  }

  /** Sends PUBACK, PUBREC, PUBREL or PUBCOMP. */
  acknowledge(type: Acknowledgement["type"], packetId: number, reasonCode: number = ReasonCode.Success): void {
    if (reasonCode === 0 && this.maximumPacketSize >= SHORT_ACKNOWLEDGEMENT_BYTES) {
      this.outbox.acknowledge(type, packetId);
    } else {
      this.send({ type, packetId, reasonCode });
    }
  }

  /**
   * Sends a packet with a reason for people. The reason is left out where the client did not ask for it
   * [MQTT-3.1.2-29] or has no room for it. [MQTT-3.4.2-2] [MQTT-3.14.2-3]
   */
  sendWithReason(packet: ReasonedPacket, reason: string): void {
    const always = packet.type === PacketType.CONNACK || packet.type === PacketType.DISCONNECT;
    const text = reasonString(reason);
    if (this.isV5 && text !== undefined && (always || this.connect.properties?.requestProblemInformation !== 0)) {
      const explained: Packet = { ...packet, properties: { ...packet.properties, reasonString: text } };
      if (this.send(explained)) return;
    }
    this.send(packet);
  }

  /** @returns false if the client has sent more packets than it may within the present second */
  countPacket(now: number, packetsPerSecondMax: number): boolean {
    if (now - this.#secondBeganMs >= 1000) {
      this.#secondBeganMs = now;
      this.#packetsInSecond = 0;
    }
    return ++this.#packetsInSecond <= packetsPerSecondMax;
  }

  /** Stops reading from the client until `resumeReading`. */
  pauseReading(): void {
    if (this.paused) return;
    this.paused = true;
    this.outbox.pause();
  }

  resumeReading(): void {
    if (!this.paused) return;
    this.paused = false;
    this.outbox.resume();
  }
}
