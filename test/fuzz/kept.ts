/** What the fuzzer found, in as few bytes as it takes: seeds change their meaning with the generator, these do not. */
import { type Connect, PacketType, type Packet, encode } from "../../src/codec/index.ts";
import { Random } from "../simulation/random.ts";
import { rawPacket, twoBytes, utf8 } from "./grammar/soup.ts";
import type { Ending, Plan, Sequence, Step, Transport } from "./sequence.ts";
import { Opcode, frame, upgradeRequest } from "./websocket.ts";

const random = new Random(0);

const connect = (fields: Partial<Connect> = {}): Buffer =>
  encode(
    { type: PacketType.CONNECT, protocolVersion: 5, cleanStart: true, keepAlive: 0, clientId: "kept", ...fields },
    5,
  );

const badCredentials = { username: "u", password: Buffer.from("no token") };

/** Sends the chunks, each once the one before has been answered. */
function plan(transport: Transport, chunks: readonly Buffer[], ending: Ending = "probe"): Plan {
  const steps = chunks.flatMap((bytes): Step[] => [{ kind: "send", bytes }, { kind: "answer" }]);
  return { transport, startMs: 0, steps, reaction: "none", reactionSeed: 0, ending, closedWithinMs: 5_000 };
}

const overTcp = (...packets: Buffer[]): Plan => plan("tcp", packets);
const overWebSocket = (...frames: Buffer[]): Plan => plan("ws", [upgradeRequest(), ...frames]);

const publish = (topic: string): Packet => ({
  type: PacketType.PUBLISH,
  topic,
  payload: Buffer.from("x"),
  qos: 0,
  retain: false,
  dup: false,
  packetId: 0,
});

const found: Readonly<Record<string, Plan>> = {
  "a client id with control characters in the log": overTcp(
    connect({ clientId: "\nrefused \u001b[2J", ...badCredentials }),
  ),
  "a refusal larger than the client's Maximum Packet Size": overTcp(
    connect({ ...badCredentials, properties: { maximumPacketSize: 8 } }),
  ),
  "a second CONNECT of an unknown version": overTcp(
    connect(),
    rawPacket(1, 0, Buffer.concat([utf8("MQTT"), Buffer.from([6, 2]), twoBytes(0), Buffer.from([0]), utf8("kept")])),
  ),
  "Response Information too long for a string": overTcp(
    connect({ clientId: "L".repeat(65_530), properties: { requestResponseInformation: 1 } }),
  ),
  "a text frame, then packets in binary ones": overWebSocket(
    frame(connect(), random),
    frame(Buffer.from("text"), random, { opcode: Opcode.text }),
    frame(encode(publish("a"), 5), random),
  ),
  "a peer that is gone before it is accepted": { ...plan("tcp", [connect()], "reset"), steps: [] },
};

export const keptSequences: readonly Sequence[] = Object.entries(found).map(([scenario, one], index) => ({
  seed: 0,
  index,
  scenario,
  transport: one.transport,
  plans: [one],
}));
