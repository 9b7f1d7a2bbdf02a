/** Storing, order and topics: MQTT 5.0 §4.5 to §4.7, 3.1.1 likewise. */
import { describe, expect, test } from "vitest";
import { PacketType, ReasonCode, TestBroker, both, lasting, puback, pubcomp, pubrec, subscribe } from "./support.ts";
import { Server, frame, publishFrame } from "./wire.ts";

both(
  "[MQTT-4.5.0-1] [3.1.1 MQTT-4.5.0-1] a message goes into the session of every client with a matching subscription",
  (version) => {
    const world = new TestBroker();
    const filters = ["a/b", "a/+", "#", "+/b", "$share/g/a/b"];
    for (const filter of filters) world.connect(`of ${filter}`, lasting(version)).subscribes(filter, 1).loses();
    world.connect("of other", lasting(version)).subscribes("a/c", 1).loses();
    world.connect("p").publishes("a/b", "x", { qos: 1 });
    for (const filter of filters) {
      expect([filter, world.connect(`of ${filter}`, lasting(version)).takeMessages()]).toEqual([filter, ["a/b=x"]]);
    }
    expect(world.connect("of other", lasting(version)).takeMessages()).toEqual([]);
  },
);

describe("order", () => {
  const sequence = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `t=${from + i}`);

  both(
    "[MQTT-4.6.0-5] [MQTT-4.6.0-6] [3.1.1 MQTT-4.6.0-5] [3.1.1 MQTT-4.6.0-6] pitfall 27: of a topic and QoS is kept",
    (version) => {
      for (const qos of [0, 1, 2] as const) {
        const world = new TestBroker();
        const subscriber = world.connect("s", { protocolVersion: version }).subscribes("t", qos).subscribes("#", 0);
        subscriber.take();
        const publisher = world.connect("p");
        for (let i = 0; i < 50; i++) publisher.publishes("t", `${i}`, { qos, packetId: qos && i + 1 });
        expect(subscriber.takeMessages()).toEqual(sequence(0, 50));
      }
    },
  );

  both("[MQTT-4.6.0-5] [3.1.1 MQTT-4.6.0-6] pitfall 27: through quota, absence and resumption", (version) => {
    for (const qos of [1, 2] as const) {
      const world = new TestBroker({ limits: { inflightMax: 4 } });
      const before = world.connect("s", lasting(version)).subscribes("t", qos);
      const publisher = world.connect("p");
      const publish = (from: number, to: number) => {
        for (let i = from; i < to; i++) publisher.publishes("t", `${i}`, { qos, packetId: i + 1 });
      };
      publish(0, 10);
      before.loses();
      publish(10, 20);
      const back = world.connect("s", lasting(version));
      publish(20, 30);
      const seen: string[] = [];
      for (
        let packets = back.takeAll(PacketType.PUBLISH);
        packets.length > 0;
        packets = back.takeAll(PacketType.PUBLISH)
      ) {
        for (const { packetId, payload } of packets) {
          seen.push(`t=${payload.toString()}`);
          back.sends(...(qos === 1 ? [puback(packetId)] : [pubrec(packetId), pubcomp(packetId)]));
        }
      }
      expect(seen).toEqual(sequence(0, 30));
    }
  });

  test("[MQTT-4.6.0-5] pitfall 27: whatever order the verdicts of a hook come in", () => {
    const world = new TestBroker();
    const subscriber = world.connect("s").subscribes("t", 1);
    const pending = world.holdPublishes();
    const publisher = world.connect("p");
    for (let i = 0; i < 6; i++) publisher.publishes("t", `${i}`, { qos: 1 });
    subscriber.take();
    for (const i of [5, 0, 3, 1, 2, 4]) {
      world.broker.hookCompleted(pending[i]!, { kind: "accept" }, { elapsedMs: 1, batchSize: 1 }, world.now);
    }
    expect(subscriber.takeMessages()).toEqual(sequence(0, 6));
    expect(publisher.takeAll(PacketType.PUBACK).map(({ packetId }) => packetId)).toEqual([1, 2, 3, 4, 5, 6]);
  });
});

describe("filters", () => {
  /** Topics that a filter matches of those given. */
  function matched(version: 4 | 5, filter: string, topics: string[]): string[] {
    const world = new TestBroker();
    // Both ways to find matches: for what is published, and for what is retained.
    const subscriber = world.connect("s", { protocolVersion: version }).subscribes(filter);
    subscriber.take();
    const publisher = world.connect("p");
    for (const topic of topics) publisher.publishes(topic, "", { payload: Buffer.from("x"), retain: true });
    const live = subscriber.takeAll(PacketType.PUBLISH).map(({ topic }) => topic);
    const late = world.connect("late", { protocolVersion: version }).subscribes(filter);
    const retained = late.takeAll(PacketType.PUBLISH).map(({ topic }) => topic);
    expect(retained.toSorted()).toEqual(live.toSorted());
    return live;
  }

  /** Filters that are not well-made are refused, by SUBACK or the end of the connection. */
  function isRefused(version: 4 | 5, filter: string): boolean {
    const world = new TestBroker();
    const client = world.connect("s", { protocolVersion: version }).subscribes(filter);
    const codes = client.takeAll(PacketType.SUBACK).flatMap(({ reasonCodes }) => reasonCodes);
    return (client.isClosed || codes.every((code) => code >= 0x80)) && world.broker.subscriptions.size === 0;
  }

  const topics = ["a", "a/b", "a/b/c", "a/", "/a", "/", "b", "b/a", "a//b", "ab"];
  const matches: [name: string, filter: string, expected: string[]][] = [
    ["[MQTT-4.7.1-1] [3.1.1 MQTT-4.7.1-2]", "#", topics],
    ["[MQTT-4.7.1-1] [3.1.1 MQTT-4.7.1-2]", "a/#", ["a", "a/b", "a/b/c", "a/", "a//b"]],
    ["[MQTT-4.7.1-1] [3.1.1 MQTT-4.7.1-2]", "a/b/#", ["a/b", "a/b/c"]],
    ["[MQTT-4.7.1-2] [3.1.1 MQTT-4.7.1-3]", "+", ["a", "b", "ab"]],
    ["[MQTT-4.7.1-2] [3.1.1 MQTT-4.7.1-3]", "a/+", ["a/b", "a/"]],
    ["[MQTT-4.7.1-2] [3.1.1 MQTT-4.7.1-3]", "+/a", ["/a", "b/a"]],
    ["[MQTT-4.7.1-2] [3.1.1 MQTT-4.7.1-3]", "+/+", ["a/b", "a/", "/a", "/", "b/a"]],
    ["[MQTT-4.7.1-2] [3.1.1 MQTT-4.7.1-3]", "/+", ["/a", "/"]],
    ["[MQTT-4.7.1-2] [3.1.1 MQTT-4.7.1-3]", "a/+/b", ["a//b"]],
    ["[MQTT-4.7.1-2] [3.1.1 MQTT-4.7.1-3]", "+/b/#", ["a/b", "a/b/c"]],
  ];
  for (const [name, filter, expected] of matches) {
    both(`${name} ${filter} matches what it should`, (version) => {
      expect(matched(version, filter, topics)).toEqual(expected);
    });
  }

  both("[MQTT-4.7.1-1] [3.1.1 MQTT-4.7.1-2] # elsewhere than alone at the end is refused", (version) => {
    for (const filter of ["a#", "#a", "a/#/b", "#/", "##", "a/b#"])
      expect([filter, isRefused(version, filter)]).toEqual([filter, true]);
  });

  both("[MQTT-4.7.1-2] [3.1.1 MQTT-4.7.1-3] + beside other characters is refused", (version) => {
    for (const filter of ["a+", "+a", "a/b+/c", "++", "+#"])
      expect([filter, isRefused(version, filter)]).toEqual([filter, true]);
  });

  both("[MQTT-4.7.0-1] [3.1.1 MQTT-4.7.1-1] wildcards stand in filters, not in topic names", (version) => {
    const world = new TestBroker();
    const watcher = world.connect("w").subscribes("#");
    watcher.take();
    for (const topic of ["a/+", "a/#", "+"]) {
      expect(world.connect("p", { protocolVersion: version }).publishes(topic).isClosed).toBe(true);
    }
    expect(watcher.take()).toEqual([]);
  });

  both(
    "[MQTT-4.7.2-1] [3.1.1 MQTT-4.7.2-1] pitfall 39: wildcards at the beginning do not match topics that begin with $",
    (version) => {
      const special = ["$x", "$x/a", "$x/y/a", "y/$x"];
      expect(matched(version, "#", special)).toEqual(["y/$x"]);
      expect(matched(version, "+/a", special)).toEqual([]);
      expect(matched(version, "+", special)).toEqual([]);
      expect(matched(version, "$x/#", special)).toEqual(["$x", "$x/a", "$x/y/a"]);
      expect(matched(version, "$x/+", special)).toEqual(["$x/a"]);
    },
  );

  both("[MQTT-4.7.2-1] [3.1.1 MQTT-4.7.2-1] pitfall 39: not in a shared subscription either", (version) => {
    const world = new TestBroker();
    const client = world.connect("s", { protocolVersion: version }).subscribes("$share/g/#").subscribes("$share/h/+/a");
    client.take();
    world.connect("p").publishes("$x/a").publishes("x/a");
    expect(client.takeMessages()).toEqual(["x/a=", "x/a="]);
  });

  both(
    "[MQTT-4.7.3-1] [3.1.1 MQTT-4.7.3-1] an empty topic or filter is refused, one character is enough",
    (version) => {
      expect(isRefused(version, "")).toBe(true);
      expect(new TestBroker().connect("p", { protocolVersion: version }).publishes("").isClosed).toBe(true);
      expect(matched(version, " ", [" ", "/"])).toEqual([" "]);
      expect(matched(version, "/", [" ", "/"])).toEqual(["/"]);
    },
  );

  both("[MQTT-4.7.3-3] [3.1.1 MQTT-4.7.3-3] a topic or filter may take all 65,535 bytes", async (version) => {
    const client = await (await Server.start()).connect("c", { protocolVersion: version });
    const longest = "ü".repeat(32_767) + "x";
    const received = await client.settle(
      subscribe(1, longest),
      publishFrame(version, { topic: longest, payload: [1] }),
    );
    expect(received).toMatchObject([{ type: PacketType.SUBACK, reasonCodes: [0] }, { topic: longest }]);
  });

  both("[MQTT-4.7.3-4] [3.1.1 MQTT-4.7.3-4] nothing is normalized", (version) => {
    const composed = "\u00e4";
    const decomposed = "a\u0308";
    const all = [
      "A",
      "a",
      composed,
      decomposed,
      "a ",
      " a",
      "a/",
      "/a",
      "a//b",
      "a/./b",
      "%61",
      "\uFEFFa",
      "\u{1F600}",
      "\u0001",
      "\uFFFF",
    ];
    for (const topic of all) expect(matched(version, topic, all)).toEqual([topic]);
  });

  test("a filter of too many levels, or a topic, is refused with its own code", async () => {
    const server = await Server.start("memory", { limits: { topicLevelsMax: 3 } });
    const client = await server.connect("c");
    expect(await client.settle(subscribe(1, "a/b/c", "a/b/c/d"))).toMatchObject([
      { reasonCodes: [0, ReasonCode.TopicFilterInvalid] },
    ]);
    expect(await client.outcome(frame(0x30, "a/b/c/d", 0))).toBe(ReasonCode.TopicNameInvalid);
  });
});
