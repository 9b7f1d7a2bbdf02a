/** Publishes messages as they come, over one connection, as fast as the broker takes them. */
import type { CommandContext } from "../context.ts";
import { type MqttConnection, connectMqtt } from "../mqtt/connection.ts";
import type { Target } from "../mqtt/target.ts";
import { sleep } from "../sleep.ts";
import type { Messages } from "./publish-source.ts";
import { PublishWindow } from "./publish-window.ts";

export interface PublishTiming {
  /** For each answer of the broker. */
  timeoutMs: number;
  /** Between two messages. */
  pauseMs: number;
}

/** @returns how many messages the broker took */
export async function publishTo(
  context: CommandContext,
  target: Target,
  messages: Messages,
  { timeoutMs, pauseMs }: PublishTiming,
): Promise<number> {
  const { output, signal } = context;
  const connecting = connectMqtt(target, { timeoutMs, signal });
  const connection = await output.spin(`connecting to ${target.url.host}`, connecting);
  try {
    return await publishAll(connection, messages, pauseMs, signal);
  } finally {
    await connection.close();
  }
}

async function publishAll(
  connection: MqttConnection,
  messages: Messages,
  pauseMs: number,
  signal: AbortSignal,
): Promise<number> {
  const window = new PublishWindow(connection.receiveMaximum);
  connection.lost.catch((error: unknown) => window.fail(error));
  const iterator = messages[Symbol.asyncIterator]();
  let count = 0;
  let hasUnproven = false;
  for (;;) {
    const next = await window.orFailure(iterator.next());
    if (next.done) break;
    for (const { topic, payload, options } of next.value) {
      if (pauseMs > 0 && count > 0) await window.orFailure(sleep(pauseMs, signal));
      const sent = connection.send(topic, payload, options, window.settle);
      count++;
      hasUnproven ||= options.qos === 0;
      const room = options.qos === 0 ? sent && window.orFailure(sent) : window.add();
      if (room !== undefined) await room;
    }
  }
  await window.drained();
  // At QoS 0 nobody answers a publish. A refusal comes before the answer to what was sent after it.
  if (hasUnproven) await connection.roundTrip();
  return count;
}
