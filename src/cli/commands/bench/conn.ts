import {
  type BenchOptions,
  CLIENTS_MAX,
  checkClients,
  closeAll,
  openConnections,
  percentile,
  perSecond,
  report,
} from "../../mqtt/bench.ts";
import { defineCommand } from "../../command.ts";
import { addTargetOptions } from "../../mqtt/target.ts";
import { seconds, wholeNumber } from "../../option-parsers.ts";

export default defineCommand<BenchOptions>({
  examples: ["bench conn", "bench conn --clients 1000"],

  configure(command) {
    command
      .description(
        "Open so many connections, twenty at a time, and say how fast that was. A token for each is issued first.",
      )
      .option("-c, --clients <count>", "how many clients", wholeNumber("--clients", 1, CLIENTS_MAX), 100)
      .option("--timeout <seconds>", "longest wait for an answer of the broker", seconds("--timeout"), 30);
    addTargetOptions(command);
  },

  async run(context, _args, options) {
    checkClients(context, options);
    const { clients } = options;
    const latencies: number[] = [];
    const before = performance.now();
    const connections = await openConnections(context, options, undefined, latencies);
    const elapsed = (performance.now() - before) / 1000;
    await closeAll(connections);
    const [medianMs, p99Ms] = [percentile(latencies, 0.5), percentile(latencies, 0.99)];
    report(context, { clients, seconds: elapsed, connectionsPerSecond: clients / elapsed, medianMs, p99Ms }, [
      ["connected", `${clients} clients`],
      ["time", `${elapsed.toFixed(2)} s, with a token for each`],
      ["rate", perSecond(clients, elapsed)],
      ["from SYN to CONNACK", `median ${medianMs.toFixed(1)} ms, 99 % within ${p99Ms.toFixed(1)} ms`],
    ]);
  },
});
