/** CONNECT as bytes: MQTT 5.0 §3.1.0 to §3.1.4, 3.1.1 §3.1. */
import { describe, expect, test } from "vitest";
import type { Auth, Connect } from "../../src/codec/index.ts";
import { ANYONE } from "../setup/anyone.ts";
import { PacketType, both, subscribe } from "./support.ts";
import { type ConnectFields, Server, closes, connectFrame, frame, prefixed, publishFrame, raw } from "./wire.ts";

const USER_NAME = 0x80;
const PASSWORD = 0x40;
const WILL_RETAIN = 0x20;
const WILL_QOS_1 = 0x08;
const WILL = 0x04;
const CLEAN = 0x02;

const ILL_FORMED = prefixed(0x61, 0xc0, 0x80);
/** The Will Properties of 5.0, none. */
const none = (version: 4 | 5) => (version === 5 ? [0] : []);

both(
  "[MQTT-3.1.0-1] [3.1.1 MQTT-3.1.0-1] a first packet other than CONNECT ends the connection without an answer",
  async (version) => {
    const server = await Server.start();
    for (const packet of [frame(0xc0), publishFrame(version), frame(0xe0), frame(0x20, 0, 0)]) {
      expect(await (await server.client(version)).outcome(packet)).toBe("closed");
    }
  },
);

both("[MQTT-3.1.0-2] [3.1.1 MQTT-3.1.0-2] a second CONNECT is a protocol error", async (version) => {
  const client = await (await Server.start()).connect("client", { protocolVersion: version });
  expect(await client.outcome(connectFrame(version))).toBe(closes(version, 0x82));
});

describe("protocol name and version", () => {
  both("[MQTT-3.1.2-1] [3.1.1 MQTT-3.1.2-1] another name is not served", async (version) => {
    const server = await Server.start();
    for (const name of ["MQTX", "mqtt", "HTTP", ""]) {
      // Whoever speaks another protocol is answered, if at all, in the oldest form of CONNACK.
      const outcome = await (await server.client(4)).outcome(connectFrame(version, { name }));
      expect([1, "closed"]).toContain(outcome);
    }
  });

  test("[MQTT-3.1.2-2] a version above 5: CONNACK 0x84, then closed", async () => {
    const server = await Server.start();
    for (const level of [6, 7, 100]) {
      expect(await (await server.client(5)).outcome(connectFrame(5, { level }))).toBe(0x84);
    }
  });

  test("[3.1.1 MQTT-3.1.2-2] a level that is not supported: return code 1, then closed", async () => {
    const server = await Server.start();
    for (const level of [0, 1, 2, 3]) {
      expect(await (await server.client(4)).outcome(connectFrame(4, { level }))).toBe(1);
    }
  });
});

/** What is wrong with a CONNECT, by the statements that forbid it. */
const malformed: [name: string, fields: (version: 4 | 5) => ConnectFields][] = [
  ["[MQTT-3.1.2-3] [3.1.1 MQTT-3.1.2-3] the reserved flag", () => ({ flags: CLEAN | 0x01 })],
  ["[MQTT-3.1.2-11] [3.1.1 MQTT-3.1.2-13] Will QoS without a will", () => ({ flags: CLEAN | WILL_QOS_1 })],
  ["[MQTT-3.1.2-13] [3.1.1 MQTT-3.1.2-15] Will Retain without a will", () => ({ flags: CLEAN | WILL_RETAIN })],
  [
    "[MQTT-3.1.2-12] [3.1.1 MQTT-3.1.2-14] Will QoS 3",
    (version) => ({ flags: CLEAN | WILL | 0x18, payload: ["client", ...none(version), "t", "m"] }),
  ],
  [
    "[MQTT-3.1.2-9] [3.1.1 MQTT-3.1.2-9] a Will Flag without topic and message",
    (version) => ({ flags: CLEAN | WILL, payload: ["client", ...none(version)] }),
  ],
  ["[MQTT-3.1.4-1] [3.1.1 MQTT-3.1.2-11] a will without its flag", () => ({ payload: ["client", "t", "m"] })],
  ["[MQTT-3.1.2-16] [3.1.1 MQTT-3.1.2-18] a user name without its flag", () => ({ payload: ["client", "user"] })],
  [
    "[MQTT-3.1.2-17] [3.1.1 MQTT-3.1.2-19] the User Name Flag without a user name",
    () => ({ flags: CLEAN | USER_NAME }),
  ],
  [
    "[MQTT-3.1.2-18] [3.1.1 MQTT-3.1.2-20] a password without its flag",
    () => ({ flags: CLEAN | USER_NAME, payload: ["client", "user", "secret"] }),
  ],
  [
    "[MQTT-3.1.2-19] [3.1.1 MQTT-3.1.2-21] the Password Flag without a password",
    () => ({ flags: CLEAN | USER_NAME | PASSWORD, payload: ["client", "user"] }),
  ],
  ["[MQTT-3.1.3-3] [3.1.1 MQTT-3.1.3-3] no client identifier", () => ({ payload: [] })],
  ["[MQTT-3.1.3-4] [3.1.1 MQTT-3.1.3-4] an ill-formed client identifier", () => ({ payload: [ILL_FORMED] })],
  [
    "[MQTT-3.1.3-11] [3.1.1 MQTT-3.1.3-10] an ill-formed will topic",
    (version) => ({ flags: CLEAN | WILL, payload: ["client", ...none(version), ILL_FORMED, "m"] }),
  ],
  [
    "[MQTT-3.1.3-12] [3.1.1 MQTT-3.1.3-11] an ill-formed user name",
    () => ({ flags: CLEAN | USER_NAME, payload: ["client", ILL_FORMED] }),
  ],
];

describe("a malformed CONNECT ends the connection: 5.0 is told 0x81, 3.1.1 gets no CONNACK", () => {
  for (const [name, fields] of malformed) {
    both(name, async (version) => {
      const client = await (await Server.start()).client(version);
      expect(await client.outcome(connectFrame(version, fields(version)))).toBe(closes(version, 0x81));
    });
  }

  test("[3.1.1 MQTT-3.1.2-22] a password without a user name, which 5.0 allows", async () => {
    const server = await Server.start();
    const fields = { flags: CLEAN | PASSWORD, payload: ["client", "secret"] };
    expect(await (await server.client(4)).outcome(connectFrame(4, fields))).toBe("closed");
    expect(await (await server.client(5)).outcome(connectFrame(5, fields))).toBe("open");
  });

  both("[MQTT-3.1.4-1] [3.1.1 MQTT-3.1.4-1] a packet that is cut off or goes on too long", async (version) => {
    const server = await Server.start();
    const whole = connectFrame(version).subarray(2);
    for (let length = 0; length < whole.length; length++) {
      const cut = frame(0x10, whole.subarray(0, length));
      // As long as name and version are cut off, nobody knows what form an answer has.
      const expected = length < 7 ? "closed" : closes(version, 0x81);
      expect([length, await (await server.client(version)).outcome(cut)]).toEqual([length, expected]);
    }
    expect(await (await server.client(version)).outcome(frame(0x10, whole, 0))).toBe(closes(version, 0x81));
  });

  test("[MQTT-3.1.4-1] properties that CONNECT cannot have", async () => {
    const server = await Server.start();
    const wrong: [properties: Buffer, reasonCode: number][] = [
      [raw(2, 0x01, 0), 0x81],
      [raw(3, 0x23, 0, 1), 0x81],
      [raw(2, 0x7f, 0), 0x81],
      [raw(3, 0x21, 0, 0), 0x82],
      [raw(5, 0x27, 0, 0, 0, 0), 0x82],
      [raw(2, 0x17, 2), 0x82],
      [raw(2, 0x19, 2), 0x82],
      [raw(4, 0x16, 0, 1, 1), 0x82],
    ];
    for (const [properties, reasonCode] of wrong) {
      const outcome = await (await server.client()).outcome(connectFrame(5, { properties }));
      expect([properties.toString("hex"), outcome]).toEqual([properties.toString("hex"), reasonCode]);
    }
  });
});

both(
  "[MQTT-3.1.3-1] [3.1.1 MQTT-3.1.3-1] client identifier, will, user name, password are read in this order",
  async (version) => {
    const seen: (Connect | Auth)[] = [];
    const server = await Server.start("memory", {
      authenticate: (packet) => {
        seen.push(packet);
        return { ok: false, reasonCode: 0x87, reason: "" };
      },
    });
    const packet = connectFrame(version, {
      flags: USER_NAME | PASSWORD | WILL | WILL_RETAIN | WILL_QOS_1,
      payload: ["id", ...none(version), "will/topic", "will message", "user", "password"],
    });
    await (await server.client(version)).outcome(packet);
    expect(seen).toMatchObject([
      {
        cleanStart: false,
        clientId: "id",
        will: { topic: "will/topic", payload: Buffer.from("will message"), qos: 1, retain: true },
        username: "user",
        password: Buffer.from("password"),
      },
    ]);
  },
);

both("[MQTT-3.1.4-6] [3.1.1 MQTT-3.1.4-5] what follows a rejected CONNECT is not processed", async (version) => {
  const server = await Server.start("memory", {
    authenticate: (packet) =>
      packet.type === PacketType.CONNECT && packet.clientId === "good"
        ? { ok: true, principal: ANYONE }
        : { ok: false, reasonCode: 0x87, reason: "" },
  });
  const good = await server.connect("good");
  await good.settle(subscribe(1, "#"));
  const bad = await server.client(version);
  bad.send(connectFrame(version), publishFrame(version, { first: 0x31 }));
  await bad.expect(PacketType.CONNACK, { reasonCode: version === 5 ? 0x87 : 5 });
  expect(await bad.next()).toBeUndefined();
  expect(await good.settle()).toEqual([]);
});

both(
  "[MQTT-3.2.0-1] [3.1.1 MQTT-3.2.0-1] [MQTT-3.2.0-2] CONNACK is the first packet, and comes once",
  async (version) => {
    const server = await Server.start();
    const retaining = await server.connect("r");
    await retaining.settle(publishFrame(5, { first: 0x31, payload: [1] }));
    const client = await server.client(version);
    // Sent together with CONNECT, and so before CONNACK.
    const received = await client.settle(connectFrame(version), subscribe(1, "#"));
    expect(received.map(({ type }) => type)).toEqual([PacketType.CONNACK, PacketType.SUBACK, PacketType.PUBLISH]);
  },
);

both("[MQTT-3.1.4-5] [3.1.1 MQTT-3.1.4-4] a good CONNECT is answered with CONNACK 0", async (version) => {
  const client = await (await Server.start()).client(version);
  expect(await client.settle(connectFrame(version))).toMatchObject([{ type: PacketType.CONNACK, reasonCode: 0 }]);
});

test("[3.1.1 MQTT-3.2.2-6] where no return code fits, the connection is closed without CONNACK", async () => {
  const outcomes: Record<string, unknown> = {};
  for (const [why, reasonCode] of [
    ["use another server", 0x9c],
    ["server moved", 0x9d],
  ] as const) {
    const server = await Server.start("memory", { authenticate: () => ({ ok: false, reasonCode, reason: why }) });
    outcomes[why] = await (await server.client(4)).outcome(connectFrame(4));
  }
  expect(outcomes).toEqual({ "use another server": "closed", "server moved": "closed" });
});
