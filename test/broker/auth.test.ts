import { describe, expect, test } from "vitest";
import type { AuthenticationChallenge, AuthenticationResult, Principal } from "../../src/broker/index.ts";
import { type Auth, type Packet, PacketType, ReasonCode } from "../../src/codec/index.ts";
import { TestBroker, type TestClient } from "./harness.ts";

const principal: Principal = { clientId: undefined, tokenId: "t1", expiresAtMs: Infinity, acl: undefined };
const method = { authenticationMethod: "X" };
const auth = (reasonCode: number, data: string, authenticationMethod = "X"): Auth => ({
  type: PacketType.AUTH,
  reasonCode,
  properties: { authenticationMethod, authenticationData: Buffer.from(data) },
});

class Exchange {
  readonly test = new TestBroker({ authenticateLater: true });
  readonly client: TestClient;

  constructor() {
    this.client = this.test.client().connect({ clientId: "a", properties: method });
  }

  answer(result: AuthenticationResult | AuthenticationChallenge): Packet[] {
    this.test.broker.authenticated(this.client.connection!, result, this.test.now);
    return this.client.take();
  }

  /** Goes through the first exchange. */
  opened(): this {
    this.answer({ challenge: Buffer.from("c1") });
    this.client.sends(auth(ReasonCode.ContinueAuthentication, "r1"));
    this.answer({ ok: true, principal, data: Buffer.from("last") });
    return this;
  }
}

describe("enhanced authentication", () => {
  test("challenge, response, CONNACK: each with the method [MQTT-4.12.0-5]", () => {
    const exchange = new Exchange();
    expect(exchange.answer({ challenge: Buffer.from("c1") })).toEqual([auth(0x18, "c1")]);
    exchange.client.sends(auth(0x18, "r1"));
    expect(exchange.answer({ ok: true, principal, data: Buffer.from("last") })).toMatchObject([
      { type: PacketType.CONNACK, reasonCode: 0, properties: { ...method, authenticationData: Buffer.from("last") } },
    ]);
    expect(exchange.client.publishes("t", "", { qos: 1 }).take()).toHaveLength(1);
  });

  test("a failure is told in CONNACK, and closes [MQTT-4.12.0-4]", () => {
    const exchange = new Exchange();
    exchange.answer({ challenge: Buffer.from("c1") });
    exchange.client.sends(auth(0x18, "r1"));
    expect(exchange.answer({ ok: false, reasonCode: 0x87, reason: "no" })).toMatchObject([{ reasonCode: 0x87 }]);
    expect(exchange.client.isClosed).toBe(true);
    expect(exchange.test.broker.deadlines.size).toBe(0);
  });

  test.each<[string, Packet]>([
    ["another method", auth(0x18, "r1", "Y")],
    ["re-authentication", auth(0x19, "r1")],
    ["another packet", { type: PacketType.PINGREQ }],
  ])("%s instead of the response is a protocol error", (_name, packet) => {
    const exchange = new Exchange();
    exchange.answer({ challenge: Buffer.from("c1") });
    exchange.client.sends(packet);
    expect(exchange.client.take()).toMatchObject([{ type: PacketType.CONNACK, reasonCode: ReasonCode.ProtocolError }]);
    expect(exchange.client.isClosed).toBe(true);
  });

  test("a client that gives up or says nothing is forgotten", () => {
    const givesUp = new Exchange();
    givesUp.answer({ challenge: Buffer.from("c1") });
    givesUp.client.disconnects();
    expect(givesUp.test.broker.connections.size).toBe(0);
    const silent = new Exchange();
    silent.answer({ challenge: Buffer.from("c1") });
    silent.test.advance(10_000);
    expect([silent.client.isClosed, silent.client.received, silent.test.broker.connections.size]).toEqual([
      true,
      [],
      0,
    ]);
  });
});

describe("re-authentication", () => {
  test("goes on beside other packets, and gives new rights [MQTT-4.12.1-1]", () => {
    const exchange = new Exchange().opened();
    exchange.client.sends(auth(0x19, "again")).publishes("t", "", { qos: 1 });
    expect(exchange.client.take()).toMatchObject([{ type: PacketType.PUBACK }]);
    expect(exchange.answer({ challenge: Buffer.from("c2") })).toEqual([auth(0x18, "c2")]);
    exchange.client.sends(auth(0x18, "r2"));
    const acl = { mayPublish: () => false, maySubscribe: () => false };
    expect(exchange.answer({ ok: true, principal: { ...principal, tokenId: "t2", acl } })).toEqual([
      { type: PacketType.AUTH, reasonCode: 0, properties: method },
    ]);
    expect(exchange.client.connection!.tokenId).toBe("t2");
    expect(exchange.client.publishes("t", "", { qos: 1 }).take()).toMatchObject([{ reasonCode: 0x87 }]);
  });

  test("a failure closes with its reason [MQTT-4.12.1-2]", () => {
    const exchange = new Exchange().opened();
    exchange.client.sends(auth(0x19, "again"));
    expect(exchange.answer({ ok: false, reasonCode: 0x87, reason: "no" })).toMatchObject([
      { type: PacketType.DISCONNECT, reasonCode: 0x87 },
    ]);
  });

  test("a failure that DISCONNECT has no code for closes as not authorized", () => {
    const exchange = new Exchange().opened();
    exchange.client.sends(auth(0x19, "again"));
    const failure = { ok: false, reasonCode: ReasonCode.BadUserNameOrPassword, reason: "wrong password" } as const;
    expect(exchange.answer(failure)).toMatchObject([{ type: PacketType.DISCONNECT, reasonCode: 0x87 }]);
    expect(exchange.client.isClosed).toBe(true);
  });

  test.each<[string, Auth]>([
    ["another method", auth(0x19, "x", "Y")],
    ["no beginning", auth(0x18, "x")],
  ])("%s is a protocol error", (_name, packet) => {
    const { client } = new Exchange().opened();
    expect(client.sends(packet).take()).toMatchObject([{ type: PacketType.DISCONNECT, reasonCode: 0x82 }]);
  });

  test("AUTH from a client that began without a method is a protocol error", () => {
    const client = new TestBroker().connect("a").sends(auth(0x19, "x"));
    expect(client.take()).toMatchObject([{ type: PacketType.DISCONNECT, reasonCode: 0x82 }]);
  });
});
