/** Scenarios below MQTT: HTTP requests and WebSocket frames that are broken. */
import type { Random } from "../../simulation/random.ts";
import { badText, twoBytes } from "../grammar/soup.ts";
import { anyPacket, bytesOf } from "../grammar/packets.ts";
import { noise } from "../grammar/names.ts";
import { mutate } from "../mutations.ts";
import { Script } from "../script.ts";
import type { Plan } from "../sequence.ts";
import { type FrameOptions, Opcode, frame, upgradeRequest } from "../websocket.ts";

const PATHS = [
  "/",
  "//",
  "/mqtt/",
  "/mqtt?x=1#y",
  "/local/dev",
  "/mqtt/local/dev",
  "/other/dev",
  "/__proto__/constructor",
  "/local/dev/more",
  "/%00",
  "/%zz",
  "/../../etc/passwd",
  "http://127.0.0.1/mqtt",
  "*",
  "",
];

/** Frames that a client must not send, after a good CONNECT. */
export function brokenFrames(random: Random): Plan[] {
  const script = new Script(random, "ws").connect({ will: undefined, properties: undefined }).answer();
  for (let count = random.between(1, 4); count > 0; count--) {
    const payload = random.chance(0.5) ? bytesOf(anyPacket(random), script.version) : noise(random, random.below(200));
    script.raw(brokenFrame(random, payload.subarray(0, 100_000)));
    if (random.chance(0.3)) script.ping();
  }
  return [script.plan()];
}

function brokenFrame(random: Random, payload: Buffer): Buffer {
  const { text, close, ping, pong, continuation } = Opcode;
  const options = random.pick<FrameOptions>([
    { masked: false },
    { reserved: random.between(1, 7) },
    { opcode: random.pick([3, 7, 11, 15]) },
    { opcode: text },
    { opcode: continuation },
    { fin: false },
    { opcode: ping, fin: false },
    { opcode: random.pick([ping, pong]) },
    { opcode: ping, lengthBytes: 3 },
    { lengthBytes: 9 },
    { announced: payload.length + random.between(1, 50) },
    { announced: Math.max(0, payload.length - random.between(1, 50)) },
    { announced: random.pick([67_108_864, 67_108_865, 2 ** 31, 2 ** 53 - 1]) },
    { lengthBytes: 9, announced: -1 },
    { opcode: close },
  ]);
  if (options.opcode === close) return frame(closePayload(random), random, options);
  const bytes = frame(
    options.opcode === ping ? payload.subarray(0, random.pick([0, 125, 126])) : payload,
    random,
    options,
  );
  return random.chance(0.2) ? mutate(bytes, random) : bytes;
}

function closePayload(random: Random): Buffer {
  const code = twoBytes(random.pick([0, 999, 1000, 1001, 1004, 1005, 1006, 1015, 2999, 3000, 4999, 65_535]));
  return random.pick([
    Buffer.alloc(0),
    Buffer.from([3]),
    code,
    Buffer.concat([code, badText(random)]),
    Buffer.concat([code, noise(random, 123)]),
  ]);
}

/** Requests that are not quite what opens a WebSocket; some are. */
export function brokenUpgrade(random: Random): Plan[] {
  const script = new Script(random, "ws", false);
  const extra = random.pick([
    [],
    ["Host: dev.local.localhost"],
    ["Host: __proto__.constructor.localhost"],
    ["Origin: https://elsewhere.example"],
    ["Origin: null"],
    ["Origin: http://[::1"],
    ["Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=99"],
    ["Content-Length: 5"],
    ["Transfer-Encoding: chunked"],
    [`X: ${"y".repeat(random.pick([100, 16_384, 80_000]))}`],
    Array.from({ length: 200 }, (_, index) => `X-${index}: 1`),
  ]);
  const protocol = random.pick(["mqtt", "mqtt", "mqttv3.1", "mqtt, mqtt", "other", "mqtt,,", ""]);
  let request = upgradeRequest(random.pick(PATHS), extra, protocol);
  if (random.chance(0.5)) request = mutate(request, random, [Buffer.from("GET / HTTP/1.0\r\n\r\n"), request]);
  if (random.chance(0.1)) request = Buffer.concat([request, request]);
  script.raw(request);
  if (random.chance(0.5)) script.answer();
  if (random.chance(0.6)) script.connect();
  if (random.chance(0.3)) script.raw(noise(random, 50));
  return [script.plan(random.pick(["probe", "end", "reset"] as const))];
}
