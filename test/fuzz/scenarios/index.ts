import { Random } from "../../simulation/random.ts";
import type { Case, Plan, Sequence, Transport } from "../sequence.ts";
import * as connections from "./connections.ts";
import * as packets from "./packets.ts";
import * as webSocket from "./websocket.ts";

interface Scenario {
  readonly weight: number;
  /** How long it takes about; 0 for not worth counting. */
  readonly lastsMs: number;
  /** The transport, where it is about one. */
  readonly only?: Transport;
  readonly plan: (random: Random, transport: Transport) => Plan[];
}

const scenario = (weight: number, plan: Scenario["plan"], lastsMs = 0): Scenario => ({ weight, plan, lastsMs });

const scenarios = {
  conversation: scenario(200, packets.conversation),
  mutated: scenario(300, packets.mutated),
  mutatedConnect: scenario(100, packets.mutatedConnect),
  soup: scenario(120, packets.soup),
  connectSoup: scenario(60, packets.connectSoup),
  noConnect: scenario(40, packets.noConnect),
  badFields: scenario(50, packets.badFields),
  qos2: scenario(80, packets.qos2),
  receiveMaximum: scenario(15, packets.receiveMaximum),
  aliases: scenario(50, packets.aliases),
  subscribeBomb: scenario(12, packets.subscribeBomb),
  announced: scenario(40, packets.announced),
  takeover: scenario(60, connections.takeover),
  willBomb: scenario(40, connections.willBomb),
  storm: scenario(8, connections.storm),
  halfOpen: scenario(30, connections.halfOpen),
  slowSender: scenario(15, connections.slowSender, 1_000),
  silentBeforeConnect: scenario(4, connections.silentBeforeConnect, 10_500),
  silentAfterConnect: scenario(8, connections.silentAfterConnect, 2_000),
  neverReading: scenario(4, connections.neverReading, 6_000),
  flood: scenario(20, connections.flood),
  manyTopics: scenario(8, connections.manyTopics),
  brokenFrames: { ...scenario(120, webSocket.brokenFrames), only: "ws" },
  brokenUpgrade: { ...scenario(120, webSocket.brokenUpgrade), only: "ws" },
} as const satisfies Record<string, Scenario>;

type Name = keyof typeof scenarios;
const names = Object.keys(scenarios) as Name[];
const weights = Object.fromEntries(names.map((name) => [name, scenarios[name].weight])) as Record<Name, number>;

/** What a sequence is about, without the work of making it. */
export interface Outline {
  readonly name: string;
  readonly transport: Transport;
  readonly lastsMs: number;
}

/** What the sequence is about: cheap, and the same as `sequenceOf` makes. */
export function outlineOf(one: Case): Outline {
  const { name, transport, scenario } = begin(one);
  return { name, transport, lastsMs: scenario.lastsMs };
}

/** The sequence: always the same for a seed and an index. */
export function sequenceOf(one: Case): Sequence {
  const { name, transport, scenario, random } = begin(one);
  return { ...one, scenario: name, transport, plans: scenario.plan(random, transport) };
}

function begin({ seed, index }: Case): { name: Name; transport: Transport; scenario: Scenario; random: Random } {
  // Neighbouring sequences have nothing in common.
  const random = new Random(Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b));
  const name = random.weighted(weights);
  const scenario: Scenario = scenarios[name];
  const transport = random.chance(0.6) ? "tcp" : "ws";
  return { name, transport: scenario.only ?? transport, scenario, random };
}
