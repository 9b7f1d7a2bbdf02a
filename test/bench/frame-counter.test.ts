import { describe, expect, test } from "vitest";
import { chunk, FrameCounter } from "../../bench/load/frame-counter.ts";
import { connectFrame, publishRing } from "../../bench/load/frames.ts";

const options = { topicNames: ["a/b"], payloadBytes: 200, version: 4, withProperties: false } as const;
const CONNACK = Buffer.from([0x20, 2, 0, 0]);

function feed(counter: FrameCounter, bytes: Buffer, chunkBytes: number): void {
  for (let from = 0; from < bytes.length; from += chunkBytes) {
    counter.read(bytes.copy(chunk, 0, from, Math.min(bytes.length, from + chunkBytes)));
  }
}

describe("the load generator's frame counter", () => {
  const { bytes, frameBytes } = publishRing({ ...options, qos: 0, count: 1000 });

  test.each([1, 2, 3, 7, frameBytes - 1, frameBytes, frameBytes + 1, 65_536])(
    "counts every frame of chunks of %i bytes, looked at or not",
    (chunkBytes) => {
      const counter = new FrameCounter();
      feed(counter, Buffer.concat([CONNACK, bytes]), chunkBytes);
      expect(counter).toMatchObject({ publishes: 1000, others: 1 });
      feed(counter, bytes, chunkBytes);
      expect(counter.publishes).toBe(2000);
    },
  );

  test("notices where frames it did not look at were no PUBLISHes", () => {
    const counter = new FrameCounter();
    feed(counter, bytes, bytes.length);
    expect(() => feed(counter, CONNACK, 4)).toThrow("another length");
  });

  test("goes on looking while something else is due", () => {
    const counter = new FrameCounter();
    counter.isAwaitingOther = true;
    feed(counter, Buffer.concat([bytes, CONNACK, bytes]), 1000);
    expect(counter).toMatchObject({ publishes: 2000, others: 1 });
  });

  test("answers each step of QoS 1 and 2 with the packet identifier", () => {
    const counter = new FrameCounter();
    const one = publishRing({ ...options, qos: 1, count: 2 }).bytes;
    const two = publishRing({ ...options, qos: 2, count: 1 }).bytes;
    const acknowledgements = Buffer.from([0x62, 2, 0, 9, 0x50, 2, 0, 8, 0x40, 2, 0, 7, 0x70, 2, 0, 6]);
    feed(counter, Buffer.concat([one, two, acknowledgements]), 5);
    expect(counter).toMatchObject({ publishes: 3, acknowledgements: 2 });
    const answers = [0x40, 2, 0, 1, 0x40, 2, 0, 2, 0x50, 2, 0, 1, 0x70, 2, 0, 9, 0x62, 2, 0, 8];
    expect(counter.takeAnswers()).toEqual(Buffer.from(answers));
    expect(counter.takeAnswers()).toBeUndefined();
  });

  test("tells where each payload ends", () => {
    const counter = new FrameCounter();
    const last: number[] = [];
    const stamped = publishRing({ ...options, qos: 0, count: 300 }).bytes;
    for (let index = 0; index < 300; index++) stamped[(index + 1) * frameBytes - 1] = index % 256;
    counter.onPublish = (received, end) => last.push(received[end - 1]!);
    feed(counter, stamped, 1000);
    expect(last).toEqual(Array.from({ length: 300 }, (_, index) => index % 256));
  });
});

test("a lasting session is asked for with Clean Session 0", () => {
  expect(connectFrame("c", 4)[9]).toBe(0b10);
  expect(connectFrame("c", 4, true)[9]).toBe(0);
});
