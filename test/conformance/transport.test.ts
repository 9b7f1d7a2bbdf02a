/** Transports: MQTT 5.0 §4.2 and chapter 6, 3.1.1 chapters 6 and 7. */
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { Decoder, PacketType } from "../../src/codec/index.ts";
import { defaultLimits } from "../../src/broker/index.ts";
import { Runtime } from "../../src/runtime/index.ts";
import { listenWebSocket } from "../../src/transport/websocket.ts";
import { openToAnyone } from "../setup/anyone.ts";
import { raise } from "../setup/raise.ts";
import { both, lasting, subscribe, typesOf } from "./support.ts";
import { Server, type Transport, connectFrame, publishFrame } from "./wire.ts";

for (const transport of ["tcp", "websocket"] as const satisfies Transport[]) {
  both(
    `[MQTT-4.2.0-1] [3.1.1 MQTT-7.1.1-1] ${transport} carries an ordered, lossless stream of bytes, both ways`,
    async (version) => {
      const server = await Server.start(transport);
      const client = await server.connect("c", { protocolVersion: version });
      await client.settle(subscribe(1, "#"));
      // Of all sizes, so that packets lie across whatever the transport makes of them.
      const payloads = Array.from({ length: 60 }, (_, i) => Buffer.alloc((i * i * 37) % 60_000, i));
      const received = await client.settle(
        ...payloads.map((payload, i) => ({
          type: PacketType.PUBLISH,
          topic: `t/${i}`,
          payload,
          qos: 0 as const,
          retain: false,
          dup: false,
          packetId: 0,
        })),
      );
      expect(received.map((packet) => packet.type === PacketType.PUBLISH && packet.topic)).toEqual(
        payloads.map((_, i) => `t/${i}`),
      );
      const same = received.every(
        (packet, i) => packet.type === PacketType.PUBLISH && packet.payload.equals(payloads[i]!),
      );
      expect(same).toBe(true);
    },
  );
}

test("[3.1.1 MQTT-7.0.0-2] a client needs nothing but what the standard has", async () => {
  const server = await Server.start("tcp");
  const client = await server.client(4);
  expect(typesOf(await client.settle(connectFrame(4), subscribe(1, "t"), publishFrame(4)))).toEqual([
    "CONNACK",
    "SUBACK",
    "PUBLISH",
  ]);
  const lastingOne = await server.connect("c", lasting(4));
  expect(lastingOne.connack!.sessionPresent).toBe(false);
});

/** A WebSocket of our own making, for what a well-behaved client would not do. */
async function openWebSocket(protocols: string[]): Promise<WebSocket> {
  const runtime: Runtime = new Runtime({
    limits: defaultLimits,
    locate: () => runtime.broker("b")!,
    onError: raise,
  });
  runtime.addBroker("b", openToAnyone);
  const options = { host: "127.0.0.1", port: 0, messageBytesMax: 65_536, domain: "localhost" };
  const listener = await listenWebSocket(options, (stream) => runtime.accept(stream));
  const socket = new WebSocket(`ws://127.0.0.1:${listener.port}/mqtt`, protocols);
  socket.on("error", () => {});
  onTestFinished(async () => {
    socket.terminate();
    await runtime.close();
    await listener.close();
  });
  await once(socket, "open");
  return socket;
}

both(
  "[MQTT-6.0.0-1] [3.1.1 MQTT-6.0.0-1] a text frame closes the WebSocket, before CONNECT and after",
  async (version) => {
    for (const first of [[], [connectFrame(version)]]) {
      const socket = await openWebSocket(["mqtt"]);
      let answers = 0;
      socket.on("message", () => answers++);
      for (const bytes of first) {
        socket.send(bytes);
        await once(socket, "message");
      }
      // Bytes that would be fine in a binary frame.
      const bytes = first.length === 0 ? connectFrame(version) : publishFrame(version);
      socket.send(bytes.toString("latin1"));
      await once(socket, "close");
      expect(answers).toBe(first.length);
    }
  },
);

both("[MQTT-6.0.0-1] [3.1.1 MQTT-6.0.0-1] the server's packets come in binary frames", async (version) => {
  const socket = await openWebSocket(["mqtt"]);
  socket.send(connectFrame(version));
  const [, isBinary] = (await once(socket, "message")) as [Buffer, boolean];
  expect(isBinary).toBe(true);
});

both(
  "[MQTT-6.0.0-2] [3.1.1 MQTT-6.0.0-2] packets may be cut up or put together in frames in any way",
  async (version) => {
    const bytes = Buffer.concat([
      connectFrame(version),
      publishFrame(version, { topic: "$x" }),
      Buffer.from([0xc0, 0]),
      Buffer.from([0xc0, 0]),
    ]);
    for (const size of [1, 2, 3, 7, bytes.length]) {
      const socket = await openWebSocket(["mqtt"]);
      const decoder = new Decoder({ protocolVersion: version });
      const types: number[] = [];
      const done = new Promise<void>((resolve) => {
        socket.on("message", (data) => {
          decoder.push(data as Buffer);
          for (let packet = decoder.next(); packet; packet = decoder.next()) types.push(packet.type);
          if (types.length === 3) resolve();
        });
      });
      for (let at = 0; at < bytes.length; at += size) socket.send(bytes.subarray(at, at + size));
      await done;
      expect(types).toEqual([PacketType.CONNACK, PacketType.PINGRESP, PacketType.PINGRESP]);
    }
  },
);

test("[MQTT-6.0.0-2] a frame may hold more than one packet's Maximum Packet Size, as long as no packet is larger", async () => {
  const server = await Server.start("websocket", { limits: { packetBytesMax: 200 } });
  const client = await server.connect("c");
  await client.settle(subscribe(1, "t"));
  const packets = Array.from({ length: 10 }, () => publishFrame(5, { payload: Array.from({ length: 100 }, () => 1) }));
  expect(typesOf(await client.settle(...packets))).toEqual(packets.map(() => "PUBLISH"));
});

both(
  "[MQTT-6.0.0-4] [3.1.1 MQTT-6.0.0-4] the server selects the subprotocol mqtt, whatever else is offered",
  async (version) => {
    for (const offered of [["mqtt"], ["other", "mqtt"], ["mqtt", "other"], ["mqttv3.1", "mqtt"]]) {
      expect([version, (await openWebSocket(offered)).protocol]).toEqual([version, "mqtt"]);
    }
  },
);
