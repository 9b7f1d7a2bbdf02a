/** Wills: MQTT 5.0 §3.1.2.5, §3.1.3.2 and §3.14.4, 3.1.1 §3.1.2.5. */
import { describe, expect, test } from "vitest";
import { PacketType, TestBroker, type TestClient, both, lasting, will } from "./support.ts";

/** A broker and a client that sees every will. */
function watched(): { world: TestBroker; watcher: TestClient } {
  const world = new TestBroker();
  const watcher = world.connect("watcher").subscribes("#", 2, { retainAsPublished: true });
  watcher.take();
  return { world, watcher };
}

const delayed = (willDelayInterval: number, sessionExpiryInterval = 3600) => ({
  ...lasting(5, {}, sessionExpiryInterval),
  ...will("will", "gone", { properties: { willDelayInterval } }),
});

both(
  "[MQTT-3.1.2-7] [MQTT-3.1.2-8] [3.1.1 MQTT-3.1.2-8] the will is kept, and published when the connection has ended",
  (version) => {
    const { world, watcher } = watched();
    const client = world.connect("c", { protocolVersion: version, ...will("will") });
    expect(watcher.take()).toEqual([]);
    client.loses();
    expect(watcher.takeMessages()).toEqual(["will=gone"]);
  },
);

both("[MQTT-3.1.2-10] [3.1.1 MQTT-3.1.2-10] it is published once", (version) => {
  const { world, watcher } = watched();
  world.connect("c", { ...lasting(version), ...will("will") }).loses();
  world.connect("c", lasting(version)).loses();
  world.connect("c", { protocolVersion: version }).loses();
  world.advance(1e9);
  expect(watcher.takeMessages()).toEqual(["will=gone"]);
});

both("[MQTT-3.1.2-9] [3.1.1 MQTT-3.1.2-9] with the QoS, topic and payload of CONNECT", (version) => {
  const { world, watcher } = watched();
  for (const qos of [0, 1, 2] as const) {
    world.connect("c", { protocolVersion: version, ...will(`will/${qos}`, `at ${qos}`, { qos }) }).loses();
    expect(watcher.take()).toMatchObject([{ topic: `will/${qos}`, payload: Buffer.from(`at ${qos}`), qos }]);
  }
});

both("[MQTT-3.1.2-14] [3.1.1 MQTT-3.1.2-16] Will Retain 0: nothing is retained", (version) => {
  const { world, watcher } = watched();
  world.connect("c", { protocolVersion: version, ...will("will") }).loses();
  expect(watcher.take()).toMatchObject([{ retain: false }]);
  expect(world.connect("s").subscribes("will").takeMessages()).toEqual([]);
});

both("[MQTT-3.1.2-15] [3.1.1 MQTT-3.1.2-17] Will Retain 1: it is retained", (version) => {
  const { world, watcher } = watched();
  world.connect("c", { protocolVersion: version, ...will("will", "gone", { retain: true }) }).loses();
  expect(watcher.take()).toMatchObject([{ retain: true }]);
  expect(world.connect("s").subscribes("will").takeMessages()).toEqual(["will=gone"]);
});

test("[3.1.1 MQTT-3.1.2-12] without the Will Flag nothing is published", () => {
  const { world, watcher } = watched();
  world.connect("c", lasting(4)).loses();
  expect(watcher.take()).toEqual([]);
});

describe("DISCONNECT", () => {
  both("[MQTT-3.14.4-3] [MQTT-3.1.2-10] [3.1.1 MQTT-3.14.4-3] pitfall 3: with 0x00 it discards the will", (version) => {
    const { world, watcher } = watched();
    world.connect("c", { ...lasting(version), ...will("will") }).disconnects(0);
    world.connect("c", { protocolVersion: version }).disconnects(0);
    world.advance(1e9);
    expect(watcher.take()).toEqual([]);
  });

  test.each([0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x97, 0x99])(
    "pitfall 3: with any other code, such as 0x%x, the will is published",
    (reasonCode) => {
      const { world, watcher } = watched();
      world.connect("c", will("will")).disconnects(reasonCode);
      expect(watcher.takeMessages()).toEqual(["will=gone"]);
    },
  );
});

describe("Will Delay Interval", () => {
  test("[MQTT-3.1.2-8] the will waits for it", () => {
    const { world, watcher } = watched();
    world.connect("c", delayed(10)).loses();
    world.advance(9_999);
    expect(watcher.take()).toEqual([]);
    world.advance(1);
    expect(watcher.takeMessages()).toEqual(["will=gone"]);
  });

  test("[MQTT-3.1.2-8] it is published at the end of the session, if that comes earlier", () => {
    const { world, watcher } = watched();
    world.connect("c", delayed(10, 5)).loses();
    world.advance(4_999);
    expect(watcher.take()).toEqual([]);
    world.advance(1);
    expect(watcher.takeMessages()).toEqual(["will=gone"]);
    world.connect("d", delayed(10, 0)).loses();
    expect(watcher.takeMessages()).toEqual(["will=gone"]);
  });

  test("[MQTT-3.1.3-9] pitfall 2: a client that is back in time has no will sent", () => {
    const { world, watcher } = watched();
    world.connect("c", delayed(10)).loses();
    world.advance(9_999);
    const back = world.connect("c", lasting());
    world.advance(1e9);
    back.loses();
    expect(watcher.take()).toEqual([]);
  });

  test("[MQTT-3.1.3-9] pitfall 2: its new will does not come at the old one's time", () => {
    const { world, watcher } = watched();
    world.connect("c", delayed(10)).loses();
    const back = world.connect("c", { ...lasting(), ...will("will", "another") });
    world.advance(1e9);
    expect([back.isClosed, watcher.take()]).toEqual([false, []]);
  });

  test("[MQTT-3.1.3-9] pitfall 2: its new will counts instead", () => {
    const { world, watcher } = watched();
    world.connect("c", delayed(10)).loses();
    world.connect("c", { ...lasting(), ...will("will", "another") }).loses();
    world.advance(1e9);
    expect(watcher.takeMessages()).toEqual(["will=another"]);
  });
});

describe("takeover", () => {
  test("[MQTT-3.1.4-3] [MQTT-3.1.2-8] pitfall 1: publishes a will without delay, or whose session ends, or at Clean Start", () => {
    const cases = [
      { before: { ...lasting(), ...will("will") }, after: lasting() },
      { before: will("will"), after: lasting() },
      { before: delayed(10, 0), after: lasting() },
      { before: delayed(10), after: { cleanStart: true } },
    ];
    for (const { before, after } of cases) {
      const { world, watcher } = watched();
      world.connect("c", before);
      world.connect("c", after);
      expect(watcher.takeMessages()).toEqual(["will=gone"]);
    }
  });

  test("[MQTT-3.1.3-9] pitfall 1: and none that is delayed, where the session goes on", () => {
    const { world, watcher } = watched();
    world.connect("c", delayed(10));
    world.connect("c", lasting());
    world.advance(1e9);
    expect(watcher.take()).toEqual([]);
  });

  test("[3.1.1 MQTT-3.1.2-8] 3.1.1 knows no delay", () => {
    const { world, watcher } = watched();
    world.connect("c", { ...lasting(4), ...will("will") });
    world.connect("c", lasting(4));
    expect(watcher.takeMessages()).toEqual(["will=gone"]);
  });
});

test("[MQTT-3.1.3-10] user properties keep their order, and the other Will Properties are forwarded", () => {
  const { world, watcher } = watched();
  const userProperties: [string, string][] = [
    ["b", "1"],
    ["a", "2"],
    ["b", "3"],
    ["", ""],
  ];
  const properties = {
    payloadFormatIndicator: 1,
    messageExpiryInterval: 30,
    contentType: "text/plain",
    responseTopic: "answers",
    correlationData: Buffer.from([1, 2]),
    userProperties,
  };
  world.connect("c", will("will", "gone", { properties: { ...properties, willDelayInterval: 0 } })).loses();
  const [packet] = watcher.takeAll(PacketType.PUBLISH);
  expect(packet!.properties).toEqual(properties);
});
