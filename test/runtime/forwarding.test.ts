/**
 * Messages that repeat are passed on as the bytes that they are, but not while somebody watches the broker. So two servers that
 * get the same bytes, of which one is watched, must send the same packets.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { defaultLimits } from "../../src/broker/index.ts";
import { type Packet, PacketType, type ProtocolVersion, type QoS, encode } from "../../src/codec/index.ts";
import { type HostedBroker, Runtime } from "../../src/runtime/index.ts";
import { ANYONE, openToAnyone } from "../setup/anyone.ts";
import { raise } from "../setup/raise.ts";
import { FakeStream } from "./fake-stream.ts";

/** A client that may not publish to everything. */
const LIMITED = "client-3";
const limited = { mayPublish: (topicName: string) => topicName !== "b", maySubscribe: () => true };

class Twin {
  readonly #hosted: HostedBroker;
  readonly #runtime: Runtime;
  readonly #streams: FakeStream[] = [];
  forwarded = 0;

  constructor(isWatched: boolean) {
    this.#runtime = new Runtime({
      limits: { ...defaultLimits, inflightMax: 20 },
      locate: () => this.#hosted,
      onError: raise,
    });
    this.#hosted = this.#runtime.addBroker("b", {
      ...openToAnyone,
      checkCredentials: async (packet) => ({
        ok: true,
        principal: { ...ANYONE, acl: "clientId" in packet && packet.clientId === LIMITED ? limited : undefined },
      }),
    });
    const { broker } = this.#hosted;
    if (isWatched) broker.observer = () => {};
    const receiveFrames = broker.receiveFrames.bind(broker);
    broker.receiveFrames = (connection, frames, now) => {
      const end = receiveFrames(connection, frames, now);
      if (end > frames.start) this.forwarded++;
      return end;
    };
  }

  open(client: number, version: ProtocolVersion): void {
    this.#streams[client]?.handler.onClose();
    this.#streams[client] = new FakeStream(version);
    this.#runtime.accept(this.#streams[client]);
  }

  send(client: number, bytes: Buffer): void {
    this.#streams[client]!.handler.onData(Buffer.from(bytes));
  }

  /** What all clients got. */
  take(): Packet[][] {
    return this.#streams.map((stream) => stream.take());
  }
}

interface Client {
  readonly version: ProtocolVersion;
  packetId: number;
  replies: Packet[];
}

const ok = { reasonCode: 0 } as const;

function replyTo(packet: Packet): Packet | undefined {
  switch (packet.type) {
    case PacketType.PUBLISH:
      if (packet.qos === 0) return undefined;
      return { type: packet.qos === 1 ? PacketType.PUBACK : PacketType.PUBREC, packetId: packet.packetId, ...ok };
    case PacketType.PUBREC:
      return { type: PacketType.PUBREL, packetId: packet.packetId, ...ok };
    case PacketType.PUBREL:
      return { type: PacketType.PUBCOMP, packetId: packet.packetId, ...ok };
    default:
      return undefined;
  }
}

/** Messages and everything else: who publishes to itself may be answered before or after. */
function inOrder(packets: readonly Packet[]): Packet[][] {
  const isMessage = ({ type }: Packet) => type === PacketType.PUBLISH;
  return [packets.filter(isMessage), packets.filter((packet) => !isMessage(packet))];
}

class Twins {
  readonly plain = new Twin(false);
  readonly #watched = new Twin(true);
  readonly clients: Client[] = [];

  async connect(index: number, settings: ClientSettings): Promise<void> {
    const { version, lasting, receiveMaximum } = settings;
    for (const twin of [this.plain, this.#watched]) twin.open(index, version);
    this.clients[index] = { version, packetId: this.clients[index]?.packetId ?? 0, replies: [] };
    const properties = version === 5 ? { receiveMaximum, sessionExpiryInterval: lasting ? 100 : 0 } : undefined;
    const cleanStart = !lasting;
    const connect = { protocolVersion: version, cleanStart, keepAlive: 0, clientId: `client-${index}`, properties };
    this.send(index, [{ type: PacketType.CONNECT, ...connect }]);
    // Credentials are checked.
    await new Promise((resolve) => setImmediate(resolve));
    this.compare();
  }

  /** The packets in one chunk, or cut in two. */
  send(index: number, packets: readonly Packet[], cut = 0): void {
    const bytes = Buffer.concat(packets.map((packet) => encode(packet, this.clients[index]!.version)));
    for (const piece of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
      for (const twin of [this.plain, this.#watched]) if (piece.length > 0) twin.send(index, piece);
    }
    this.compare();
  }

  reply(index: number, count: number): void {
    const replies = this.clients[index]!.replies.splice(0, count);
    if (replies.length > 0) this.send(index, replies);
  }

  nextPacketId(index: number): number {
    return ++this.clients[index]!.packetId;
  }

  compare(): void {
    const sent = this.plain.take();
    expect(sent.map(inOrder)).toEqual(this.#watched.take().map(inOrder));
    for (const [index, packets] of sent.entries()) {
      for (const packet of packets) this.clients[index]!.replies.push(...[replyTo(packet)].filter((reply) => !!reply));
    }
  }
}

const CLIENTS = 4;
const client = fc.nat(CLIENTS - 1);
const qos = fc.constantFrom<QoS>(0, 1, 2);
const topic = fc.constantFrom("a", "b", "a/c");
const clientSettings = fc.record({
  version: fc.constantFrom<ProtocolVersion>(4, 5),
  lasting: fc.boolean(),
  receiveMaximum: fc.constantFrom(3, 1000),
});
type ClientSettings = Parameters<Parameters<typeof clientSettings.map>[0]>[0];

const action = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("publish" as const),
      client,
      topics: fc.array(topic, { minLength: 1, maxLength: 4 }),
      qos,
      retain: fc.constantFrom(false, false, false, true),
      count: fc.integer({ min: 1, max: 12 }),
      length: fc.nat(30),
      cut: fc.nat(60),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("reply" as const), client, count: fc.nat(30) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("subscribe" as const),
      client,
      topicFilter: fc.constantFrom("a", "b", "+", "a/#", "$share/g/b"),
      qos,
      noLocal: fc.constantFrom(false, false, true),
      identifier: fc.constantFrom(0, 0, 7),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("connect" as const), client, settings: clientSettings }) },
);
type Action = Parameters<Parameters<typeof action.map>[0]>[0];

async function perform(twins: Twins, act: Action): Promise<void> {
  const index = act.client;
  switch (act.kind) {
    case "connect":
      return await twins.connect(index, act.settings);
    case "reply":
      return twins.reply(index, act.count);
    case "subscribe": {
      const isV5 = twins.clients[index]!.version === 5;
      const noLocal = act.noLocal && isV5 && !act.topicFilter.startsWith("$");
      const subscription = { topicFilter: act.topicFilter, qos: act.qos, noLocal, retainAsPublished: false };
      const properties = isV5 && act.identifier > 0 ? { subscriptionIdentifiers: [act.identifier] } : undefined;
      const packet = {
        packetId: twins.nextPacketId(index),
        subscriptions: [{ ...subscription, retainHandling: 0 as const }],
      };
      return twins.send(index, [{ type: PacketType.SUBSCRIBE, ...packet, properties }]);
    }
    case "publish": {
      const packets = Array.from({ length: act.count }, (_, number) => ({
        type: PacketType.PUBLISH,
        topic: act.topics[number % act.topics.length]!,
        payload: Buffer.alloc(act.length, String(number % 10)),
        qos: act.qos,
        retain: act.retain,
        dup: false,
        packetId: act.qos === 0 ? 0 : twins.nextPacketId(index),
      }));
      return twins.send(index, packets, act.cut);
    }
  }
}

test("what is passed on as bytes is the same as what is handled message by message", async () => {
  let forwarded = 0;
  const run = fc.record({
    settings: fc.array(clientSettings, { minLength: CLIENTS, maxLength: CLIENTS }),
    actions: fc.array(action, { minLength: 20, maxLength: 60 }),
  });
  await fc.assert(
    fc.asyncProperty(run, async ({ settings, actions }) => {
      const twins = new Twins();
      for (const [index, each] of settings.entries()) await twins.connect(index, each);
      for (const act of actions) await perform(twins, act);
      forwarded += twins.plain.forwarded;
    }),
    { numRuns: 80 },
  );
  expect(forwarded).toBeGreaterThan(200);
});
