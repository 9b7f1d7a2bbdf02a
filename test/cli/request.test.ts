import { describe, expect, it } from "vitest";
import { type Peer, type Received, type Script, startFakeBroker } from "./fake-broker.ts";
import { pubsub } from "./world.ts";

interface RequestProperties {
  responseTopic: string;
  correlationData: Buffer;
}

/** Acknowledges the request, and answers it with these payloads. */
function answering(...answers: { payload: string; correlationData?: Buffer }[]): Script {
  return {
    publish: (packet: Received, peer: Peer) => {
      peer.send({ cmd: "puback", messageId: packet["messageId"], reasonCode: 0 });
      const { responseTopic, correlationData } = packet["properties"] as RequestProperties;
      for (const { payload, correlationData: other } of answers) {
        const properties = { correlationData: other ?? correlationData };
        peer.send({ cmd: "publish", topic: responseTopic, payload, qos: 0, retain: false, dup: false, properties });
      }
    },
  };
}

describe("request", () => {
  it("subscribes to the response topic, publishes, and prints the answer", async () => {
    const fake = await startFakeBroker(answering({ payload: "42" }));
    const { code, stdout, stderr } = await pubsub([
      "request",
      "q",
      "how much?",
      "--url",
      fake.url,
      "--client-id",
      "me",
    ]);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "42\n", stderr: "" });
    expect(fake.received.map(({ cmd }) => cmd)).toEqual(["connect", "subscribe", "publish", "disconnect"]);
    const [, subscribe, publish] = fake.received;
    const { responseTopic } = publish!["properties"] as RequestProperties;
    expect(responseTopic).toMatch(/^responses\/me\/[0-9a-f]{12}$/);
    expect(subscribe).toMatchObject({ subscriptions: [{ topic: responseTopic }] });
    expect(publish).toMatchObject({ topic: "q", payload: Buffer.from("how much?"), qos: 1 });
  });

  it("uses the response information of the broker, and the topic that is named", async () => {
    const fake = await startFakeBroker({
      ...answering({ payload: "x" }),
      connect: ({ properties }, peer) => {
        expect(properties).toMatchObject({ requestResponseInformation: true });
        const information = { responseInformation: "answers/me" };
        peer.send({ cmd: "connack", reasonCode: 0, sessionPresent: false, properties: information });
      },
    });
    await pubsub(["request", "q", "--url", fake.url]);
    await pubsub(["request", "q", "--url", fake.url, "--response-topic", "mine"]);
    const topics = fake.received
      .filter(({ cmd }) => cmd === "publish")
      .map(({ properties }) => (properties as RequestProperties).responseTopic);
    expect(topics).toEqual([expect.stringMatching(/^answers\/me\/[0-9a-f]+$/), "mine"]);
  });

  it("waits for several answers, and takes nobody else's", async () => {
    const fake = await startFakeBroker(
      answering({ payload: "1" }, { payload: "not mine", correlationData: Buffer.from("x") }, { payload: "2" }),
    );
    const { code, stdout } = await pubsub(["request", "q", "-C", "2", "--url", fake.url]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "1\n2\n" });
  });

  it("exits with 27 where nobody answers", async () => {
    const fake = await startFakeBroker();
    const { code, stderr } = await pubsub(["request", "q", "--timeout", "0.1", "--url", fake.url]);
    expect(code).toBe(27);
    expect(stderr).toContain("no answer came within 0.1 s");
  });

  it("exits with 4 where the response topic is refused", async () => {
    const fake = await startFakeBroker({
      subscribe: ({ messageId }, peer) => peer.send({ cmd: "suback", messageId, granted: [0x87] }),
    });
    expect(await pubsub(["request", "q", "--url", fake.url])).toMatchObject({ code: 4 });
  });

  it.each([
    [["request"], "missing required argument"],
    [["request", "a/#"], "is a filter"],
    [["request", "a", "b", "-V", "311"], "a request needs MQTT 5"],
    [["request", "a", "b", "-f", "file"], "there twice"],
    [["request", "a", "b", "-D", "response-topic x"], "--response-topic"],
  ])("%j is wrong usage", async (argv, text) => {
    const { code, stderr } = await pubsub(argv);
    expect(code).toBe(2);
    expect(stderr).toContain(text);
  });
});
