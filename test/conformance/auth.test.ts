/** Enhanced authentication: MQTT 5.0 §3.15 and §4.12. The method is the test's own: the authenticator decides. */
import { describe, expect, test } from "vitest";
import { Admission } from "../../src/admission.ts";
import type { AuthenticationChallenge, AuthenticationResult } from "../../src/broker/index.ts";
import { type Auth, type Packet, isReasonCodeOf } from "../../src/codec/index.ts";
import { createMemoryCatalogue } from "../../src/store/index.ts";
import { ANYONE } from "../setup/anyone.ts";
import {
  PacketType,
  ReasonCode,
  TestBroker,
  type TestClient,
  disconnectCode,
  sizeOf,
  subscribe,
  typesOf,
} from "./support.ts";
import { Server, connectFrame, frame } from "./wire.ts";

const METHOD = "X-TEST";
const method = { authenticationMethod: METHOD };
const auth = (reasonCode: number, data = "data", authenticationMethod = METHOD): Auth => ({
  type: PacketType.AUTH,
  reasonCode,
  properties: { authenticationMethod, authenticationData: Buffer.from(data) },
});
const goOn = (data = "data") => auth(ReasonCode.ContinueAuthentication, data);
const CHALLENGE = { challenge: Buffer.from("challenge") };
const OK: AuthenticationResult = { ok: true, principal: ANYONE, data: Buffer.from("last") };
const NO: AuthenticationResult = { ok: false, reasonCode: ReasonCode.NotAuthorized, reason: "no" };

/** A client whose CONNECT has a method; the test answers for the authenticator. */
class Exchange {
  readonly world = new TestBroker({ authenticateLater: true });
  readonly client: TestClient;

  constructor(properties: object = method) {
    this.client = this.world.client().connect({ clientId: "c", properties });
  }

  answer(result: AuthenticationResult | AuthenticationChallenge): Packet[] {
    this.world.broker.authenticated(this.client.connection!, result, this.world.now);
    return this.client.take();
  }

  /** A client that is connected, by way of one challenge. */
  static open(): Exchange {
    const exchange = new Exchange();
    exchange.answer(CHALLENGE);
    exchange.client.sends(goOn());
    exchange.answer(OK);
    return exchange;
  }
}

describe("before CONNACK", () => {
  test("[MQTT-4.12.0-1] a method that is not supported: CONNACK 0x8C, then closed", async () => {
    const admission = new Admission({ catalogue: createMemoryCatalogue(), anonymous: undefined, now: () => 0 });
    const server = await Server.start("memory", {
      authenticate: (packet, stream) => admission.check("unknown", packet, stream),
    });
    const properties = frame(0, 0x15, "NO-SUCH-METHOD").subarray(1);
    const outcome = await (await server.client()).outcome(connectFrame(5, { properties }));
    expect([ReasonCode.BadAuthenticationMethod, ReasonCode.NotAuthorized]).toContain(outcome);
  });

  test("[MQTT-4.12.0-2] the server asks to go on with AUTH 0x18", () => {
    const exchange = new Exchange();
    expect(exchange.answer(CHALLENGE)).toMatchObject([{ type: PacketType.AUTH, reasonCode: 0x18 }]);
    exchange.client.sends(goOn());
    // As often as the method needs.
    expect(exchange.answer(CHALLENGE)).toMatchObject([{ type: PacketType.AUTH, reasonCode: 0x18 }]);
  });

  test("[MQTT-4.12.0-5] pitfall 44: AUTH and CONNACK repeat the method", () => {
    const exchange = new Exchange();
    const seen = [...exchange.answer(CHALLENGE)];
    exchange.client.sends(goOn());
    seen.push(...exchange.answer(OK));
    expect(typesOf(seen)).toEqual(["AUTH", "CONNACK"]);
    for (const packet of seen) expect(packet).toMatchObject({ properties: method });
    // Where the first answer is good enough, CONNACK has it as well.
    expect(new Exchange().answer(OK)).toMatchObject([{ type: PacketType.CONNACK, properties: method }]);
  });

  test("[MQTT-3.2.0-1] AUTH is all that may come before CONNACK", () => {
    const exchange = new Exchange();
    const other = exchange.world.client();
    expect([exchange.client.take(), other.take()]).toEqual([[], []]);
    exchange.client.sends({ type: PacketType.DISCONNECT, reasonCode: 0 });
    expect(exchange.answer(CHALLENGE).every(({ type }) => type === PacketType.AUTH)).toBe(true);
    expect(exchange.client.isClosed).toBe(true);
  });

  test("[MQTT-4.12.0-4] the server may refuse at any point: CONNACK 0x80 or above, then closed", () => {
    for (const challenges of [0, 1, 2]) {
      const exchange = new Exchange();
      for (let i = 0; i < challenges; i++) {
        exchange.answer(CHALLENGE);
        exchange.client.sends(goOn());
      }
      expect(exchange.answer(NO)).toMatchObject([
        { type: PacketType.CONNACK, reasonCode: 0x87, sessionPresent: false },
      ]);
      expect(exchange.client.isClosed).toBe(true);
    }
  });

  test.each<[name: string, packet: Packet]>([
    ["[MQTT-4.12.0-5] pitfall 44: another method", auth(0x18, "data", "OTHER")],
    ["AUTH 0x19", auth(0x19)],
    ["AUTH without a method", { type: PacketType.AUTH, reasonCode: 0x18 }],
    ["[MQTT-3.1.2-30] another packet", subscribe(1, "t")],
  ])("%s instead of the answer ends the connection", (_name, packet) => {
    const exchange = new Exchange();
    exchange.answer(CHALLENGE);
    const received = exchange.client.sends(packet).take();
    expect(exchange.client.isClosed).toBe(true);
    for (const each of received)
      expect(each).toMatchObject({ type: PacketType.CONNACK, reasonCode: ReasonCode.ProtocolError });
  });

  test("[MQTT-3.1.4-6] what is not AUTH and follows a refused CONNECT is not processed", async () => {
    const server = await Server.start("memory", { authenticate: () => NO });
    const client = await server.client();
    client.send(connectFrame(5, { properties: frame(0, 0x15, METHOD).subarray(1) }), subscribe(1, "t"), goOn());
    await client.expect(PacketType.CONNACK, { reasonCode: 0x87 });
    expect(await client.next()).toBeUndefined();
  });
});

describe("clients that named no method", () => {
  test("[MQTT-4.12.0-6] get no AUTH, and no method in CONNACK", () => {
    const client = new TestBroker().connect("c", { username: "u", password: Buffer.from("p") });
    expect([client.take(), client.connack!.properties!.authenticationMethod]).toEqual([[], undefined]);
  });

  test("[MQTT-4.12.0-7] must not send AUTH", () => {
    for (const code of [0x00, 0x18, 0x19]) {
      const client = new TestBroker().connect("c").sends(auth(code));
      expect(disconnectCode(client)).toBe(ReasonCode.ProtocolError);
    }
  });
});

describe("re-authentication", () => {
  test("[MQTT-4.12.1-1] goes on with the same method, while other packets flow", () => {
    const { client, ...exchange } = Exchange.open();
    client.sends(auth(0x19)).publishes("t", "", { qos: 1, packetId: 1 });
    expect(typesOf(client.take())).toEqual(["PUBACK"]);
    const answer = (result: AuthenticationResult | AuthenticationChallenge) => {
      exchange.world.broker.authenticated(client.connection!, result, exchange.world.now);
      return client.take();
    };
    expect(answer(CHALLENGE)).toMatchObject([{ type: PacketType.AUTH, reasonCode: 0x18, properties: method }]);
    client.sends(goOn());
    expect(answer(OK)).toMatchObject([{ type: PacketType.AUTH, reasonCode: 0x00, properties: method }]);
    expect(client.isClosed).toBe(false);
  });

  test("[MQTT-4.12.1-1] pitfall 44: another method is 0x82", () => {
    const { client } = Exchange.open();
    client.sends(auth(0x19, "data", "OTHER"));
    expect([disconnectCode(client), client.isClosed]).toEqual([ReasonCode.ProtocolError, true]);
  });

  test("[MQTT-4.12.1-2] pitfall 44: a failure is told in DISCONNECT, and closes", () => {
    const exchange = Exchange.open();
    exchange.client.sends(auth(0x19));
    expect(exchange.answer(NO)).toMatchObject([{ type: PacketType.DISCONNECT, reasonCode: 0x87 }]);
    expect(exchange.client.isClosed).toBe(true);
  });

  test("an answer without a question is 0x82", () => {
    for (const code of [0x18, 0x00]) {
      const { client } = Exchange.open();
      expect(disconnectCode(client.sends(auth(code)))).toBe(ReasonCode.ProtocolError);
    }
  });
});

describe("AUTH", () => {
  test("[MQTT-3.15.2-1] has one of its reason codes, either way", async () => {
    const exchange = Exchange.open();
    exchange.client.sends(auth(0x19));
    const codes = [...exchange.answer(CHALLENGE), ...exchange.client.sends(goOn()).take(), ...exchange.answer(OK)];
    for (const packet of codes) expect(isReasonCodeOf(PacketType.AUTH, (packet as Auth).reasonCode)).toBe(true);
    const client = await (await Server.start()).connect("c", { properties: method });
    expect(await client.outcome(frame(0xf0, 0x87, 0))).toBe(ReasonCode.ProtocolError);
  });

  test("[MQTT-3.15.2-2] [MQTT-3.15.2-3] carries no reason string or user property that would not fit", () => {
    const exchange = new Exchange({ ...method, maximumPacketSize: 40 });
    for (const packet of exchange.answer(CHALLENGE)) {
      const { reasonString, userProperties } = (packet as Auth).properties!;
      expect([sizeOf(packet) <= 40, reasonString, userProperties]).toEqual([true, undefined, undefined]);
    }
  });

  test("Authentication Data without a method is 0x82", async () => {
    const properties = frame(0, 0x16, "data").subarray(1);
    expect(await (await (await Server.start()).client()).outcome(connectFrame(5, { properties }))).toBe(0x82);
  });
});
