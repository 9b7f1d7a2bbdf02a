/** Runs one scenario: against each of its brokers in turn, round after round. */
import path from "node:path";
import { json } from "node:stream/consumers";
import { brokerKinds, newFolder, removeFolder, startBroker, type BrokerKind, type RunningBroker } from "./brokers.ts";
import { launch } from "./children.ts";
import { BROKER_CORE } from "./cores.ts";
import { Generator } from "./generator.ts";
import type { Growth } from "./growth.ts";
import { LineBrokers } from "./lines.ts";
import type { Measurement, Timing } from "./measurement.ts";
import { runProgram } from "./programs.ts";
import { FilledFolder } from "./recovery.ts";
import type { Recovery, Scenario, Work } from "./scenarios.ts";

export interface RunOptions {
  readonly rounds: number;
  readonly isQuick: boolean;
  /** Names of brokers to leave out all others; undefined for all. */
  readonly only: readonly string[] | undefined;
  readonly onRound: Note;
}

type Note = (round: number, broker: string, measurement: Measurement) => void;

export type Rounds = Readonly<Record<string, readonly Measurement[]>>;

const MEASURE_MS = 600;
const QUICK_MEASURE_MS = 500;
/** The first round lets compilers do their work; processes stay from round to round. */
const FIRST_WARM_UP_MS = 1000;
const WARM_UP_MS = 200;

/** @throws Error where a broker or the load generator fails */
export async function run(scenario: Scenario, options: RunOptions): Promise<Rounds> {
  const { work } = scenario;
  const rounds = Math.min(options.rounds, scenario.roundsMax ?? Infinity);
  const results: Record<string, Measurement[]> = {};
  const note: Note = (round, broker, measurement) => {
    (results[broker] ??= []).push(measurement);
    options.onRound(round, broker, measurement);
  };
  const only = (name: string) => options.only === undefined || options.only.includes(name);
  const names = scenario.brokers.filter(only);
  const kinds = names.flatMap((name) => brokerKinds.find((kind) => kind.name === name) ?? []);
  switch (work.kind) {
    case "growth":
      throw new Error("growth has no rounds: see measureGrowth");
    case "startup":
      await measureStarts(rounds, kinds, note);
      break;
    case "recovery":
      await measureRecovery(rounds, names, work, note);
      break;
    case "commands": {
      const broker = await startBroker(brokerKinds[0]!);
      try {
        const programs = scenario.brokers.map((name) => ({ name }));
        await inTurn(rounds, programs, ({ name }) => runProgram(name, broker), note);
      } finally {
        await broker.stop();
      }
      break;
    }
    case "lines": {
      const brokers = new LineBrokers();
      try {
        const routes = scenario.brokers.map((name) => ({ name }));
        await inTurn(rounds, routes, ({ name }) => brokers.measure(name, work.qos, work.lines), note);
      } finally {
        await brokers.stop();
      }
      break;
    }
    case "idle":
      // What a broker has used once it keeps: each round has a new one.
      await inTurn(
        rounds,
        kinds,
        async (kind) => {
          await using subject = await Subject.create(kind, work);
          return await subject.measure(timing(scenario, 0, options.isQuick));
        },
        note,
      );
      break;
    default: {
      const subjects: Subject[] = [];
      try {
        for (const kind of kinds) subjects.push(await Subject.create(kind, work));
        const measure = (subject: Subject, round: number) => subject.measure(timing(scenario, round, options.isQuick));
        await inTurn(rounds, subjects, measure, note);
      } finally {
        await Promise.all(subjects.map((subject) => subject[Symbol.asyncDispose]()));
      }
    }
  }
  return results;
}

/** In the folder of an earlier start, as on every day but the first: certificates are there already. */
async function measureStarts(rounds: number, kinds: readonly BrokerKind[], note: Note): Promise<void> {
  const folders = new Map(kinds.map((kind) => [kind, newFolder()]));
  const start = async (kind: BrokerKind): Promise<Measurement> => {
    const broker = await startBroker(kind, { lastingFolder: folders.get(kind) });
    await broker.stop();
    return { ms: broker.startMs };
  };
  try {
    // What a start leaves for the next ones: certificates, compiled code.
    for (const kind of kinds) await (await startBroker(kind, { lastingFolder: folders.get(kind) })).stop("SIGTERM");
    await inTurn(rounds, kinds, start, note);
  } finally {
    for (const folder of folders.values()) removeFolder(folder);
  }
}

async function measureRecovery(rounds: number, names: readonly string[], work: Recovery, note: Note): Promise<void> {
  const folders: FilledFolder[] = [];
  try {
    for (const name of names) folders.push(await FilledFolder.create(name, work));
    await inTurn(rounds, folders, (folder) => folder.measure(), note);
  } finally {
    for (const folder of folders) folder.remove();
  }
}

async function inTurn<T extends { readonly name: string }>(
  rounds: number,
  subjects: readonly T[],
  measure: (subject: T, round: number) => Promise<Measurement>,
  note: Note,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const subject of subjects) note(round, subject.name, await measure(subject, round));
  }
}

function timing({ measureMs = MEASURE_MS }: Scenario, round: number, isQuick: boolean): Timing {
  return {
    warmUpMs: round > 0 ? WARM_UP_MS : isQuick ? QUICK_MEASURE_MS : FIRST_WARM_UP_MS,
    measureMs: isQuick ? QUICK_MEASURE_MS : measureMs,
  };
}

/** A broker and the load generator that is connected to it. */
class Subject {
  readonly name: string;
  readonly #broker: RunningBroker;
  readonly #generator: Generator;

  private constructor(name: string, broker: RunningBroker, generator: Generator) {
    this.name = name;
    this.#broker = broker;
    this.#generator = generator;
  }

  static async create(kind: BrokerKind, work: Work): Promise<Subject> {
    const broker = await startBroker(kind);
    try {
      return new Subject(kind.name, broker, await Generator.start(broker, work));
    } catch (error) {
      await broker.stop();
      throw new Error(`${kind.name}: ${(error as Error).message}`, { cause: error });
    }
  }

  async measure(timing: Timing): Promise<Measurement> {
    try {
      return await this.#generator.measure(timing);
    } catch (error) {
      throw new Error(`${this.name}: ${(error as Error).message}`, { cause: error });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#generator.stop();
    await this.#broker.stop();
  }
}

/** A process of its own: it fills its memory. */
export async function measureGrowth(isQuick: boolean): Promise<Growth> {
  const script = path.join(import.meta.dirname, "growth.mjs");
  const command = [process.execPath, "--expose-gc", "--max-old-space-size=8192", script, isQuick ? "quick" : "full"];
  const child = launch(BROKER_CORE, command, { stdio: ["ignore", "pipe", "inherit"] });
  return (await json(child.stdout!)) as Growth;
}
