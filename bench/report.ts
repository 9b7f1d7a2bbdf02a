/** The tables of one run or of all results. */
import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { canPin } from "./cores.ts";
import { goals, type Goal } from "./goals.ts";
import type { Growth } from "./growth.ts";
import { lineRoutes } from "./lines.ts";
import type { Metric } from "./measurement.ts";
import { NODE_ALONE, programNames } from "./programs.ts";
import type { Results, ScenarioResult } from "./results.ts";
import { scenarios, type Scenario } from "./scenarios.ts";
import { number, percent, table, tableOfMeasured, times } from "./table.ts";

const OURS = "pubsub-cli";
const PEERS = ["mosquitto", "nats", "aedes"] as const;
const BROKERS = [OURS, ...PEERS];
const KEEPING = [`${OURS} + disk`, `${OURS} + interval`, `${OURS} + os`, OURS, "mosquitto + disk"];
const DURABLE = [`${OURS} + disk`, "mosquitto + disk"];
/** Above this share of what the sink reaches, the load generator has its part in the figure. */
const GENERATOR_SHARE_MAX = 0.6;

interface Measured {
  readonly scenario: Scenario;
  readonly result: ScenarioResult;
}

const value = (result: ScenarioResult, broker: string, metric: Metric) => result.brokers[broker]?.[metric]?.[0];

function ratio(result: ScenarioResult, peer: string, metric: Metric): number {
  return (value(result, OURS, metric) ?? NaN) / (value(result, peer, metric) ?? NaN);
}

/** A section of the report: what it shows of the scenarios that it is about. */
interface Section {
  readonly title: string;
  readonly text: string;
  readonly isAbout: (scenario: Scenario) => boolean;
  readonly header: readonly string[];
  readonly row: (result: ScenarioResult) => readonly string[];
}

const isComparison = (scenario: Scenario) => scenario.work.kind === "traffic" && scenario.brokers.includes("mosquitto");

/** Thousands per second (CPU seconds per million). */
function rateCell(result: ScenarioResult, broker: string): string {
  const rate = value(result, broker, "perSecond");
  if (rate === undefined) return "–";
  const lost = value(result, broker, "lost") ?? 0;
  const cpu = number(value(result, broker, "cpuPerMillion"));
  return `${number(rate / 1000)} (${cpu})${lost > 0 ? ` lost ${number(lost)}` : ""}`;
}

function generatorCell(result: ScenarioResult): string {
  const sink = value(result, "sink", "perSecond");
  if (sink === undefined) return "–";
  const share = (value(result, OURS, "perSecond") ?? NaN) / sink;
  return `${number(sink / 1000)}${share > GENERATOR_SHARE_MAX ? " (!)" : ""}`;
}

const latency = (result: ScenarioResult, broker: string) =>
  `${(["p50", "p99", "p999"] as const).map((metric) => number(value(result, broker, metric))).join(" / ")}${
    (value(result, broker, "lost") ?? 0) > 0 ? ` lost ${number(value(result, broker, "lost"))}` : ""
  }`;

const ofMetric = (metric: Metric, unit = 1) => ({
  header: ["scenario", ...BROKERS, ...PEERS.map((peer) => `/ ${peer}`)],
  row: (result: ScenarioResult) => [
    ...BROKERS.map((broker) => number((value(result, broker, metric) ?? NaN) / unit)),
    ...PEERS.map((peer) => times(ratio(result, peer, metric))),
  ],
});

const MiB = 1024 * 1024;

const sections: readonly Section[] = [
  {
    title: "Thousands of deliveries per second (broker CPU seconds per million deliveries)",
    text:
      "Closed loop, at most 2,000 deliveries on their way (20,000 at 1→1000 and with 200 for each of a hundred connections, 400 at\n" +
      "16 KiB), at QoS 1 and 2 at most 100 publishes of one publisher without acknowledgement; 64-byte payloads and MQTT 3.1.1\n" +
      "unless said otherwise. How many messages a broker can put into one write decides the ratios: 1→10 has 200, 1→100 has 20.\n" +
      "The sink is no broker: it only passes bytes on, and shows what the load generator can do. Where ours comes near it (!), the\n" +
      "generator has its part in the figure, and CPU is the better measure. Generator CPU is what the generator itself used for a\n" +
      "million deliveries of ours, also in seconds: as long as that is less than the broker's, the broker is the bottleneck.",
    isAbout: isComparison,
    header: [
      "scenario",
      ...BROKERS,
      ...PEERS.map((peer) => `/ ${peer}`),
      ...PEERS.map((peer) => `CPU / ${peer}`),
      "sink",
      "generator CPU",
    ],
    row: (result) => [
      ...BROKERS.map((broker) => rateCell(result, broker)),
      ...PEERS.map((peer) => times(ratio(result, peer, "perSecond"))),
      ...PEERS.map((peer) => times(ratio(result, peer, "cpuPerMillion"))),
      generatorCell(result),
      number(value(result, OURS, "generatorCpuPerMillion")),
    ],
  },
  {
    title: "Latency, µs: p50 / p99 / p99.9",
    text:
      "At a fixed rate (open loop) from one client to another, QoS 0, counted from when each message was due, so that waiting is\n" +
      "not left out (coordinated omission). Ping-pong: one message at a time, from one client to itself.",
    isAbout: ({ work }) => work.kind === "latency",
    header: ["scenario", ...BROKERS, ...PEERS.map((peer) => `p50 / ${peer}`)],
    row: (result) => [
      ...BROKERS.map((broker) => latency(result, broker)),
      ...PEERS.map((peer) => times(ratio(result, peer, "p50"))),
    ],
  },
  {
    title: "Latency of acknowledgements, µs: p50 / p99 / p99.9",
    text:
      "From when a message of QoS 1 was due to its PUBACK (open loop), ten publishers, each with a subscriber whose session is kept. With disk\n" +
      "each acknowledgement waits for fsync, with interval for the write (fsync every 50 ms), with os for the write; in memory, and mosquitto\n" +
      "with `persistence true`, for nothing.",
    isAbout: ({ work }) => work.kind === "acknowledgements",
    header: ["scenario", ...KEEPING.map((broker) => (broker === OURS ? "in memory" : broker))],
    row: (result) => KEEPING.map((broker) => latency(result, broker)),
  },
  {
    title: "Retained messages, ms",
    text: "From SUBSCRIBE to the last message of 64 bytes.",
    isAbout: ({ work }) => work.kind === "retained",
    ...ofMetric("ms"),
  },
  {
    title: "Connections, thousands per second (broker CPU seconds per million)",
    text: "From the first `connect` to the last CONNACK.",
    isAbout: ({ work }) => work.kind === "connects",
    header: ["scenario", ...BROKERS, ...PEERS.map((peer) => `/ ${peer}`), "sink"],
    row: (result) => [
      ...BROKERS.map((broker) => rateCell(result, broker)),
      ...PEERS.map((peer) => times(ratio(result, peer, "perSecond"))),
      generatorCell(result),
    ],
  },
  {
    title: "Memory of an idle connection, KiB",
    text: "Growth of the broker's memory (RSS) through 10,000 clients that connect and do nothing. The sink is a bare `net` server.",
    isAbout: ({ work }) => work.kind === "idle",
    header: [...ofMetric("bytesPerConnection").header, "sink"],
    row: (result) => [
      ...ofMetric("bytesPerConnection", 1024).row(result),
      number((value(result, "sink", "bytesPerConnection") ?? NaN) / 1024),
    ],
  },
  {
    title: "Start-up, ms",
    text: "From starting the process to the first CONNACK that lets a client in.",
    isAbout: ({ work }) => work.kind === "startup",
    header: [...ofMetric("ms").header, `${OURS} + disk`],
    row: (result) => [...ofMetric("ms").row(result), number(value(result, `${OURS} + disk`, "ms"))],
  },
  {
    title: "Start with a million messages",
    text:
      "From starting the process in a folder with messages of 150 bytes, in queues of 1,000 clients who are away or retained, to the\n" +
      "first CONNACK; CPU seconds until then, and memory (RSS) in MiB, then and at most.",
    isAbout: ({ work }) => work.kind === "recovery",
    header: ["scenario", ...DURABLE.flatMap((broker) => [broker, "CPU", "memory", "at most"])],
    row: (result) =>
      DURABLE.flatMap((broker) => [
        `${number((value(result, broker, "ms") ?? NaN) / 1000)} s`,
        `${number(value(result, broker, "cpuSeconds"))} s`,
        number((value(result, broker, "memoryBytes") ?? NaN) / MiB),
        number((value(result, broker, "peakBytes") ?? NaN) / MiB),
      ]),
  },
  {
    title: "Commands, ms",
    text: "From starting the process to its end; `pub` publishes one message at QoS 1 to our server.",
    isAbout: ({ work }) => work.kind === "commands",
    header: ["scenario", ...programNames],
    row: (result) => programNames.map((name) => number(value(result, name, "ms"))),
  },
  {
    title: "Lines from `pub -l` to `sub -C`, thousands per second",
    text:
      "From the first line of standard input to the end of `sub`, which has all of them; both programs on the load generator's core.\n" +
      "Ours stand beside mosquitto_pub and mosquitto_sub, each through both brokers.",
    isAbout: ({ work }) => work.kind === "lines",
    header: ["scenario", ...lineRoutes],
    row: (result) => lineRoutes.map((route) => number((value(result, route, "perSecond") ?? NaN) / 1000)),
  },
  {
    title: "Features, thousands of deliveries per second (CPU seconds per million)",
    text:
      "Pairs at QoS 1 without features, with an on-publish hook (an HTTP server in Node on the generator's core that lets everything\n" +
      "pass) or a Worker with the handler `pubsub` (on the broker's core), and with `--persist-to`, where each acknowledgement waits for the disk (fsync). mosquitto with `persistence true` promises\n" +
      "less: it writes everything to a file every half hour and at its end.",
    isAbout: ({ name }) => name.startsWith("features"),
    header: ["scenario", OURS, "with hook", "with Worker", "with disk", "mosquitto + disk"],
    row: (result) =>
      [OURS, `${OURS} + hook`, `${OURS} + worker`, `${OURS} + disk`, "mosquitto + disk"].map((broker) =>
        rateCell(result, broker),
      ),
  },
  {
    title: "Memory (RSS) after the load, MiB; share of a core used, broker / load generator",
    text: "Below 100 % on both sides, waking and being woken was the bottleneck, or others used the machine.",
    isAbout: isComparison,
    header: ["scenario", ...BROKERS, ...BROKERS.map((broker) => `${broker} cores`), "sink cores"],
    row: (result) => [
      ...BROKERS.map((broker) => number((value(result, broker, "memoryBytes") ?? NaN) / MiB)),
      ...[...BROKERS, "sink"].map((broker) => cores(result, broker)),
    ],
  },
];

function cores(result: ScenarioResult, broker: string): string {
  return `${percent(value(result, broker, "brokerCore"))} / ${percent(value(result, broker, "generatorCore"))}`;
}

/** @param names of the scenarios to show */
export function tables(results: Results, names: readonly string[]): string {
  const measured = scenarios.flatMap((scenario): Measured[] => {
    const result = results.scenarios[scenario.name];
    return result && names.includes(scenario.name) ? [{ scenario, result }] : [];
  });
  const blocks = sections.flatMap(({ title, text, isAbout, header, row }) => {
    const rows = measured
      .filter(({ scenario }) => isAbout(scenario))
      .map(({ scenario, result }) => [`${scenario.title}${result.isQuick ? " (short)" : ""}`, ...row(result)]);
    return rows.length === 0 ? [] : [`## ${title}\n\n${text}\n\n${tableOfMeasured(header, rows)}`];
  });
  if (results.growth && names.includes("growth")) blocks.push(growthTable(results.growth));
  return blocks.join("\n\n");
}

function growthTable({ rows, publishNs }: Growth): string {
  const header = [
    "count",
    "known topic, ns",
    "new topic, ns",
    "B / subscription",
    "B / session",
    "B / retained message",
  ];
  const cells = rows.map((row) => [
    row.count.toLocaleString("en"),
    number(row.repeatedTopicNs),
    number(row.newTopicNs),
    number(row.bytesPerSubscription),
    number(row.bytesPerSession),
    number(row.bytesPerRetained),
  ]);
  const cost = table(
    ["publish through the core, QoS 0, one subscriber", "ns"],
    [
      ["no hook, nobody watches", number(publishNs.alone)],
      ["watched (`pubsub tail`)", number(publishNs.withObserver)],
      ["with a hook that accepts at once", number(publishNs.withHook)],
    ],
  );
  return `## How cost grows

The broker without a network, in one process: CPU time of finding the subscribers of a topic that came before, or never, among so many
subscriptions (half of them with wildcards); bytes of heap for each subscription, session of an absent client, and retained
message of 64 bytes.

${table(header, cells)}

${cost}`;
}

/** Our figures against the goals, as far as they were measured; empty if none was. */
export function goalSection(results: Results, names: readonly string[]): string {
  const rows = goals.flatMap((goal) => {
    const result = results.scenarios[goal.scenario];
    if (result === undefined || !names.includes(goal.scenario)) return [];
    const { title } = scenarios.find(({ name }) => name === goal.scenario)!;
    const subject = goal.subject ?? OURS;
    const own = figures(result, subject, goal.metric);
    const alone = results.scenarios["commands"] && value(results.scenarios["commands"], NODE_ALONE, "ms");
    const peers = PEERS.map((peer) => {
      const other = figures(result, peer, goal.metric);
      return verdict(goal, { wall: own.wall / other.wall, cpu: own.cpu / other.cpu }, goal[peer], times);
    });
    const node = verdict(goal, { wall: own.wall / (alone ?? NaN), cpu: NaN }, goal.node, times);
    const absolute = verdict(goal, own, goal.absolute, number);
    const what = goal.subject === undefined ? title : `${title}: ${subject}`;
    return [[what, METRIC_NAMES[goal.metric] ?? goal.metric, ...peers, node, absolute]];
  });
  if (rows.length === 0) return "";
  const text =
    "As measured; for rates also as the CPU that the brokers used would allow, if nothing else were in the way.";
  return `## Goals\n\n${text}\n\n${tableOfMeasured(["scenario", "figure", ...PEERS.map((peer) => `/ ${peer}`), `/ ${NODE_ALONE}`, "by itself"], rows)}`;
}

const METRIC_NAMES: Partial<Record<Metric, string>> = {
  perSecond: "per second",
  cpuPerMillion: "CPU per delivery",
  ms: "time",
  cpuSeconds: "CPU seconds",
  p50: "p50",
  bytesPerConnection: "bytes",
};

/** A figure as measured, and for rates as the CPU that was used would allow. */
interface Figures {
  readonly wall: number;
  readonly cpu: number;
}

function figures(result: ScenarioResult, broker: string, metric: Metric): Figures {
  const cpu = metric === "perSecond" ? 1e6 / (value(result, broker, "cpuPerMillion") ?? NaN) : NaN;
  return { wall: value(result, broker, metric) ?? NaN, cpu };
}

function verdict(goal: Goal, reached: Figures, wanted: number | undefined, show: (value: number) => string): string {
  if (wanted === undefined || Number.isNaN(reached.wall)) return "";
  const isAtLeast = goal.sense === "atLeast";
  const isMet = isAtLeast ? reached.wall >= wanted : reached.wall <= wanted;
  const byCpu = Number.isNaN(reached.cpu) ? "" : `, by CPU ${show(reached.cpu)}`;
  return `${isMet ? "✓" : "✗"} ${show(reached.wall)}${byCpu} (goal ${isAtLeast ? "≥" : "≤"} ${show(wanted)})`;
}

export function machine(): string {
  const os = /PRETTY_NAME="(.*)"/.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "Linux";
  const model = cpus()[0]?.model.trim();
  const memory = Math.round(totalmem() / 2 ** 30);
  const pinning = canPin ? "broker on one core, load generator on the other" : "nothing pinned to a core";
  return `${cpus().length} × ${model}, ${memory} GiB, ${os}, kernel ${release()}, Node ${process.versions.node}; ${pinning}`;
}

/** RESULTS.md. */
export function document(results: Results): string {
  const measured = Object.values(results.scenarios);
  const days = measured.map(({ measuredOn }) => measuredOn).sort();
  const rounds = Math.min(...measured.map((result) => result.rounds));
  const versions = Object.entries(results.versions).map(([name, version]) => `${name} ${version}`);
  const names = scenarios.map(({ name }) => name);
  const chart = results.growth ? "\n![Match time and memory by number of subscriptions](growth.svg)\n" : "";
  const span = days[0] === days.at(-1) ? days[0] : `${days[0]} to ${days.at(-1)}`;
  return `# Results

Written by \`npm run bench -- --write\`, measured on ${span}. Do not edit; [docs/performance.md](../docs/performance.md) says how to read it.

Machine: ${results.machine}.

Brokers: ${versions.join(", ")}. Medians of at least ${rounds} rounds, brokers in turn within each round. Those marked short are from a run
with \`--quick\`, and say no more than the order of magnitude.

${goalSection(results, names)}

${tables(results, names)}
${chart}`;
}
