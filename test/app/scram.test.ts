/** Enhanced authentication through the whole server: a token issued with SCRAM, over TCP. */
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { connect as connectTcp } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { type RunningServer, startServer } from "../../src/app.ts";
import { createClient } from "../../src/client/index.ts";
import { type Auth, Decoder, type Packet, PacketType, ReasonCode, encode } from "../../src/codec/index.ts";

const METHOD = "SCRAM-SHA-256";
const BARE = "n=meter,r=clientnonce";
const hmac = (key: Buffer, text: string) => createHmac("sha256", key).update(text).digest();

function clientFinal(password: string, challenge: Buffer): Buffer {
  const serverFirst = challenge.toString();
  const [, nonce, salt, iterations] = /^r=([^,]*),s=([^,]*),i=(\d+)$/.exec(serverFirst)!;
  const salted = pbkdf2Sync(password, Buffer.from(salt!, "base64"), Number(iterations), 32, "sha256");
  const clientKey = hmac(salted, "Client Key");
  const signature = hmac(createHash("sha256").update(clientKey).digest(), `${BARE},${serverFirst},c=biws,r=${nonce}`);
  const proof = Buffer.from(clientKey.map((byte, i) => byte ^ signature[i]!)).toString("base64");
  return Buffer.from(`c=biws,r=${nonce},p=${proof}`);
}

const auth = (reasonCode: number, authenticationData: Buffer): Auth => ({
  type: PacketType.AUTH,
  reasonCode,
  properties: { authenticationMethod: METHOD, authenticationData },
});

async function start(): Promise<{ server: RunningServer; api: ReturnType<typeof createClient>; token: string }> {
  const server = await startServer({ version: "test", port: 0, wsPort: 0, apiPort: 0 });
  onTestFinished(() => server.close());
  const api = createClient({ baseUrl: server.api, apiToken: server.apiToken });
  await api.createNamespace({ name: "local" });
  await api.createBroker({ namespace: "local", name: "dev" });
  const at = { namespace: "local", broker: "dev" };
  const { meter } = await api.issueCredentials({ ...at, clientid: ["meter"], scram: "true", topicAcl: ["meter/#"] });
  return { server, api, token: meter! };
}

function open(server: RunningServer) {
  const socket = connectTcp({ port: Number(new URL(server.mqtt).port), host: "127.0.0.1" });
  onTestFinished(() => void socket.destroy());
  const decoder = new Decoder({ protocolVersion: 5 });
  const packets: Packet[] = [];
  let wake = () => {};
  socket.on("data", (chunk) => {
    decoder.push(chunk);
    for (let packet = decoder.next(); packet; packet = decoder.next()) packets.push(packet);
    wake();
  });
  const send = (packet: Packet) => socket.write(encode(packet, 5));
  send({
    type: PacketType.CONNECT,
    protocolVersion: 5,
    cleanStart: true,
    keepAlive: 0,
    clientId: "",
    username: "local/dev",
    properties: { authenticationMethod: METHOD, authenticationData: Buffer.from(`n,,${BARE}`) },
  });
  const next = async (): Promise<Packet> => {
    while (packets.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    return packets.shift()!;
  };
  return { send, next };
}

const dataOf = (packet: Packet): Buffer => (packet as Auth).properties!.authenticationData!;

describe("a token issued with SCRAM", () => {
  test("lets its client in, which then authenticates again, and ends with its revocation", async () => {
    const { server, api, token } = await start();
    const { send, next } = open(server);
    send(auth(ReasonCode.ContinueAuthentication, clientFinal(token, dataOf(await next()))));
    const connack = await next();
    expect(connack).toMatchObject({
      type: PacketType.CONNACK,
      reasonCode: 0,
      properties: { assignedClientIdentifier: "meter", authenticationMethod: METHOD },
    });
    expect(dataOf(connack).toString()).toMatch(/^v=/);
    send(auth(ReasonCode.Reauthenticate, Buffer.from(`n,,${BARE}`)));
    send(auth(ReasonCode.ContinueAuthentication, clientFinal(token, dataOf(await next()))));
    expect(await next()).toMatchObject({ type: PacketType.AUTH, reasonCode: 0 });
    const { jti } = JSON.parse(Buffer.from(token.split(".")[1]!, "base64url").toString()) as { jti: string };
    await api.revoke({ namespace: "local", broker: "dev", jti: [jti] });
    expect(await next()).toMatchObject({ type: PacketType.DISCONNECT, reasonCode: ReasonCode.NotAuthorized });
  });

  test("a wrong password is refused", async () => {
    const { server } = await start();
    const { send, next } = open(server);
    send(auth(ReasonCode.ContinueAuthentication, clientFinal("wrong", dataOf(await next()))));
    expect(await next()).toMatchObject({
      type: PacketType.CONNACK,
      reasonCode: ReasonCode.BadUserNameOrPassword,
    });
  });
});
