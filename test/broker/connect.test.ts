import { describe, expect, test } from "vitest";
import { PacketType, type ProtocolVersion, ReasonCode } from "../../src/codec/index.ts";
import { ANYONE } from "../setup/anyone.ts";
import { TestBroker } from "./harness.ts";

const will = (delay?: number, topic = "will") => ({
  topic,
  payload: Buffer.from("gone"),
  qos: 0 as const,
  retain: false,
  ...(delay !== undefined && { properties: { willDelayInterval: delay } }),
});

describe("CONNECT", () => {
  test.each([3, 4, 5] as const)("version %i is accepted", (protocolVersion) => {
    const client = new TestBroker().connect("a", { protocolVersion });
    expect(client.connack).toMatchObject({ sessionPresent: false, reasonCode: 0 });
    expect(client.isClosed).toBe(false);
  });

  test("an empty client id is replaced by an assigned one, which is told [MQTT-3.2.2-16]", () => {
    const client = new TestBroker().connect("");
    expect(client.connack?.properties?.assignedClientIdentifier).toBe("assigned-1");
  });

  test.each<[ProtocolVersion, string, boolean, number]>([
    [3, "", true, 2],
    [3, "x".repeat(24), true, 2],
    [4, "", false, 2],
    [4, "", true, 0],
    [3, "x".repeat(23), true, 0],
    [5, "", false, 0],
  ])("version %i, client id %j, clean %s gets code %i", (protocolVersion, clientId, cleanStart, code) => {
    const client = new TestBroker().connect(clientId, { protocolVersion, cleanStart });
    expect(client.connack?.reasonCode).toBe(code);
    expect(client.isClosed).toBe(code !== 0);
  });

  test("neither password nor will are kept in the packet once the client is in, and the will is published all the same", () => {
    const broker = new TestBroker();
    const watcher = broker.connect("watcher").subscribes("will");
    const client = broker.connect("a", { username: "u", password: Buffer.from("secret"), will: will() });
    const { connect } = client.connection!;
    expect(connect).toMatchObject({ clientId: "a", username: "u", password: undefined, will: undefined });
    client.loses();
    expect(watcher.takeMessages()).toEqual(["will=gone"]);
  });

  test("a client id other than the token's is refused", () => {
    const test = new TestBroker({
      authenticate: () => ({
        ok: true,
        principal: { clientId: "mine", tokenId: "t", expiresAtMs: Infinity, acl: undefined },
      }),
    });
    expect(test.connect("other").connack?.reasonCode).toBe(ReasonCode.ClientIdentifierNotValid);
    expect(test.connect("mine").connack?.reasonCode).toBe(0);
    expect(test.connect("").connack?.properties?.assignedClientIdentifier).toBe("mine");
  });

  test("refused credentials get the reason, in the code of each version", () => {
    const test = new TestBroker({
      authenticate: () => ({ ok: false, reasonCode: ReasonCode.BadUserNameOrPassword, reason: "no" }),
    });
    const v5 = test.connect("a");
    expect(v5.connack).toMatchObject({ reasonCode: 0x86, properties: { reasonString: "no" } });
    expect(test.connect("a", { protocolVersion: 4 }).connack?.reasonCode).toBe(4);
    expect(v5.isClosed).toBe(true);
    expect(test.broker.connections.size).toBe(0);
  });

  test("packets wait until the credentials are checked", () => {
    const test = new TestBroker({ authenticateLater: true });
    const client = test.client().connect({ clientId: "a" });
    client.subscribes("t");
    expect(client.received).toEqual([]);
    test.broker.authenticated(client.connection!, { ok: true, principal: ANYONE }, test.now);
    expect(client.take().map((packet) => packet.type)).toEqual([PacketType.CONNACK, PacketType.SUBACK]);
  });

  test("a second CONNECT is a protocol error [MQTT-3.1.0-2]", () => {
    const client = new TestBroker().connect("a");
    client.sends(client.connection!.connect);
    expect(client.take()).toMatchObject([{ type: PacketType.DISCONNECT, reasonCode: ReasonCode.ProtocolError }]);
    expect(client.isClosed).toBe(true);
  });
});

describe("keep-alive", () => {
  test("silence for 1.5 × the keep-alive ends the connection [MQTT-3.1.2-22]", () => {
    const test = new TestBroker();
    const client = test.connect("a", { keepAlive: 10 });
    test.advance(14_999);
    expect(client.isClosed).toBe(false);
    client.sends({ type: PacketType.PINGREQ });
    test.advance(14_999);
    expect(client.take().map((packet) => packet.type)).toEqual([PacketType.PINGRESP]);
    test.advance(1);
    expect(client.take()).toMatchObject([{ reasonCode: ReasonCode.KeepAliveTimeout }]);
    expect(client.isClosed).toBe(true);
  });

  test("the server's limit replaces a longer one and is told", () => {
    const test = new TestBroker({ limits: { keepAliveMaxSeconds: 60 } });
    expect(test.connect("a", { keepAlive: 0 }).connack?.properties?.serverKeepAlive).toBe(60);
    expect(test.connect("b", { keepAlive: 30 }).connack?.properties?.serverKeepAlive).toBeUndefined();
  });

  test("the end of the token ends the connection", () => {
    const test = new TestBroker({
      authenticate: () => ({
        ok: true,
        principal: { clientId: undefined, tokenId: "t", expiresAtMs: 1_700_000_005_000, acl: undefined },
      }),
    });
    const client = test.connect("a");
    test.advance(4_999);
    expect(client.isClosed).toBe(false);
    test.advance(1);
    expect(client.take()).toMatchObject([{ reasonCode: ReasonCode.NotAuthorized }]);
  });
});

describe("sessions", () => {
  test("the second connection takes the client id over [MQTT-3.1.4-3]", () => {
    const test = new TestBroker();
    const first = test.connect("a");
    const second = test.connect("a");
    expect(first.take()).toMatchObject([{ type: PacketType.DISCONNECT, reasonCode: ReasonCode.SessionTakenOver }]);
    expect(first.isClosed).toBe(true);
    expect(second.connack?.sessionPresent).toBe(false);
  });

  test("a session with an expiry is resumed within it, with subscriptions and queued messages", () => {
    const test = new TestBroker();
    const expiring = { cleanStart: false, properties: { sessionExpiryInterval: 60 } };
    test.connect("a", expiring).subscribes("t", 1).loses();
    test.advance(59_000);
    test.connect("p").publishes("t", "1", { qos: 1 }).publishes("t", "0", { qos: 0 });
    const back = test.connect("a", expiring);
    expect(back.connack?.sessionPresent).toBe(true);
    expect(back.takeMessages()).toEqual(["t=1"]);
    back.loses();
    test.advance(60_000);
    expect(test.broker.sessions.has("a")).toBe(false);
    expect(test.connect("a", expiring).connack?.sessionPresent).toBe(false);
    expect(test.broker.subscriptions.size).toBe(0);
  });

  test("without expiry the session ends with the connection [MQTT-3.1.2-23]", () => {
    const test = new TestBroker();
    test.connect("a", { cleanStart: false }).loses();
    expect(test.broker.sessions.size).toBe(0);
  });

  test("3.1.1 without a clean session lasts; with one it does not", () => {
    const test = new TestBroker();
    test.connect("a", { protocolVersion: 4, cleanStart: false }).disconnects();
    expect(test.connect("a", { protocolVersion: 4, cleanStart: false }).connack?.sessionPresent).toBe(true);
    expect(test.connect("a", { protocolVersion: 4, cleanStart: true }).connack?.sessionPresent).toBe(false);
    expect(test.connect("a", { protocolVersion: 4, cleanStart: false }).connack?.sessionPresent).toBe(false);
  });

  test("DISCONNECT may shorten the expiry, and may not begin one (§3.14.2.2.2)", () => {
    const test = new TestBroker();
    test.connect("a", { properties: { sessionExpiryInterval: 60 } }).disconnects(0, { sessionExpiryInterval: 0 });
    expect(test.broker.sessions.size).toBe(0);
    const client = test.connect("b");
    client.disconnects(0, { sessionExpiryInterval: 5 });
    expect(client.take()).toMatchObject([{ type: PacketType.DISCONNECT, reasonCode: ReasonCode.ProtocolError }]);
  });

  test("a session expiry over the limit is told (§3.2.2.3.2)", () => {
    const test = new TestBroker({ limits: { sessionExpiryMaxSeconds: 100 } });
    const properties = { sessionExpiryInterval: 1000 };
    expect(test.connect("a", { properties }).connack?.properties?.sessionExpiryInterval).toBe(100);
  });

  test("a session resumed with credentials that allow less loses the subscriptions they do not allow", () => {
    let allowed = (_filter: string) => true;
    const acl = { mayPublish: () => true, maySubscribe: (filter: string) => allowed(filter) };
    const principal = { ...ANYONE, acl };
    const test = new TestBroker({ authenticate: () => ({ ok: true, principal }) });
    const lasting = { cleanStart: false, properties: { sessionExpiryInterval: 60 } };
    test.connect("a", lasting).subscribes("mine").subscribes("secret").loses();
    allowed = (filter) => filter === "mine";
    const back = test.connect("a", lasting);
    test.connect("p").publishes("mine", "1").publishes("secret", "2");
    expect(back.takeMessages()).toEqual(["mine=1"]);
  });

  test("when all clients are gone nothing is left behind", () => {
    const test = new TestBroker();
    for (let i = 0; i < 10; i++) {
      test
        .connect(`c${i}`, { keepAlive: 10, will: will(5) })
        .subscribes("a/+/b")
        .subscribes("$share/g/x/#")
        .loses();
    }
    const { broker } = test;
    expect([broker.sessions.size, broker.connections.size, broker.subscriptions.size, broker.deadlines.size]).toEqual([
      0, 0, 0, 0,
    ]);
  });
});

describe("wills", () => {
  test.each([
    ["lost connection", (client: ReturnType<TestBroker["connect"]>) => client.loses(), ["will=gone"]],
    ["DISCONNECT 0x00", (client: ReturnType<TestBroker["connect"]>) => client.disconnects(0), []],
    ["DISCONNECT 0x04", (client: ReturnType<TestBroker["connect"]>) => client.disconnects(4), ["will=gone"]],
  ])("%s [MQTT-3.14.4-3]", (_name, end, expected) => {
    const test = new TestBroker();
    const watcher = test.connect("w").subscribes("will");
    end(test.connect("a", { will: will() }));
    expect(watcher.takeMessages()).toEqual(expected);
  });

  test("clients that are sent away together do not get each other's wills", () => {
    const test = new TestBroker();
    const lasting = { properties: { sessionExpiryInterval: 100 } };
    const clients = ["a", "b"].map((id) =>
      test.connect(id, { will: { ...will(), qos: 1 }, ...lasting }).subscribes("will", 1),
    );
    for (const client of clients) client.take();
    test.broker.disconnectWhere(() => true, ReasonCode.NotAuthorized, "revoked", test.now);
    const packets = clients.map((client) => client.take().map(({ type }) => type));
    expect(packets).toEqual([[PacketType.DISCONNECT], [PacketType.DISCONNECT]]);
    // The wills wait for them, if they may come back.
    const waiting = [...test.broker.sessions.values()].map(({ queue }) => queue.length);
    expect(waiting).toEqual([2, 2]);
  });

  test("a delayed will is sent when the delay is over, not before [MQTT-3.1.2-8]", () => {
    const test = new TestBroker();
    const watcher = test.connect("w").subscribes("will");
    test.connect("a", { will: will(5), properties: { sessionExpiryInterval: 60 } }).loses();
    test.advance(4_999);
    expect(watcher.takeMessages()).toEqual([]);
    test.advance(1);
    expect(watcher.takeMessages()).toEqual(["will=gone"]);
  });

  test("the end of the session sends it earlier", () => {
    const test = new TestBroker();
    const watcher = test.connect("w").subscribes("will");
    test.connect("a", { will: will(50), properties: { sessionExpiryInterval: 3 } }).loses();
    test.advance(3_000);
    expect(watcher.takeMessages()).toEqual(["will=gone"]);
  });

  test("a session resumed in time does not send it [MQTT-3.1.3-9]", () => {
    const test = new TestBroker();
    const watcher = test.connect("w").subscribes("will");
    const properties = { sessionExpiryInterval: 60 };
    test.connect("a", { will: will(5), properties }).loses();
    test.connect("a", { cleanStart: false, properties });
    test.advance(10_000);
    expect(watcher.takeMessages()).toEqual([]);
  });

  test.each([
    ["delay 0", will(0), 60, false, ["will=gone"]],
    ["delay 5, session goes on", will(5), 60, false, []],
    ["delay 5, clean start", will(5), 60, true, ["will=gone"]],
    ["delay 5, session ends with the connection", will(5), 0, false, ["will=gone"]],
  ])("takeover with %s", (_name, ofOld, sessionExpiryInterval, cleanStart, expected) => {
    const test = new TestBroker();
    const watcher = test.connect("w").subscribes("will");
    test.connect("a", { will: ofOld, properties: { sessionExpiryInterval } });
    test.connect("a", { cleanStart });
    expect(watcher.takeMessages()).toEqual(expected);
  });

  test("a will on a forbidden topic refuses the connection", () => {
    const acl = { mayPublish: () => false, maySubscribe: () => true };
    const test = new TestBroker({
      authenticate: () => ({
        ok: true,
        principal: { ...ANYONE, acl },
      }),
    });
    expect(test.connect("a", { will: will() }).connack?.reasonCode).toBe(ReasonCode.NotAuthorized);
  });
});
