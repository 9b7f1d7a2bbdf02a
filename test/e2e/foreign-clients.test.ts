/** The main job with clients that are not ours: MQTT.js and Debian's mosquitto_pub and mosquitto_sub. */
import { type MqttClient, connectAsync } from "mqtt";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  type HookMessage,
  type Ready,
  World,
  brokerPath,
  callApi,
  hasMosquitto,
  issueToken,
  portOf,
  serveHook,
} from "./world.ts";

/** Passes `keep/#`, puts `change/#` in capitals and drops everything else. */
function filterMessages(messages: HookMessage[]): HookMessage[] {
  return messages
    .filter((message) => !message.topic.startsWith("drop/"))
    .map((message) => {
      if (!message.topic.startsWith("change/")) return message;
      const text = typeof message.payload === "string" ? message.payload : Buffer.from(message.payload).toString();
      return { ...message, payload: text.toUpperCase() };
    });
}

async function devWithHook(world: World): Promise<Ready> {
  const ready = await world.dev();
  const url = await serveHook(filterMessages);
  await callApi(ready, "PATCH", brokerPath(ready), { on_publish: { url } });
  return ready;
}

describe("MQTT.js", () => {
  const variants: [string, 4 | 5, (ready: Ready) => string][] = [
    ["5.0 over TCP", 5, (ready) => ready.mqtt],
    ["3.1.1 over TCP", 4, (ready) => ready.mqtt],
    ["5.0 over WebSocket", 5, (ready) => ready.ws],
    ["3.1.1 over WebSocket", 4, (ready) => ready.ws],
  ];

  async function open(ready: Ready, url: string, protocolVersion: 4 | 5, clientId: string): Promise<MqttClient> {
    const client = await connectAsync(url, {
      protocolVersion,
      clientId,
      username: "anything",
      password: await issueToken(ready, clientId),
      reconnectPeriod: 0,
    });
    onTestFinished(() => client.endAsync(true));
    return client;
  }

  test.each(variants)("%s: the hook passes, changes and drops", async (_name, version, urlOf) => {
    const ready = await devWithHook(await World.create());
    const subscriber = await open(ready, urlOf(ready), version, "subscriber");
    const received: string[] = [];
    const done = new Promise<void>((resolve) => {
      subscriber.on("message", (topic, payload) => {
        received.push(`${topic}=${payload.toString()}`);
        if (topic === "keep/last") resolve();
      });
    });
    await subscriber.subscribeAsync("#", { qos: 2 });
    const publisher = await open(ready, urlOf(ready), version, "publisher");
    for (const qos of [0, 1, 2] as const) {
      for (const topic of ["keep/a", "change/b", "drop/c"])
        await publisher.publishAsync(topic, `hello ${qos}`, { qos });
    }
    await publisher.publishAsync("keep/last", "", { qos: 1 });
    await done;
    expect(received).toEqual([
      "keep/a=hello 0",
      "change/b=HELLO 0",
      "keep/a=hello 1",
      "change/b=HELLO 1",
      "keep/a=hello 2",
      "change/b=HELLO 2",
      "keep/last=",
    ]);
  });
});

describe.runIf(hasMosquitto)("mosquitto_pub and mosquitto_sub", () => {
  test.each([
    ["mqttv5", 5],
    ["mqttv311", 4],
  ])("%s: the hook passes, changes and drops, and tail says why", async (version) => {
    const world = await World.create();
    const ready = await devWithHook(world);
    const credentials = async (clientId: string) => [
      ...["-h", "127.0.0.1", "-p", portOf(ready.mqtt), "-V", version],
      ...["-i", clientId, "-u", "anything", "-P", await issueToken(ready, clientId)],
    ];
    const tail = world.start("tail", "--json", "--event", "hook,subscribe");
    await tail.prints("stderr", "listening");
    const subscriber = world.spawn("mosquitto_sub", [...(await credentials("s")), "-t", "#", "-q", "1", "-v"]);
    await tail.prints("stdout", '"event":"subscribe"');
    const publish = await credentials("p");
    for (const topic of ["drop/c", "change/b", "keep/a"]) {
      const done = await world.spawn("mosquitto_pub", [...publish, "-t", topic, "-m", "hello", "-q", "1"]).finished;
      expect(done).toMatchObject({ code: 0 });
    }
    await subscriber.prints("stdout", "keep/a hello");
    expect(subscriber.stdout).toContain("change/b HELLO");
    expect(subscriber.stdout).not.toContain("drop/c");
    await tail.prints("stdout", /"topic":"keep\/a"/);
    const verdicts = tail.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(verdicts).toMatchObject([
      { event: "subscribe", clientId: "s", topicFilter: "#", reasonCode: 1 },
      { event: "hook", topic: "drop/c", clientId: "p", verdict: "dropped", reason: "hook-dropped" },
      { event: "hook", topic: "change/b", verdict: "modified" },
      { event: "hook", topic: "keep/a", verdict: "passed" },
    ]);
  });

  test("tokens that are wrong, expired, revoked or of another client are refused with the right code", async () => {
    const world = await World.create();
    const ready = await world.dev();
    const attempt = async (clientId: string, token: string, version = "mqttv5") =>
      world.spawn("mosquitto_pub", [
        ...["-h", "127.0.0.1", "-p", portOf(ready.mqtt), "-V", version, "-i", clientId],
        ...["-u", "x", "-P", token, "-t", "t", "-m", "x", "-q", "1"],
      ]).finished;
    const good = await issueToken(ready, "a");
    expect((await attempt("a", good)).code).toBe(0);
    expect((await attempt("other", good)).stderr).toMatch(/client identifier/i);
    const forged = `${good.slice(0, -8)}AAAAAAAA`;
    expect((await attempt("a", forged)).stderr).toMatch(/bad user ?name or password/i);
    expect((await attempt("a", "nonsense", "mqttv311")).stderr).toMatch(/bad user ?name or password/i);
    const jti = (JSON.parse(Buffer.from(good.split(".")[1]!, "base64url").toString()) as { jti: string }).jti;
    await callApi(ready, "POST", `${brokerPath(ready)}/revocations?jti=${jti}`);
    expect((await attempt("a", good)).stderr).toMatch(/not authorized/i);
    await callApi(ready, "DELETE", `${brokerPath(ready)}/revocations?jti=${jti}`);
    expect((await attempt("a", good)).code).toBe(0);
  });
});

describe("tokens", () => {
  test("revocation disconnects at once with 0x87", async () => {
    const ready = await (await World.create()).dev();
    const token = await issueToken(ready, "a");
    const client = await connectAsync(ready.mqtt, {
      protocolVersion: 5,
      clientId: "a",
      username: "x",
      password: token,
      reconnectPeriod: 0,
    });
    onTestFinished(() => client.endAsync(true));
    const disconnected = new Promise<number | undefined>((resolve) => {
      client.on("disconnect", (packet) => resolve(packet.reasonCode));
    });
    const jti = (JSON.parse(Buffer.from(token.split(".")[1]!, "base64url").toString()) as { jti: string }).jti;
    await callApi(ready, "POST", `${brokerPath(ready)}/revocations?jti=${jti}`);
    expect(await disconnected).toBe(0x87);
  });

  const refusedWith = async (url: string, token: string | undefined): Promise<number> => {
    const attempt = connectAsync(url, {
      protocolVersion: 5,
      clientId: "",
      reconnectPeriod: 0,
      ...(token !== undefined && { username: "x", password: token }),
    });
    const error = await attempt.then(
      (client) => client.endAsync(true).then(() => ({ code: 0 })),
      (reason: { code: number }) => reason,
    );
    return error.code;
  };

  test("one that has expired, or is for another broker than the address names: 0x87; none at all: 0x87", async () => {
    const ready = await (await World.create()).dev();
    const { clientToken } = ready;
    await callApi(ready, "POST", `/${ready.namespace}/brokers`, { name: "other" });
    const other = `${ready.ws.replace(/\/mqtt$/, "")}/${ready.namespace}`;
    expect(await refusedWith(`${other}/${ready.broker}`, clientToken)).toBe(0);
    expect(await refusedWith(`${other}/other`, clientToken)).toBe(0x87);
    expect(await refusedWith(ready.mqtt, undefined)).toBe(0x87);
    const short = await issueToken(ready, "short", "&expiration=1");
    const client = await connectAsync(ready.mqtt, {
      protocolVersion: 5,
      clientId: "short",
      username: "x",
      password: short,
      reconnectPeriod: 0,
    });
    onTestFinished(() => client.endAsync(true));
    await new Promise((resolve) => client.on("disconnect", resolve));
    expect(await refusedWith(ready.mqtt, short)).toBe(0x87);
  });
});
