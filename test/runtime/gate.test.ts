/** What leaves when, where there is a journal: the runtime between streams without a network and a store that commits by hand. */
import { expect, test } from "vitest";
import { type Limits, defaultLimits } from "../../src/broker/index.ts";
import { type Connect, type Packet, PacketType, type Publish } from "../../src/codec/index.ts";
import { type HostedBroker, Runtime } from "../../src/runtime/index.ts";
import { MemoryJournal } from "../../src/store/index.ts";
import { openToAnyone } from "../setup/anyone.ts";
import { FakeStream } from "./fake-stream.ts";

class Bench {
  readonly store = new MemoryJournal({ schedule: () => {} });
  readonly runtime: Runtime;
  readonly hosted: HostedBroker;
  readonly errors: unknown[] = [];

  constructor(limits: Partial<Limits> = {}) {
    this.runtime = new Runtime({
      limits: { ...defaultLimits, ...limits },
      locate: () => this.hosted,
      onError: (error) => this.errors.push(error),
      store: this.store,
    });
    this.hosted = this.runtime.addBroker("b", openToAnyone);
  }

  /** A client that is connected; nothing of it waits. */
  async connect(clientId: string, sessionExpiryInterval = 0): Promise<FakeStream> {
    const stream = new FakeStream();
    this.runtime.accept(stream);
    const connect: Connect = {
      type: PacketType.CONNECT,
      protocolVersion: 5,
      cleanStart: true,
      keepAlive: 0,
      clientId,
      properties: { sessionExpiryInterval },
    };
    stream.sends(connect);
    await new Promise((resolve) => setImmediate(resolve));
    this.store.commit();
    expect(stream.takeTypes()).toEqual([PacketType.CONNACK]);
    return stream;
  }
}

const publish = (topic: string, packetId: number, payload = Buffer.from("x")): Publish => ({
  type: PacketType.PUBLISH,
  topic,
  payload,
  qos: packetId === 0 ? 0 : 1,
  retain: false,
  dup: false,
  packetId,
});

const subscribe = (topicFilter: string, qos: 0 | 1 = 1): Packet => ({
  type: PacketType.SUBSCRIBE,
  packetId: 1,
  subscriptions: [{ topicFilter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
});

test("what a turn that changed something has to say waits for the commit, everything else leaves at once", async () => {
  const bench = new Bench();
  const kept = await bench.connect("kept", 100);
  const volatile = await bench.connect("volatile");
  kept.sends(subscribe("t"));
  volatile.sends(subscribe("u"));
  expect([kept.takeTypes(), volatile.takeTypes()]).toEqual([[], [PacketType.SUBACK]]);
  bench.store.commit();
  expect(kept.takeTypes()).toEqual([PacketType.SUBACK]);

  volatile.sends(publish("u", 1));
  expect(volatile.takeTypes()).toEqual([PacketType.PUBLISH, PacketType.PUBACK]);
  volatile.sends(publish("t", 2));
  expect([kept.takeTypes(), volatile.takeTypes()]).toEqual([[], []]);
  bench.store.commit();
  expect([kept.takeTypes(), volatile.takeTypes()]).toEqual([[PacketType.PUBLISH], [PacketType.PUBACK]]);
  expect(bench.errors).toEqual([]);
});

test("what needs not wait goes straight to the network, whose word is taken for buffers", async () => {
  const bench = new Bench();
  const volatile = await bench.connect("volatile");
  const kept = await bench.connect("kept", 100);
  volatile.sends(subscribe("u", 0));
  kept.sends(subscribe("t"));
  bench.store.commit();
  volatile.take();
  const large = Buffer.alloc(200_000);
  // The first message leaves while the turn goes on, the second one is kept for a subscriber.
  volatile.sends(publish("u", 0, large), { type: PacketType.PINGREQ }, publish("t", 1), publish("u", 0));
  expect(volatile.takeTypes()).toEqual([PacketType.PUBLISH]);
  bench.store.commit();
  expect(volatile.takeTypes()).toEqual([PacketType.PINGRESP, PacketType.PUBACK, PacketType.PUBLISH]);
});

test("a connection that closes without a word stays until what its turn changed is kept", async () => {
  const bench = new Bench();
  const kept = await bench.connect("kept", 100);
  kept.sends(subscribe("t"));
  kept.sends(publish("t", 1));
  bench.store.commit();
  expect(kept.takeTypes()).toEqual([PacketType.SUBACK, PacketType.PUBLISH, PacketType.PUBACK]);
  const puback: Packet = { type: PacketType.PUBACK, packetId: 1, reasonCode: 0 };
  kept.sends(puback, { type: PacketType.DISCONNECT, reasonCode: 0 });
  expect(kept.isEnded).toBe(false);
  bench.store.commit();
  expect([kept.isEnded, kept.take()]).toEqual([true, []]);
});

test("later output of a connection waits behind what is held", async () => {
  const bench = new Bench();
  const kept = await bench.connect("kept", 100);
  const other = await bench.connect("other");
  kept.sends(subscribe("t"));
  kept.sends({ type: PacketType.PINGREQ });
  other.sends({ type: PacketType.PINGREQ });
  expect([kept.takeTypes(), other.takeTypes()]).toEqual([[], [PacketType.PINGRESP]]);
  bench.store.commit();
  expect(kept.takeTypes()).toEqual([PacketType.SUBACK, PacketType.PINGRESP]);
});

test("a connection closes behind what is held", async () => {
  const bench = new Bench();
  const kept = await bench.connect("kept", 100);
  kept.sends(
    publish("nowhere", 1),
    { ...publish("kept", 2), retain: true },
    { type: PacketType.DISCONNECT, reasonCode: 0 },
  );
  expect([kept.isEnded, kept.takeTypes()]).toEqual([false, []]);
  bench.store.commit();
  expect([kept.takeTypes(), kept.isEnded]).toEqual([[PacketType.PUBACK, PacketType.PUBACK], true]);
});

test("a connection that is lost forgets what was held", async () => {
  const bench = new Bench();
  const kept = await bench.connect("kept", 100);
  kept.sends(subscribe("t"));
  kept.destroy();
  bench.store.commit();
  expect(kept.take()).toEqual([]);
  expect(bench.errors).toEqual([]);
});

test("where the disk fails, connections end without what was held", async () => {
  const bench = new Bench();
  const kept = await bench.connect("kept", 100);
  const other = await bench.connect("other");
  kept.sends(subscribe("t"));
  bench.runtime.abort();
  expect([kept.isDestroyed, other.isDestroyed, kept.take()]).toEqual([true, true, []]);
  bench.store.commit();
  expect(kept.take()).toEqual([]);
});

test("what is held counts as unsent, and the queue goes on when it has left", async () => {
  const bench = new Bench({ unsentBytesMax: 20_000 });
  const kept = await bench.connect("kept", 100);
  kept.sends(subscribe("t"));
  bench.store.commit();
  kept.take();
  const other = await bench.connect("other");
  const payload = Buffer.alloc(9000);
  for (let id = 1; id <= 5; id++) other.sends(publish("t", id, payload));
  expect(bench.hosted.session("kept")).toMatchObject({ queuedMessages: 2, inflightMessages: 3 });
  bench.store.commit();
  expect(kept.takeTypes()).toHaveLength(3);
  await new Promise((resolve) => setImmediate(resolve));
  bench.store.commit();
  expect(kept.takeTypes()).toHaveLength(2);
});

test("who makes more than the journal can keep is not read until it has caught up", async () => {
  const bench = new Bench();
  const pub = await bench.connect("pub");
  const other = await bench.connect("other");
  const payload = Buffer.alloc(1024 * 1024);
  let sent = 0;
  while (!pub.isPaused && sent < 100) pub.sends({ ...publish(`t/${++sent}`, sent, payload), retain: true });
  expect(sent).toBe(16);
  other.sends(publish("nowhere", 1));
  expect(other.isPaused).toBe(false);
  expect(pub.take()).toEqual([]);
  bench.store.commit();
  expect([pub.isPaused, pub.takeTypes().length]).toEqual([false, 16]);
});

test("what an operator changes is reported when it is kept", async () => {
  const bench = new Bench();
  await bench.connect("kept", 100);
  let isDone = false;
  const kicked = bench.hosted.kick("kept", true).finally(() => (isDone = true));
  await new Promise((resolve) => setImmediate(resolve));
  expect(isDone).toBe(false);
  bench.store.commit();
  expect(await kicked).toEqual({ wasConnected: true, sessionEnded: true });
});

test("after the end of a process the next one has what was told, and nothing that was not", async () => {
  const bench = new Bench();
  const kept = await bench.connect("kept", 100);
  kept.sends(subscribe("told"));
  bench.store.commit();
  kept.sends(subscribe("lost"));
  expect(kept.take()).toHaveLength(1);
  const store = bench.store.crash();
  const runtime = new Runtime({ limits: defaultLimits, locate: () => next, onError: () => {}, store });
  const next: HostedBroker = runtime.addBroker("b", {
    checkCredentials: async () => ({ ok: false, reasonCode: 0x87, reason: "" }),
    random: { clientId: () => "assigned" },
  });
  const page = next.subscriptions("kept", { after: undefined, limit: 10 });
  expect(page?.entries.map(({ key }) => key)).toEqual(["told"]);
  await runtime.close();
});
