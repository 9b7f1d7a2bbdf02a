/** A broker that answers as the test says: what a real one does only in rare moments, this one does at once. */
import { once } from "node:events";
import { type AddressInfo, type Socket, createServer } from "node:net";
import { type IConnackPacket, type Packet, generate, parser } from "mqtt-packet";
import { onTestFinished } from "vitest";

export type Received = Packet & Record<string, unknown>;

export interface Peer {
  send(packet: Record<string, unknown>): void;
  /** Ends the connection without a word. */
  destroy(): void;
  readonly version: number;
}

/** Answers one packet; without an answer for its kind the broker accepts everything. */
export type Script = { [Command in Packet["cmd"]]?: (packet: Received, peer: Peer) => void };

export interface FakeBroker {
  url: string;
  received: Received[];
  close(): Promise<void>;
}

const accepting: Script = {
  connect: (_packet, peer) => peer.send({ cmd: "connack", reasonCode: 0, returnCode: 0, sessionPresent: false }),
  publish: ({ qos, messageId }, peer) => {
    if (qos === 1) peer.send({ cmd: "puback", messageId, reasonCode: 0 });
    if (qos === 2) peer.send({ cmd: "pubrec", messageId, reasonCode: 0 });
  },
  pubrel: ({ messageId }, peer) => peer.send({ cmd: "pubcomp", messageId, reasonCode: 0 }),
  subscribe: ({ messageId, subscriptions }, peer) =>
    peer.send({ cmd: "suback", messageId, granted: (subscriptions as { qos: number }[]).map(({ qos }) => qos) }),
  pingreq: (_packet, peer) => peer.send({ cmd: "pingresp" }),
};

/** It ends with the test. */
export async function startFakeBroker(script: Script = {}): Promise<FakeBroker> {
  const answers: Script = { ...accepting, ...script };
  const received: Received[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let version = 5;
    const packets = parser();
    const peer: Peer = {
      get version() {
        return version;
      },
      send: (packet) => socket.write(generate(packet as unknown as IConnackPacket, { protocolVersion: version })),
      destroy: () => socket.destroy(),
    };
    packets.on("packet", (packet) => {
      if (packet.cmd === "connect") version = packet.protocolVersion ?? 4;
      received.push(packet as Received);
      answers[packet.cmd]?.(packet as Received, peer);
    });
    socket.on("data", (data) => packets.parse(data));
    socket.on("error", () => {});
    // A client that said goodbye waits for the broker to close.
    socket.on("end", () => socket.end());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    // One that is closed already says so, and that is well.
    await new Promise((resolve) => server.close(resolve));
  };
  onTestFinished(close);
  return { url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`, received, close };
}

/** The messages that clients published. */
export const publishes = ({ received }: FakeBroker) => received.filter(({ cmd }) => cmd === "publish");
