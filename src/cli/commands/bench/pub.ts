import {
  anyLost,
  type BenchOptions,
  CLIENTS_MAX,
  checkClients,
  closeAll,
  openConnections,
  perSecond,
  report,
} from "../../mqtt/bench.ts";
import { defineCommand } from "../../command.ts";
import type { MqttConnection } from "../../mqtt/connection.ts";
import { addTargetOptions } from "../../mqtt/target.ts";
import { qualityOfService, seconds, wholeNumber } from "../../option-parsers.ts";
import { PublishWindow } from "../../messages/publish-window.ts";
import { checkTopicName } from "../../messages/topic.ts";

interface Options extends BenchOptions {
  messages: number;
  size: number;
  qos: 0 | 1 | 2;
}

const SIZE_MAX = 16 * 1024 * 1024;

export default defineCommand<Options>({
  examples: ["bench pub", "bench pub load/test --clients 10 --messages 100000 --size 256 --qos 1"],

  configure(command) {
    command
      .description("Publish as fast as the broker takes it, and say how fast that was.")
      .argument("[topic]", "topic (default: bench)")
      .option("-c, --clients <count>", "how many clients", wholeNumber("--clients", 1, CLIENTS_MAX), 1)
      .option("-n, --messages <count>", "how many messages in all", wholeNumber("--messages", 1), 100_000)
      .option("-s, --size <bytes>", "of each payload", wholeNumber("--size", 0, SIZE_MAX), 100)
      .option("-q, --qos <level>", "quality of service: 0, 1 or 2", qualityOfService, 0 as const)
      .option("--timeout <seconds>", "longest wait for an answer of the broker", seconds("--timeout"), 30);
    addTargetOptions(command);
  },

  async run(context, [argument = "bench"], options) {
    const topic = argument as string;
    checkTopicName(topic);
    checkClients(context, options);
    const { clients, messages, size, qos } = options;
    const connections = await openConnections(context, options);
    const payload = Buffer.alloc(size, "x");
    try {
      const before = performance.now();
      const publishing = connections.map(async (connection, index) => {
        const count = Math.floor(messages / clients) + (index < messages % clients ? 1 : 0);
        await publishSome(connection, count, topic, payload, qos);
      });
      await Promise.race([Promise.all(publishing), anyLost(connections)]);
      const elapsed = (performance.now() - before) / 1000;
      report(context, { clients, messages, size, qos, seconds: elapsed, messagesPerSecond: messages / elapsed }, [
        ["published", `${messages} messages of ${size} bytes at QoS ${qos}, by ${clients} clients`],
        ["time", `${elapsed.toFixed(2)} s`],
        ["rate", perSecond(messages, elapsed)],
      ]);
    } finally {
      await closeAll(connections);
    }
  },
});

async function publishSome(
  connection: MqttConnection,
  count: number,
  topic: string,
  payload: Buffer,
  qos: 0 | 1 | 2,
): Promise<void> {
  const window = new PublishWindow(connection.receiveMaximum);
  const options = { qos, retain: false, properties: undefined };
  for (let sent = 0; sent < count; sent++) {
    const drained = connection.send(topic, payload, options, window.settle);
    const room = qos === 0 ? drained : window.add();
    if (room) await room;
  }
  await window.drained();
  // Everything was read by the broker, not only sent.
  await connection.roundTrip();
}
