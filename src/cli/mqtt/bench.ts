/** What `bench pub`, `sub` and `conn` have in common: several connections, and figures at the end. */
import type { CommandContext } from "../context.ts";
import { type ConnectOptions, type MqttConnection, connectMqtt } from "./connection.ts";
import { type TargetOptions, resolveTarget } from "./target.ts";
import { formatFields } from "../output/table.ts";
import { usageError } from "../errors.ts";

/** Connections that are opened at the same time. */
const OPENING_MAX = 20;
export const CLIENTS_MAX = 10_000;

export interface BenchOptions extends TargetOptions {
  clients: number;
  timeout: number;
}

/** One token is for one client id, and the second client would throw out the first. */
export function checkClients({ env }: CommandContext, options: BenchOptions): void {
  const { clients, clientId, token, tokenFile, tokenStdin } = options;
  const named = [
    clientId,
    token,
    tokenFile,
    tokenStdin,
    env["PUBSUB_TOKEN"] || undefined,
    env["PUBSUB_CLIENT_ID"] || undefined,
  ];
  if (clients > 1 && named.some((value) => value !== undefined)) {
    throw usageError("several clients cannot share a client id or token", "leave both out, or take --clients 1");
  }
}

/**
 * Opens so many connections, each as a client of its own.
 * @param latenciesMs gets the time that each took, its credentials not included
 */
export async function openConnections(
  context: CommandContext,
  options: BenchOptions,
  onMessage?: ConnectOptions["onMessage"],
  latenciesMs: number[] = [],
): Promise<MqttConnection[]> {
  const { signal, output } = context;
  const connections: MqttConnection[] = [];
  let next = 0;
  const openSome = async () => {
    while (next++ < options.clients) {
      const target = await resolveTarget(context, options);
      const before = performance.now();
      connections.push(
        await connectMqtt(target, { timeoutMs: options.timeout * 1000, signal, ...(onMessage && { onMessage }) }),
      );
      latenciesMs.push(performance.now() - before);
    }
  };
  const workers = Array.from({ length: Math.min(OPENING_MAX, options.clients) }, openSome);
  try {
    await output.spin(`connecting ${options.clients} clients`, Promise.all(workers));
  } catch (error) {
    await closeAll(connections);
    throw error;
  }
  return connections;
}

export async function closeAll(connections: readonly MqttConnection[]): Promise<void> {
  await Promise.all(connections.map((connection) => connection.close()));
}

/** Rejects with the first connection's loss; never resolves. */
export function anyLost(connections: readonly MqttConnection[]): Promise<never> {
  return Promise.race(connections.map(({ lost }) => lost));
}

/** Prints what was measured. */
export function report(
  { output }: CommandContext,
  figures: Readonly<Record<string, number>>,
  texts: readonly (readonly [name: string, value: string])[],
): void {
  const rounded = Object.entries(figures).map(([name, value]) => [name, Math.round(value * 1000) / 1000]);
  output.document(Object.fromEntries(rounded), formatFields(texts));
}

export const perSecond = (count: number, seconds: number) =>
  `${Math.round(count / seconds).toLocaleString("en")} per second`;

/** @param share from 0 to 1 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
