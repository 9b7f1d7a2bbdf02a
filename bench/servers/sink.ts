/**
 * Not a broker: it passes on what it reads, unparsed but for the frames' borders, to the subscribers of the topic
 * that a connection publishes to. What the load generator reaches against it is more than any broker can reach, and
 * shows that the generator is not what a measurement measures.
 */
import net from "node:net";

const CONNECT = 1;
const PUBLISH = 3;
const SUBSCRIBE = 8;
const CONNACK = Buffer.from([0x20, 2, 0, 0]);
const SUBACK = Buffer.from([0x90, 3, 0, 1, 0]);

const subscribers = new Map<string, net.Socket[]>();

const server = net.createServer({ noDelay: true }, (socket) => {
  let kept: Buffer = Buffer.alloc(0);
  let targets: net.Socket[] | undefined;
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: Buffer) => {
    const bytes = kept.length > 0 ? Buffer.concat([kept, chunk]) : chunk;
    let at = 0;
    let publishesFrom = -1;
    let pubacks: number[] | undefined;
    while (at < bytes.length) {
      const body = bodyOf(bytes, at);
      if (body === undefined || body.end > bytes.length) break;
      const type = bytes[at]! >> 4;
      if (type === PUBLISH) {
        targets ??= subscribers.get(textAt(bytes, body.start)) ?? [];
        if (publishesFrom === -1) publishesFrom = at;
        if (bytes[at]! & 0b110) {
          const packetId = body.start + 2 + bytes.readUInt16BE(body.start);
          (pubacks ??= []).push(0x40, 2, bytes[packetId]!, bytes[packetId + 1]!);
        }
      } else if (type === CONNECT) socket.write(CONNACK);
      else if (type === SUBSCRIBE) {
        const filter = textAt(bytes, body.start + 2);
        subscribers.set(filter, [...(subscribers.get(filter) ?? []), socket]);
        socket.write(SUBACK);
      }
      at = body.end;
    }
    if (publishesFrom !== -1) {
      const publishes = bytes.subarray(publishesFrom, at);
      for (const target of targets ?? []) target.write(publishes);
    }
    if (pubacks) socket.write(Buffer.from(pubacks));
    kept = bytes.subarray(at);
  });
});

/** Where the frame's body begins and ends; undefined where the header is not complete. */
function bodyOf(bytes: Buffer, at: number): { start: number; end: number } | undefined {
  let length = 0;
  for (let index = 1; index <= 4 && at + index < bytes.length; index++) {
    const byte = bytes[at + index]!;
    length += (byte & 127) << (7 * (index - 1));
    if (byte < 128) return { start: at + index + 1, end: at + index + 1 + length };
  }
  return undefined;
}

function textAt(bytes: Buffer, at: number): string {
  return bytes.toString("latin1", at + 2, at + 2 + bytes.readUInt16BE(at));
}

server.listen(0, "127.0.0.1", () => console.log((server.address() as net.AddressInfo).port));
