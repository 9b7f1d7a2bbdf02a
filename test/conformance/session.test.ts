/** Sessions, client identifiers, takeover and keep-alive: MQTT 5.0 §3.1.2 to §3.1.4 and §4.1, 3.1.1 likewise. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { encode } from "../../src/codec/index.ts";
import { ANYONE } from "../setup/anyone.ts";
import {
  PacketType,
  ReasonCode,
  TestBroker,
  both,
  disconnectCode,
  disconnected,
  lasting,
  puback,
  typesOf,
  will,
} from "./support.ts";
import { Server } from "./wire.ts";

describe("Clean Start and Clean Session", () => {
  both("[MQTT-3.1.2-4] [3.1.1 MQTT-3.1.2-6] set, it discards what there was", (version) => {
    const world = new TestBroker();
    world.connect("c", lasting(version)).subscribes("t", 1).loses();
    world.connect("p").publishes("t", "missed", { qos: 1 });
    const fresh = world.connect("c", { protocolVersion: version });
    world.connect("p").publishes("t", "later", { qos: 1 });
    expect([fresh.connack!.sessionPresent, fresh.take()]).toEqual([false, []]);
  });

  test("[3.1.1 MQTT-3.1.2-6] Clean Session 1 leaves nothing behind either", () => {
    const world = new TestBroker();
    world.connect("c", { protocolVersion: 4 }).subscribes("t", 1).loses();
    const back = world.connect("c", lasting(4));
    world.connect("p").publishes("t", "x", { qos: 1 });
    expect([back.connack!.sessionPresent, back.take()]).toEqual([false, []]);
  });

  both(
    "[MQTT-3.1.2-5] [MQTT-3.1.4-4] [3.1.1 MQTT-3.1.2-4] [3.1.1 MQTT-3.1.4-3] not set, the session goes on",
    (version) => {
      const world = new TestBroker();
      world.connect("c", lasting(version)).subscribes("t", 1).loses();
      world.connect("p").publishes("t", "missed", { qos: 1 });
      const back = world.connect("c", lasting(version));
      world.connect("p").publishes("t", "later", { qos: 1 });
      expect([back.connack!.sessionPresent, back.takeMessages()]).toEqual([true, ["t=missed", "t=later"]]);
    },
  );

  both("[MQTT-3.1.2-6] [3.1.1 MQTT-3.1.2-4] without a session a new one begins", (version) => {
    const client = new TestBroker().connect("c", lasting(version));
    expect(client.connack).toMatchObject({ sessionPresent: false, reasonCode: 0 });
  });

  test("[3.1.1 MQTT-3.1.2-5] messages at QoS 1 and 2 wait for a client that is away", () => {
    const world = new TestBroker();
    world.connect("c", lasting(4)).subscribes("t", 2).loses();
    const publisher = world.connect("p");
    for (const qos of [0, 1, 2] as const) publisher.publishes("t", `qos ${qos}`, { qos });
    expect(world.connect("c", lasting(4)).takeMessages()).toEqual(["t=qos 1", "t=qos 2"]);
  });

  test("[3.1.1 MQTT-3.1.2-7] retained messages are no part of the session", () => {
    const world = new TestBroker();
    world.connect("p", { protocolVersion: 4 }).publishes("t", "kept", { retain: true }).disconnects();
    world.connect("p", { protocolVersion: 4 });
    expect(world.connect("s").subscribes("t").takeMessages()).toEqual(["t=kept"]);
  });
});

describe("how long a session lasts", () => {
  test("[MQTT-3.1.2-23] pitfall 6: with an expiry above 0 it outlives the connection, without one it does not", () => {
    const world = new TestBroker();
    const present = (properties?: object) => {
      world.connect("c", { cleanStart: false, ...(properties && { properties }) }).loses();
      return world.connect("c", { cleanStart: false }).disconnects().connack!.sessionPresent;
    };
    expect(present({ sessionExpiryInterval: 1 })).toBe(true);
    expect(present({ sessionExpiryInterval: 0 })).toBe(false);
    expect(present()).toBe(false);
  });

  test("[MQTT-4.1.0-2] it ends when the expiry interval has passed, counted from the end of the connection", () => {
    const world = new TestBroker();
    const options = lasting(5, {}, 10);
    const present = (away: number) => {
      const before = world.connect("c", options);
      world.advance(60_000);
      before.loses();
      world.advance(away);
      return world.connect("c", options).disconnects(0).connack!.sessionPresent;
    };
    expect([present(9_999), present(10_000)]).toEqual([true, false]);
    const forGood = lasting(5, {}, 0xffffffff);
    world.connect("c", forGood).loses();
    world.advance(1e12);
    expect(world.connect("c", forGood).connack!.sessionPresent).toBe(true);
  });

  both(
    "[MQTT-4.1.0-1] [3.1.1 MQTT-4.1.0-1] [3.1.1 MQTT-4.1.0-2] it lasts at least as long as the connection",
    (version) => {
      const world = new TestBroker();
      const client = world.connect("c", { protocolVersion: version, ...(version === 5 && lasting(5, {}, 1)) });
      client.subscribes("t", 1).take();
      world.advance(1e9);
      world.connect("p").publishes("t", "x", { qos: 1 });
      expect(client.takeMessages()).toEqual(["t=x"]);
    },
  );

  test("[3.1.1 MQTT-3.1.2-4] [3.1.1 MQTT-4.1.0-1] without Clean Session it has no end of its own", () => {
    const world = new TestBroker();
    world.connect("c", lasting(4)).subscribes("t", 1).disconnects();
    world.advance(1e12);
    world.connect("p").publishes("t", "x", { qos: 1 });
    expect(world.connect("c", lasting(4)).takeMessages()).toEqual(["t=x"]);
  });

  test("pitfall 4: DISCONNECT's expiry overrides CONNECT's (§3.14.2.2.2)", () => {
    const world = new TestBroker();
    world.connect("c", lasting(5, {}, 3600)).disconnects(0, { sessionExpiryInterval: 5 });
    world.advance(5_000);
    expect(world.connect("c", lasting()).connack!.sessionPresent).toBe(false);
    world.connect("d", lasting(5, {}, 5)).disconnects(0, { sessionExpiryInterval: 3600 });
    world.advance(5_000);
    expect(world.connect("d", lasting()).connack!.sessionPresent).toBe(true);
  });

  test("pitfall 4: from 0 it cannot be raised: 0x82", () => {
    const world = new TestBroker();
    for (const properties of [undefined, { sessionExpiryInterval: 0 }]) {
      const client = world.connect("c", properties && { properties });
      client.disconnects(0, { sessionExpiryInterval: 5 });
      expect([disconnectCode(client), client.isClosed]).toEqual([ReasonCode.ProtocolError, true]);
      expect(world.connect("c", { cleanStart: false }).disconnects().connack!.sessionPresent).toBe(false);
    }
  });
});

describe("client identifiers", () => {
  both("[MQTT-3.1.3-2] [3.1.1 MQTT-3.1.3-2] name the session, and letters of other case name another", (version) => {
    const world = new TestBroker();
    world.connect("Client", lasting(version)).loses();
    const present = (clientId: string) => world.connect(clientId, lasting(version)).connack!.sessionPresent;
    expect([present("Client"), present("client"), present("Client ")]).toEqual([true, false, false]);
  });

  both("[MQTT-3.1.3-5] [3.1.1 MQTT-3.1.3-5] of 1 to 23 letters and digits are allowed", (version) => {
    const world = new TestBroker();
    const alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (const id of ["0", alphabet.slice(0, 23), alphabet.slice(23, 46), alphabet.slice(39)]) {
      expect(world.connect(id, { protocolVersion: version }).connack).toMatchObject({ reasonCode: 0 });
    }
  });

  both("[MQTT-3.1.3-6] [3.1.1 MQTT-3.1.3-6] an empty one stands for a new, unique one", (version) => {
    const world = new TestBroker();
    const clients = [1, 2, 3].map(() => world.connect("", { protocolVersion: version }).subscribes("t"));
    world.connect("p").publishes("t", "x");
    for (const client of clients) expect([client.isClosed, client.takeMessages()]).toEqual([false, ["t=x"]]);
    expect(world.broker.sessions.size).toBe(4);
  });

  test("[MQTT-3.1.3-7] the assigned one is told, and good for coming back", () => {
    const world = new TestBroker();
    const first = world.connect("", lasting());
    const assigned = first.connack!.properties!.assignedClientIdentifier!;
    first.loses();
    const second = world.connect(assigned, lasting());
    expect([assigned.length > 0, second.connack!.sessionPresent]).toEqual([true, true]);
    expect(second.connack!.properties).not.toHaveProperty("assignedClientIdentifier");
  });

  test("[MQTT-3.2.2-16] pitfall 8: the assigned one belongs to no other session", () => {
    const world = new TestBroker();
    const ids = [1, 2, 3].map(() => world.connect("").connack!.properties!.assignedClientIdentifier);
    expect(new Set(ids).size).toBe(3);
  });

  test("[MQTT-3.1.3-8] a rejected one: CONNACK 0x85, then closed", () => {
    const world = new TestBroker({
      authenticate: () => ({
        ok: true,
        principal: { ...ANYONE, clientId: "mine" },
      }),
    });
    const client = world.connect("yours");
    expect([client.connack!.reasonCode, client.isClosed]).toEqual([ReasonCode.ClientIdentifierNotValid, true]);
  });

  test("[3.1.1 MQTT-3.1.3-7] [3.1.1 MQTT-3.1.3-8] an empty one with Clean Session 0: return code 2, then closed", () => {
    const client = new TestBroker().connect("", lasting(4));
    expect([client.connack!.reasonCode, client.isClosed]).toEqual([2, true]);
  });

  test("[3.1.1 MQTT-3.1.3-9] a rejected one: return code 2, then closed", () => {
    const principal = { ...ANYONE, clientId: "mine" };
    const client = new TestBroker({ authenticate: () => ({ ok: true, principal }) }).connect("x", lasting(4));
    expect([client.connack!.reasonCode, client.isClosed]).toEqual([2, true]);
  });
});

describe("takeover", () => {
  test("[MQTT-3.1.4-3] the older connection is told 0x8E and closed", () => {
    const world = new TestBroker();
    const older = world.connect("c");
    const newer = world.connect("c");
    expect(older.take()).toMatchObject([disconnected(ReasonCode.SessionTakenOver)]);
    expect([older.isClosed, newer.isClosed]).toEqual([true, false]);
  });

  test("[3.1.1 MQTT-3.1.4-2] the older connection is closed, without a packet", () => {
    const world = new TestBroker();
    const older = world.connect("c", lasting(4));
    world.connect("c", lasting(4));
    expect([older.isClosed, older.take()]).toEqual([true, []]);
  });

  test("what was not acknowledged on the older connection goes to the newer", () => {
    const world = new TestBroker();
    world.connect("c", lasting()).subscribes("t", 1);
    world.connect("p").publishes("t", "x", { qos: 1 });
    expect(world.connect("c", lasting()).take()).toMatchObject([{ dup: true, payload: Buffer.from("x") }]);
  });
});

describe("keep-alive", () => {
  const code = (version: 4 | 5) => (version === 5 ? ReasonCode.KeepAliveTimeout : undefined);

  both(
    "[MQTT-3.1.2-22] [3.1.1 MQTT-3.1.2-24] pitfall 9: closes after 1.5 × the keep-alive, as if the network had failed",
    (version) => {
      const world = new TestBroker();
      const watcher = world.connect("w").subscribes("will");
      watcher.take();
      const client = world.connect("c", { protocolVersion: version, keepAlive: 10, ...will("will") });
      world.advance(14_999);
      expect([client.isClosed, client.take()]).toEqual([false, []]);
      world.advance(1);
      expect([client.isClosed, disconnectCode(client)]).toEqual([true, code(version)]);
      expect(watcher.takeMessages()).toEqual(["will=gone"]);
    },
  );

  both("[MQTT-3.1.2-22] [3.1.1 MQTT-3.1.2-24] any packet counts; 0 turns it off", (version) => {
    const world = new TestBroker();
    const client = world.connect("c", { protocolVersion: version, keepAlive: 10 });
    for (let i = 0; i < 5; i++) {
      world.advance(14_000);
      client.sends(i % 2 === 0 ? { type: PacketType.PINGREQ } : puback(77));
    }
    const quiet = world.connect("quiet", { protocolVersion: version, keepAlive: 0 });
    world.advance(14_999);
    expect([client.isClosed, quiet.isClosed]).toEqual([false, false]);
    world.advance(1e9);
    expect([client.isClosed, quiet.isClosed]).toEqual([true, false]);
  });

  test("[MQTT-3.2.2-22] without Server Keep Alive the client's own counts; with it pitfall 9: that one", () => {
    const free = new TestBroker();
    const own = free.connect("c", { keepAlive: 100 });
    expect(own.connack!.properties).not.toHaveProperty("serverKeepAlive");
    free.advance(149_999);
    expect(own.isClosed).toBe(false);
    free.advance(1);
    expect(own.isClosed).toBe(true);

    const strict = new TestBroker({ limits: { keepAliveMaxSeconds: 10 } });
    const told = [strict.connect("a", { keepAlive: 100 }), strict.connect("b", { keepAlive: 0 })];
    expect(told.map((client) => client.connack!.properties!.serverKeepAlive)).toEqual([10, 10]);
    strict.advance(14_999);
    expect(told.map((client) => client.isClosed)).toEqual([false, false]);
    strict.advance(1);
    expect(told.map((client) => client.isClosed)).toEqual([true, true]);
  });

  describe("in the runtime", () => {
    beforeEach(() => void vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout"] }));
    afterEach(() => void vi.useRealTimers());

    both("[MQTT-3.1.2-22] [3.1.1 MQTT-3.1.2-24] its timer closes the connection", async (version) => {
      const server = await Server.start();
      const client = await server.connect("c", { protocolVersion: version, keepAlive: 10 });
      vi.advanceTimersByTime(14_999);
      expect(await client.settle()).toEqual([]);
      vi.advanceTimersByTime(15_000);
      if (version === 5) await client.expect(PacketType.DISCONNECT, { reasonCode: ReasonCode.KeepAliveTimeout });
      expect(await client.next()).toBeUndefined();
    });

    test("a connection that sends no CONNECT does not stay", async () => {
      const client = await (await Server.start("memory", { limits: { connectTimeoutMs: 5_000 } })).client();
      client.send(
        encode(
          { type: PacketType.CONNECT, protocolVersion: 5, cleanStart: true, keepAlive: 0, clientId: "c" },
          5,
        ).subarray(0, 9),
      );
      vi.advanceTimersByTime(5_000);
      expect(await client.next()).toBeUndefined();
    });
  });
});

test("[MQTT-3.1.4-2] failed credentials end the connection, with the reason", () => {
  const world = new TestBroker({ authenticate: () => ({ ok: false, reasonCode: 0x86, reason: "no" }) });
  const client = world.connect("c");
  expect([client.connack!.reasonCode, client.isClosed, typesOf(client.take())]).toEqual([0x86, true, []]);
});
