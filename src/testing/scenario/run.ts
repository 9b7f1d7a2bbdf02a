/** Runs one test in a broker of its own. */
import path from "node:path";
import type { WorkerOutput } from "../../hooks/worker/index.ts";
import { UserError } from "../../errors.ts";
import { type BrokerOptions, ExpectationError, startBroker } from "../broker.ts";
import type { Place, Scenario } from "./read.ts";
import { hookOfRules } from "./rules.ts";
import type { BrokerSettings } from "./schema.ts";
import { Stage } from "./stage.ts";

export interface Failure extends Partial<Place> {
  readonly message: string;
}

export interface ScenarioResult {
  readonly scenario: Scenario;
  readonly ms: number;
  readonly failure?: Failure | undefined;
  /** What happened, for people; empty where the broker did not start. */
  readonly trace: string;
}

export interface RunOptions {
  readonly onWorkerOutput: (output: WorkerOutput) => void;
  readonly signal: AbortSignal;
}

/** @throws the signal's reason where it aborts */
export async function runScenario(scenario: Scenario, { onWorkerOutput, signal }: RunOptions): Promise<ScenarioResult> {
  signal.throwIfAborted();
  const startedAt = performance.now();
  let place: Partial<Place> = {};
  let trace = "";
  let failure: Failure | undefined;
  try {
    await using broker = await startBroker(brokerOptions(scenario, onWorkerOutput));
    const stage = new Stage(broker, scenario.broker.anonymous ?? true);
    try {
      for (const { step, line, column } of scenario.steps) {
        signal.throwIfAborted();
        place = { line, column };
        await stage.perform(step);
      }
    } finally {
      trace = broker.trace();
    }
  } catch (error) {
    signal.throwIfAborted();
    failure = { ...place, message: messageOf(error) };
  }
  return { scenario, ms: performance.now() - startedAt, failure, trace };
}

function brokerOptions({ broker, file }: Scenario, onWorkerOutput: RunOptions["onWorkerOutput"]): BrokerOptions {
  const { hookSettings, services, limits, anonymous, now } = broker;
  const folder = path.dirname(file);
  return {
    ...{ hook: hookOf(broker, folder), hookSettings, limits, anonymous, onWorkerOutput },
    services: services?.map((service) => path.resolve(folder, service)),
    now: now === undefined ? undefined : new Date(now),
  };
}

function hookOf({ hook }: BrokerSettings, folder: string): BrokerOptions["hook"] {
  if (typeof hook !== "string") return hook && hookOfRules(hook);
  return /^https?:/i.test(hook) ? new URL(hook) : path.resolve(folder, hook);
}

function messageOf(error: unknown): string {
  if (error instanceof ExpectationError) return error.what;
  if (error instanceof UserError) return error.message;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
