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
import { live } from "../../lifetime.ts";
import { subscriptionRefused } from "../../mqtt/errors.ts";
import { addTargetOptions } from "../../mqtt/target.ts";
import { qualityOfService, seconds, wholeNumber } from "../../option-parsers.ts";
import { checkTopicFilter } from "../../messages/topic.ts";
import { UserError } from "../../../errors.ts";

interface Options extends BenchOptions {
  messages: number;
  wait?: number;
  qos: 0 | 1 | 2;
}

export default defineCommand<Options>({
  examples: ["bench sub & pubsub bench pub", "bench sub 'load/#' --clients 10 --messages 1000000 -W 60"],

  configure(command) {
    command
      .description("Receive so many messages, and say how fast they came. Time runs from the first one on.")
      .argument("[filter]", "topic filter (default: bench)")
      .option("-c, --clients <count>", "how many clients", wholeNumber("--clients", 1, CLIENTS_MAX), 1)
      .option("-n, --messages <count>", "how many messages each is to get", wholeNumber("--messages", 1), 100_000)
      .option("-W, --wait <seconds>", "end after this time, with exit code 27", seconds("--wait"))
      .option("-q, --qos <level>", "quality of service at most: 0, 1 or 2", qualityOfService, 0 as const)
      .option("--timeout <seconds>", "longest wait for an answer of the broker", seconds("--timeout"), 30);
    addTargetOptions(command);
  },

  async run(context, [argument = "bench"], options) {
    const filter = argument as string;
    checkTopicFilter(filter);
    checkClients(context, options);
    const { clients, messages, wait, qos } = options;
    const wanted = clients * messages;
    let received = 0;
    let bytes = 0;
    let first = 0;
    const timedOut = () =>
      new UserError("timed-out", `the time of ${wait} s is over; ${received} of ${wanted} messages came`);
    const waitMs = wait === undefined ? undefined : wait * 1000;
    await live(context, { waitMs, timedOut, bounded: true }, async ({ signal, finish }) => {
      const aborted = new Promise<never>((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      });
      // It may abort before anybody waits for it.
      aborted.catch(() => {});
      const connections = await openConnections(context, options, ({ payload }) => {
        if (received === 0) first = performance.now();
        bytes += payload.length;
        if (++received === wanted) finish();
      });
      try {
        for (const connection of connections) {
          const [reasonCode = 0x80] = await connection.subscribe([filter], { qos, noRetained: true });
          if (reasonCode >= 0x80) throw subscriptionRefused(filter, reasonCode);
        }
        context.output.info(context.output.err.dim(`subscribed: ${filter}, ${clients} clients`));
        await Promise.race([aborted, anyLost(connections)]);
      } finally {
        await closeAll(connections);
      }
    });
    const elapsed = Math.max((performance.now() - first) / 1000, 0.001);
    report(context, { clients, messages: received, bytes, seconds: elapsed, messagesPerSecond: received / elapsed }, [
      ["received", `${received} messages, ${bytes} bytes of payload, by ${clients} clients`],
      ["time", `${elapsed.toFixed(2)} s`],
      ["rate", perSecond(received, elapsed)],
    ]);
  },
});
