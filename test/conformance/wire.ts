/**
 * Speaks to the real runtime with bytes: over a stream in memory, where time may be virtual, or over TCP and WebSocket.
 */
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { expect, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import {
  type AuthenticationChallenge,
  type AuthenticationResult,
  type Limits,
  defaultLimits,
} from "../../src/broker/index.ts";
import {
  type Auth,
  type Connack,
  type Connect,
  Decoder,
  type Packet,
  PacketType,
  type ProtocolVersion,
  encode,
} from "../../src/codec/index.ts";
import { Runtime, type Stream } from "../../src/runtime/index.ts";
import type { Listener } from "../../src/transport/byte-stream.ts";
import { listenTcp } from "../../src/transport/tcp.ts";
import { listenWebSocket } from "../../src/transport/websocket.ts";
import { ANYONE } from "../setup/anyone.ts";

export type Transport = "memory" | "tcp" | "websocket";

type Answer = AuthenticationResult | AuthenticationChallenge;

export interface ServerOptions {
  limits?: Partial<Limits>;
  /** Without it everyone may do everything. */
  authenticate?: (packet: Connect | Auth, stream: Stream) => Answer | Promise<Answer>;
}

/** The client's end of a network connection. */
interface Wire {
  write(bytes: Buffer): void;
  /** Breaks the connection. */
  destroy(): void;
  onBytes: (bytes: Buffer) => void;
  onClose: () => void;
}

const HERE = { host: "127.0.0.1", port: 0 };

/** One broker in a runtime, reached over one kind of transport. It ends with the test. */
export class Server {
  readonly #open: () => Promise<Wire>;

  static async start(transport: Transport = "memory", options: ServerOptions = {}): Promise<Server> {
    const errors: unknown[] = [];
    const limits = { ...defaultLimits, ...options.limits };
    const runtime: Runtime = new Runtime({
      limits,
      locate: () => runtime.broker("b")!,
      onError: (error) => errors.push(error),
    });
    let assigned = 0;
    runtime.addBroker("b", {
      checkCredentials: async (packet, stream) =>
        (await options.authenticate?.(packet, stream)) ?? { ok: true, principal: ANYONE },
      random: { clientId: () => `assigned-${++assigned}` },
    });
    const accept = (stream: Stream) => runtime.accept(stream);
    let listener: Listener | undefined;
    if (transport === "tcp") listener = await listenTcp(HERE, accept);
    if (transport === "websocket") {
      listener = await listenWebSocket(
        { ...HERE, messageBytesMax: limits.packetBytesMax, domain: "localhost" },
        accept,
      );
    }
    onTestFinished(async () => {
      await runtime.close();
      await listener?.close();
      expect(errors).toEqual([]);
    });
    const port = listener?.port ?? 0;
    const open = { memory: () => openMemory(accept), tcp: () => openTcp(port), websocket: () => openWebSocket(port) };
    return new Server(open[transport]);
  }

  constructor(open: () => Promise<Wire>) {
    this.#open = open;
  }

  /** A network connection that has sent nothing yet. */
  async client(version: ProtocolVersion = 5): Promise<WireClient> {
    return new WireClient(await this.#open(), version);
  }

  /** A connected client; what CONNACK says is in `client.connack`. */
  async connect(clientId: string, options: Partial<Connect> = {}): Promise<WireClient> {
    const protocolVersion = options.protocolVersion ?? 5;
    const client = await this.client(protocolVersion);
    client.send({ type: PacketType.CONNECT, protocolVersion, cleanStart: true, keepAlive: 0, clientId, ...options });
    client.connack = (await client.next()) as Connack;
    expect(client.connack).toMatchObject({ type: PacketType.CONNACK, reasonCode: 0 });
    return client;
  }
}

/** A client of bytes. */
export class WireClient {
  connack: Connack | undefined;
  readonly version: ProtocolVersion;
  /** All that was received, as bytes. */
  bytes: Buffer = Buffer.alloc(0);
  readonly #wire: Wire;
  readonly #decoder: Decoder;
  readonly #received: Packet[] = [];
  #isClosed = false;
  #wake: () => void = () => {};

  constructor(wire: Wire, version: ProtocolVersion) {
    this.version = version;
    this.#wire = wire;
    this.#decoder = new Decoder({ protocolVersion: version });
    wire.onBytes = (bytes) => {
      this.bytes = Buffer.concat([this.bytes, bytes]);
      this.#decoder.push(bytes);
      for (let packet = this.#decoder.next(); packet; packet = this.#decoder.next()) this.#received.push(packet);
      this.#wake();
    };
    wire.onClose = () => {
      this.#isClosed = true;
      this.#wake();
    };
  }

  /** Sends packets, or bytes that are none. */
  send(...packets: (Packet | Buffer)[]): this {
    this.#wire.write(Buffer.concat(packets.map((each) => (Buffer.isBuffer(each) ? each : encode(each, this.version)))));
    return this;
  }

  /** The next packet; undefined when the connection has ended. */
  async next(): Promise<Packet | undefined> {
    while (this.#received.length === 0 && !this.#isClosed) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return this.#received.shift();
  }

  /** The next packet, which must be of this type. */
  async expect<T extends Packet["type"]>(type: T, what: object = {}): Promise<Extract<Packet, { type: T }>> {
    const packet = await this.next();
    expect(packet).toMatchObject({ ...what, type });
    return packet as Extract<Packet, { type: T }>;
  }

  /** Sends packets and takes what was received until the server has handled them: PINGRESP marks the place. */
  async settle(...packets: (Packet | Buffer)[]): Promise<Packet[]> {
    this.send(...packets, { type: PacketType.PINGREQ });
    const received: Packet[] = [];
    for (;;) {
      const packet = await this.next();
      if (packet === undefined || packet.type === PacketType.PINGRESP) return received;
      received.push(packet);
    }
  }

  /**
   * Sends bytes and tells what becomes of the connection: "open", "closed" without a word, or the code of the CONNACK or
   * DISCONNECT with which it is closed.
   */
  async outcome(...packets: (Packet | Buffer)[]): Promise<number | "open" | "closed"> {
    this.send(...packets, { type: PacketType.PINGREQ });
    for (;;) {
      const packet = await this.next();
      if (packet === undefined) return "closed";
      if (packet.type === PacketType.PINGRESP) return "open";
      const isLast = packet.type === PacketType.CONNACK || packet.type === PacketType.DISCONNECT;
      if (!isLast || packet.reasonCode === 0) continue;
      expect(await this.next()).toBeUndefined();
      return packet.reasonCode;
    }
  }

  /** The network connection breaks. */
  breaks(): void {
    this.#wire.destroy();
  }
}

// ---- bytes

/** A field of a packet: a byte, a UTF-8 Encoded String, or bytes as they are. */
export type Field = number | string | Buffer;

export const raw = (...bytes: number[]): Buffer => Buffer.from(bytes);
/** Bytes with a two-byte length before them: a string that need not be well-formed. */
export const prefixed = (...bytes: number[]): Buffer => withLength(raw(...bytes));
const withLength = (bytes: Buffer): Buffer => Buffer.concat([raw(bytes.length >> 8, bytes.length & 0xff), bytes]);

/** A packet with these fields, and the Remaining Length that they take. */
export function frame(first: number, ...fields: Field[]): Buffer {
  const body = Buffer.concat(
    fields.map((field) => {
      if (typeof field === "number") return raw(field);
      return typeof field === "string" ? withLength(Buffer.from(field)) : field;
    }),
  );
  const length: number[] = [];
  for (let rest = body.length; length.length === 0 || rest > 0; rest = Math.floor(rest / 128)) {
    length.push((rest % 128) | (rest >= 128 ? 0x80 : 0));
  }
  return Buffer.concat([raw(first, ...length), body]);
}

export interface ConnectFields {
  name?: Field;
  level?: number;
  flags?: number;
  /** With their length. */
  properties?: Buffer;
  payload?: Field[];
}

/** CONNECT with one thing or other wrong. */
export function connectFrame(version: 4 | 5, fields: ConnectFields = {}): Buffer {
  const { name = "MQTT", level = version, flags = 0x02, properties = raw(0), payload = ["client"] } = fields;
  return frame(0x10, name, level, flags, 0, 0, ...(version === 5 ? [properties] : []), ...payload);
}

export interface PublishFields {
  first?: number;
  topic?: Field;
  packetId?: number;
  /** With their length. */
  properties?: Buffer;
  payload?: number[];
}

/** PUBLISH with one thing or other wrong; at QoS 0 unless `first` says otherwise. */
export function publishFrame(version: 4 | 5, fields: PublishFields = {}): Buffer {
  const { first = 0x30, topic = "t", packetId, properties = raw(0), payload = [] } = fields;
  const id = packetId === undefined ? raw() : raw(packetId >> 8, packetId & 0xff);
  return frame(first, topic, id, version === 5 ? properties : raw(), raw(...payload));
}

export interface SubscribeFields {
  first?: number;
  packetId?: number;
  /** With their length. */
  properties?: Buffer;
  /** Filters and their options in turn. */
  filters?: Field[];
}

/** SUBSCRIBE with one thing or other wrong. */
export function subscribeFrame(version: 4 | 5, fields: SubscribeFields = {}): Buffer {
  const { first = 0x82, packetId = 1, properties = raw(0), filters = ["t", 0] } = fields;
  return frame(first, 0, packetId, version === 5 ? properties : raw(), ...filters);
}

/** How a connection ends where 5.0 has a code for the reason, and 3.1.1 no way to say it. */
export const closes = (version: 4 | 5, reasonCode: number): number | "closed" =>
  version === 5 ? reasonCode : "closed";

// ---- connections

async function openMemory(accept: (stream: Stream) => void): Promise<Wire> {
  let isOpen = true;
  const close = () => {
    if (!isOpen) return;
    isOpen = false;
    // As on a network, both sides learn of it a little later.
    queueMicrotask(() => {
      stream.handler.onClose();
      wire.onClose();
    });
  };
  const wire: Wire = {
    write: (bytes) => {
      if (isOpen) stream.handler.onData(Buffer.from(bytes));
    },
    destroy: close,
    onBytes: () => {},
    onClose: () => {},
  };
  const stream: Stream = {
    remote: "memory",
    address: "memory",
    transport: "tcp",
    isLoopback: true,
    isSameSite: true,
    addressed: undefined,
    unsentBytes: 0,
    handler: { onData: () => {}, onDrain: () => {}, onClose: () => {} },
    write: (bytes) => {
      wire.onBytes(Buffer.from(bytes));
      return true;
    },
    writeAll: (parts) => stream.write(Buffer.concat(parts)),
    pause: () => {},
    resume: () => {},
    end: close,
    destroy: close,
  };
  accept(stream);
  return wire;
}

async function openTcp(port: number): Promise<Wire> {
  const socket = connectTcp({ ...HERE, port });
  const wire = newWire(
    (bytes) => void socket.write(bytes),
    () => socket.destroy(),
  );
  socket.on("error", () => {});
  socket.on("data", (chunk) => wire.onBytes(chunk));
  socket.on("close", () => wire.onClose());
  await once(socket, "connect");
  return wire;
}

async function openWebSocket(port: number): Promise<Wire> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/mqtt`, "mqtt");
  const wire = newWire(
    (bytes) => socket.send(bytes),
    () => socket.terminate(),
  );
  socket.on("error", () => {});
  socket.on("message", (data) => wire.onBytes(data as Buffer));
  socket.on("close", () => wire.onClose());
  await once(socket, "open");
  return wire;
}

function newWire(write: (bytes: Buffer) => void, destroy: () => void): Wire {
  onTestFinished(destroy);
  return { write, destroy, onBytes: () => {}, onClose: () => {} };
}
