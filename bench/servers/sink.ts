/**
 * Not a broker: it passes on what it reads to the subscribers of the topic that a connection publishes to. What the load
 * generator reaches against it is more than any broker can reach, and shows that the generator is not what a measurement
 * measures. At QoS 0 it looks at a connection's first PUBLISH only; at QoS 1 and 2 it answers as it must. Its argument is
 * the port.
 */
import net from "node:net";

const CONNECT = 1;
const PUBLISH = 3;
const PUBREC = 5;
const PUBREL = 6;
const SUBSCRIBE = 8;
const CONNACK = Buffer.from([0x20, 2, 0, 0]);
const SUBACK = Buffer.from([0x90, 3, 0, 1, 0]);
const NOTHING = Buffer.alloc(0);

const subscribers = new Map<string, net.Socket[]>();

class Connection {
  readonly #socket: net.Socket;
  #kept: Buffer = NOTHING;
  /** Known from the first PUBLISH on. */
  #targets: net.Socket[] | undefined;
  /** Nothing but PUBLISHes at QoS 0 comes, and need not be looked at. */
  #isPipe = false;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk: Buffer) => (this.#isPipe ? this.#passOn(chunk) : this.#parse(chunk)));
  }

  #passOn(bytes: Buffer): void {
    for (const target of this.#targets ?? []) target.write(bytes);
  }

  #parse(chunk: Buffer): void {
    const bytes = this.#kept.length > 0 ? Buffer.concat([this.#kept, chunk]) : chunk;
    const answers: number[] = [];
    let at = 0;
    let publishesFrom = -1;
    while (at < bytes.length) {
      const body = bodyOf(bytes, at);
      if (body === undefined || body.end > bytes.length) break;
      const type = bytes[at]! >> 4;
      if (type === PUBLISH) {
        this.#targets ??= subscribers.get(textAt(bytes, body.start)) ?? [];
        if (publishesFrom === -1) publishesFrom = at;
        const qos = (bytes[at]! >> 1) & 3;
        if (qos === 0) {
          this.#isPipe = true;
          break;
        }
        answer(answers, qos === 1 ? 0x40 : 0x50, bytes, body.start + 2 + bytes.readUInt16BE(body.start));
      } else if (type === PUBREL) answer(answers, 0x70, bytes, body.start);
      else if (type === PUBREC) answer(answers, 0x62, bytes, body.start);
      else if (type === CONNECT) this.#socket.write(CONNACK);
      else if (type === SUBSCRIBE) this.#subscribe(textAt(bytes, body.start + 2));
      // Between PUBLISHes at QoS 2 stand PUBRELs, which are not passed on.
      if (type !== PUBLISH && publishesFrom !== -1) {
        this.#passOn(bytes.subarray(publishesFrom, at));
        publishesFrom = -1;
      }
      at = body.end;
    }
    if (this.#isPipe) this.#passOn(bytes.subarray(at));
    else if (publishesFrom !== -1) this.#passOn(bytes.subarray(publishesFrom, at));
    this.#kept = this.#isPipe ? NOTHING : bytes.subarray(at);
    if (answers.length > 0) this.#socket.write(Buffer.from(answers));
  }

  #subscribe(topicFilter: string): void {
    subscribers.set(topicFilter, [...(subscribers.get(topicFilter) ?? []), this.#socket]);
    this.#socket.write(SUBACK);
  }
}

function answer(answers: number[], firstByte: number, bytes: Buffer, packetIdAt: number): void {
  answers.push(firstByte, 2, bytes[packetIdAt]!, bytes[packetIdAt + 1]!);
}

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

const server = net.createServer({ noDelay: true }, (socket) => void new Connection(socket));
server.listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 4096 });
