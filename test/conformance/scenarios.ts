/** A sample of the table that runs over every transport: sockets.test.ts. */
import { expect } from "vitest";
import { type Connect, type Packet, PacketType, type Publish, type QoS } from "../../src/codec/index.ts";
import { lasting, puback, pubcomp, pubrec, pubrel, subscribe, typesOf, unsubscribe, will } from "./support.ts";
import {
  Server,
  type ServerOptions,
  type Transport,
  type WireClient,
  connectFrame,
  frame,
  publishFrame,
} from "./wire.ts";

export interface Scenario {
  readonly name: string;
  run(transport: Transport): Promise<void>;
}

export const scenarios: Scenario[] = [];

function scenario(name: string, run: (server: Server) => Promise<void>, options?: ServerOptions): void {
  scenarios.push({ name, run: async (transport) => run(await Server.start(transport, options)) });
}

const publish = (topic: string, payload: string, qos: QoS = 0, more: Partial<Publish> = {}): Packet => ({
  type: PacketType.PUBLISH,
  topic,
  payload: Buffer.from(payload),
  qos,
  retain: false,
  dup: false,
  packetId: qos === 0 ? 0 : 1,
  ...more,
});
const goodbye = { type: PacketType.DISCONNECT, reasonCode: 0 };
const messages = (packets: (Packet | undefined)[]) =>
  packets.flatMap((packet) =>
    packet?.type === PacketType.PUBLISH ? `${packet.topic}=${packet.payload.toString()}` : [],
  );

/** A client that is connected and has subscribed to one filter. */
async function subscriber(
  server: Server,
  filter: string,
  qos: QoS = 0,
  options: Partial<Connect> = {},
): Promise<WireClient> {
  const client = await server.connect("subscriber", options);
  await client.settle(subscribe(1, [filter, qos]));
  return client;
}
/** Waits until the server knows that the client's connection is gone. */
async function gone(
  server: Server,
  clientId: string,
  client: WireClient,
  options: Partial<Connect>,
): Promise<WireClient> {
  client.breaks();
  return server.connect(clientId, options);
}

// ---- connecting

for (const version of [4, 5] as const) {
  const id = (number5: string, number4: string) => (version === 5 ? `[MQTT-${number5}]` : `[3.1.1 MQTT-${number4}]`);
  const told = (reasonCode: number) => (version === 5 ? reasonCode : "closed");

  scenario(`${id("3.1.0-1", "3.1.0-1")} a first packet other than CONNECT ends the connection`, async (server) => {
    expect(await (await server.client(version)).outcome(publishFrame(version))).toBe("closed");
  });

  scenario(`${id("3.1.0-2", "3.1.0-2")} a second CONNECT ends it`, async (server) => {
    const client = await server.connect("c", { protocolVersion: version });
    expect(await client.outcome(connectFrame(version))).toBe(told(0x82));
  });

  scenario(`${id("3.1.2-3", "3.1.2-3")} the reserved flag of CONNECT ends it`, async (server) => {
    expect(await (await server.client(version)).outcome(connectFrame(version, { flags: 3 }))).toBe(told(0x81));
  });

  scenario(`${id("3.1.4-3", "3.1.4-2")} a takeover ends the older connection`, async (server) => {
    const older = await server.connect("c", { protocolVersion: version });
    const newer = await server.connect("c", { protocolVersion: version });
    if (version === 5) await older.expect(PacketType.DISCONNECT, { reasonCode: 0x8e });
    expect([await older.next(), await newer.settle()]).toEqual([undefined, []]);
  });

  scenario(`${id("3.2.2-3", "3.2.2-2")} Session Present, and what was missed`, async (server) => {
    const client = await subscriber(server, "t", 1, lasting(version));
    expect(client.connack!.sessionPresent).toBe(false);
    client.send(goodbye);
    expect(await client.next()).toBeUndefined();
    const publisher = await server.connect("p");
    await publisher.settle(publish("t", "missed", 1));
    const back = await server.connect("subscriber", lasting(version));
    expect([back.connack!.sessionPresent, messages(await back.settle())]).toEqual([true, ["t=missed"]]);
  });

  scenario(`${id("3.1.2-8", "3.1.2-8")} the will is published when the connection breaks`, async (server) => {
    const watcher = await subscriber(server, "will");
    (await server.connect("c", { protocolVersion: version, ...will("will") })).breaks();
    expect(messages([await watcher.next()])).toEqual(["will=gone"]);
  });

  scenario(`${id("3.14.4-3", "3.14.4-3")} and not after DISCONNECT`, async (server) => {
    const watcher = await subscriber(server, "will");
    const client = await server.connect("c", { protocolVersion: version, ...will("will") });
    client.send(goodbye);
    expect([await client.next(), await watcher.settle()]).toEqual([undefined, []]);
  });

  // ---- messages

  scenario(`${id("3.3.4-1", "3.3.4-1")} QoS 0, 1 and 2 from the publisher's side`, async (server) => {
    const client = await server.connect("c", { protocolVersion: version });
    const received = await client.settle(publish("t", ""), publish("t", "", 1), publish("t", "", 2), pubrel(1));
    expect(typesOf(received)).toEqual(["PUBACK", "PUBREC", "PUBCOMP"]);
  });

  scenario(`${id("3.8.4-8", "3.8.4-6")} delivery at the lower QoS`, async (server) => {
    const client = await subscriber(server, "t", 1, { protocolVersion: version });
    const publisher = await server.connect("p");
    await publisher.settle(publish("t", "0", 0), publish("t", "1", 1), publish("t", "2", 2));
    const received = (await client.settle()) as Publish[];
    expect(received.map(({ qos }) => qos)).toEqual([0, 1, 1]);
  });

  scenario(`${id("4.3.3-4", "4.3.3-1")} QoS 2 from the subscriber's side`, async (server) => {
    const client = await subscriber(server, "t", 2, { protocolVersion: version });
    (await server.connect("p")).send(publish("t", "x", 2));
    const { packetId } = await client.expect(PacketType.PUBLISH, { qos: 2, dup: false });
    client.send(pubrec(packetId));
    await client.expect(PacketType.PUBREL, { packetId });
    expect(await client.settle(pubcomp(packetId))).toEqual([]);
  });

  scenario(`${id("4.4.0-1", "4.4.0-1")} what was not acknowledged is sent again`, async (server) => {
    const client = await subscriber(server, "t", 1, lasting(version));
    (await server.connect("p")).send(publish("t", "x", 1));
    const { packetId } = await client.expect(PacketType.PUBLISH, { dup: false });
    const back = await gone(server, "subscriber", client, lasting(version));
    await back.expect(PacketType.PUBLISH, { dup: true, packetId });
    expect(await back.settle(puback(packetId))).toEqual([]);
  });

  scenario(`${id("3.3.1-6", "3.3.1-10")} retained messages are kept, replaced and removed`, async (server) => {
    const publisher = await server.connect("p", { protocolVersion: version });
    const kept = async () =>
      messages(await (await server.connect("s", { protocolVersion: version })).settle(subscribe(1, "t")));
    await publisher.settle(publish("t", "1", 0, { retain: true }), publish("t", "2", 0, { retain: true }));
    expect(await kept()).toEqual(["t=2"]);
    await publisher.settle(publish("t", "", 0, { retain: true }));
    expect(await kept()).toEqual([]);
  });

  scenario(`${id("4.6.0-5", "4.6.0-6")} order is kept`, async (server) => {
    const client = await subscriber(server, "t", 1, { protocolVersion: version });
    const publisher = await server.connect("p");
    const payloads = Array.from({ length: 200 }, (_, i) => `${i}`);
    await publisher.settle(...payloads.map((payload, i) => publish("t", payload, 1, { packetId: i + 1 })));
    expect(messages(await client.settle())).toEqual(payloads.map((payload) => `t=${payload}`));
  });

  scenario(`${id("3.10.4-2", "3.10.4-2")} nothing after UNSUBSCRIBE`, async (server) => {
    const client = await subscriber(server, "t", 1, { protocolVersion: version });
    expect(typesOf(await client.settle(unsubscribe(2, "t")))).toEqual(["UNSUBACK"]);
    await (await server.connect("p")).settle(publish("t", "x", 1));
    expect(await client.settle()).toEqual([]);
  });

  scenario(`${id("3.3.2-2", "3.3.2-2")} wildcards in a topic name end the connection`, async (server) => {
    const client = await server.connect("c", { protocolVersion: version });
    expect(await client.outcome(publish("a/#", ""))).toBe(told(0x90));
  });

  scenario(`${id("1.5.4-1", "1.5.3-1")} ill-formed UTF-8 ends the connection`, async (server) => {
    const client = await server.connect("c", { protocolVersion: version });
    expect(await client.outcome(publishFrame(version, { topic: Buffer.from([0, 2, 0xc0, 0xaf]) }))).toBe(told(0x81));
  });

  scenario(`${id("2.1.3-1", "2.2.2-2")} reserved flags end the connection`, async (server) => {
    const client = await server.connect("c", { protocolVersion: version });
    expect(await client.outcome(frame(0xc1))).toBe(told(0x81));
  });

  scenario(`${id("4.7.2-1", "4.7.2-1")} # does not match $ topics`, async (server) => {
    const client = await subscriber(server, "#", 0, { protocolVersion: version });
    expect(messages(await client.settle(publish("$x", ""), publish("x", "")))).toEqual(["x="]);
  });
}

// ---- 5.0 alone

scenario("[MQTT-3.1.2-2] version 6 is told 0x84", async (server) => {
  expect(await (await server.client()).outcome(connectFrame(5, { level: 6 }))).toBe(0x84);
});

scenario("[MQTT-3.2.2-16] an assigned client identifier is told", async (server) => {
  const clients = [await server.connect(""), await server.connect("")];
  const ids = clients.map((client) => client.connack!.properties!.assignedClientIdentifier);
  expect(new Set(ids).size).toBe(2);
});

scenario("[MQTT-3.1.2-24] the client's Maximum Packet Size", async (server) => {
  const client = await subscriber(server, "t", 1, { properties: { maximumPacketSize: 50 } });
  await (await server.connect("p")).settle(publish("t", "x".repeat(50), 1), publish("t", "small", 1));
  expect(messages(await client.settle())).toEqual(["t=small"]);
});

scenario(
  "§3.2.2.3.6 the server's Maximum Packet Size",
  async (server) => {
    const client = await server.connect("c");
    expect(await client.outcome(publish("t", "x".repeat(1_000)))).toBe(0x95);
  },
  { limits: { packetBytesMax: 500 } },
);

scenario("[MQTT-3.3.4-9] the client's Receive Maximum", async (server) => {
  const client = await subscriber(server, "t", 1, { properties: { receiveMaximum: 2 } });
  const publisher = await server.connect("p");
  await publisher.settle(...[1, 2, 3].map((i) => publish("t", `${i}`, 1, { packetId: i })));
  const received = (await client.settle()) as Publish[];
  expect(messages(received)).toEqual(["t=1", "t=2"]);
  expect(messages(await client.settle(puback(received[0]!.packetId)))).toEqual(["t=3"]);
});

scenario(
  "[MQTT-3.3.4-7] the server's Receive Maximum",
  async (server) => {
    const client = await server.connect("c");
    client.send(...[1, 2, 3].map((packetId) => publish("t", "", 2, { packetId })));
    for (let i = 0; i < 2; i++) await client.expect(PacketType.PUBREC);
    await client.expect(PacketType.DISCONNECT, { reasonCode: 0x93 });
    expect(await client.next()).toBeUndefined();
  },
  { limits: { receiveMaximum: 2 } },
);

scenario("[MQTT-3.3.2-12] topic aliases from the client", async (server) => {
  const client = await subscriber(server, "#");
  const alias = { properties: { topicAlias: 1 } };
  await (await server.connect("p")).settle(publish("t", "1", 0, alias), publish("", "2", 0, alias));
  expect(messages(await client.settle())).toEqual(["t=1", "t=2"]);
});

scenario("[MQTT-3.3.2-11] topic aliases from the server", async (server) => {
  const client = await subscriber(server, "#", 0, { properties: { topicAliasMaximum: 1 } });
  const publisher = await server.connect("p");
  for (let i = 0; i < 5; i++) await publisher.settle(publish("a/long/topic", `${i}`));
  let topic = "";
  const resolved = ((await client.settle()) as Publish[]).map((packet) => {
    expect([undefined, 1]).toContain(packet.properties?.topicAlias);
    if (packet.topic !== "") topic = packet.topic;
    return topic;
  });
  expect(resolved).toEqual(Array.from({ length: 5 }, () => "a/long/topic"));
});

scenario("[MQTT-3.3.2-17] user properties and the rest are forwarded", async (server) => {
  const client = await subscriber(server, "t");
  const properties = {
    contentType: "c",
    responseTopic: "r",
    userProperties: [
      ["b", "1"],
      ["a", "2"],
    ] as [string, string][],
  };
  await (await server.connect("p")).settle(publish("t", "x", 0, { properties }));
  expect(await client.settle()).toMatchObject([{ properties }]);
});

scenario("[MQTT-3.8.3-3] No Local", async (server) => {
  const client = await server.connect("c");
  const [request] = (subscribe(1, "t") as Extract<Packet, { type: 8 }>).subscriptions;
  await client.settle({ type: PacketType.SUBSCRIBE, packetId: 1, subscriptions: [{ ...request!, noLocal: true }] });
  await (await server.connect("p")).settle(publish("t", "other's"));
  expect(messages(await client.settle(publish("t", "own")))).toEqual(["t=other's"]);
});

scenario("[MQTT-3.11.3-2] UNSUBACK has a code per filter", async (server) => {
  const client = await subscriber(server, "t");
  expect(await client.settle(unsubscribe(2, "t", "u"))).toMatchObject([{ reasonCodes: [0x00, 0x11] }]);
});

scenario("§4.8.2 a shared subscription gives each message to one member", async (server) => {
  const members = [await server.connect("a"), await server.connect("b")];
  for (const member of members) await member.settle(subscribe(1, ["$share/g/t", 1]));
  await (await server.connect("p")).settle(...[1, 2, 3, 4].map((i) => publish("t", `${i}`, 1, { packetId: i })));
  const seen = [messages(await members[0]!.settle()), messages(await members[1]!.settle())];
  expect([seen.flat().length, seen.every((each) => each.length > 0)]).toEqual([4, true]);
});
