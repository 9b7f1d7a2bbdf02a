/** `GET /metrics`: numbers of the server and its brokers in the text format of Prometheus 0.0.4. */
import type { HookLoad } from "../hooks/index.ts";
import type { BrokerMetrics } from "../runtime/index.ts";
import type { Caller } from "./caller.ts";
import type { ApiDependencies } from "./dependencies.ts";
import { verdictNames } from "./event-filter.ts";

export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

type Labels = Readonly<Record<string, string>>;
/** @param suffix of the metric's name */
type Sample = readonly [labels: Labels, value: number, suffix?: string | undefined];

interface Metric {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  /** Of one broker, with labels besides its names. */
  readonly samples: (metrics: BrokerMetrics) => readonly Sample[];
}

const one = (value: number): readonly Sample[] => [[{}, value]];

function histogram(durations: HookLoad["durations"]): Sample[] {
  const { count, seconds } = durations;
  const buckets = [...durations.cumulated(), ["+Inf", count] as const];
  return [
    ...buckets.map(([bound, upTo]): Sample => [{ le: String(bound) }, upTo, "_bucket"]),
    [{}, seconds, "_sum"],
    [{}, count, "_count"],
  ];
}

const ofBrokers: readonly Metric[] = [
  {
    name: "pubsub_connections",
    type: "gauge",
    help: "Clients that are connected.",
    samples: ({ connections }) => one(connections),
  },
  {
    name: "pubsub_sessions",
    type: "gauge",
    help: "Sessions, those of clients that are away as well.",
    samples: ({ sessions }) => one(sessions),
  },
  {
    name: "pubsub_retained_messages",
    type: "gauge",
    help: "Retained messages.",
    samples: ({ retainedMessages }) => one(retainedMessages),
  },
  {
    name: "pubsub_retained_bytes",
    type: "gauge",
    help: "Bytes of retained messages, as limits count them.",
    samples: ({ retainedBytes }) => one(retainedBytes),
  },
  {
    name: "pubsub_messages_received_total",
    type: "counter",
    help: "Messages that were published, wills included.",
    samples: ({ traffic }) => one(traffic.messagesReceived),
  },
  {
    name: "pubsub_messages_sent_total",
    type: "counter",
    help: "PUBLISH packets to subscribers.",
    samples: ({ traffic }) => one(traffic.messagesSent),
  },
  {
    name: "pubsub_messages_expired_total",
    type: "counter",
    help: "Messages and deliveries that expired.",
    samples: ({ traffic }) => one(traffic.expired),
  },
  {
    name: "pubsub_messages_dropped_total",
    type: "counter",
    help: "Messages and deliveries that the broker dropped, by reason; pubsub explain says what each means.",
    samples: ({ traffic }) => [...traffic.dropped].map(([reason, count]) => [{ reason }, count]),
  },
  {
    name: "pubsub_hook_messages_total",
    type: "counter",
    help: "Messages about which the hook was asked, by what became of them.",
    samples: ({ verdicts }) =>
      [...verdicts].map(({ kind, reason = "", count }) => [{ verdict: verdictNames[kind], reason }, count]),
  },
  {
    name: "pubsub_hook_message_seconds_total",
    type: "counter",
    help: "Time that these messages waited for their verdicts, all together.",
    samples: ({ verdicts, hook }) => (hook === undefined ? [] : one(verdicts.seconds)),
  },
  {
    name: "pubsub_hook_requests_total",
    type: "counter",
    help: "Requests to the hook, further attempts included.",
    samples: ({ hook }) => (hook === undefined ? [] : one(hook.requests)),
  },
  {
    name: "pubsub_hook_request_duration_seconds",
    type: "histogram",
    help: "How long requests to the hook took, by their answer, their failure or the end of their time.",
    samples: ({ hook }) => (hook === undefined ? [] : histogram(hook.durations)),
  },
  {
    name: "pubsub_hook_waiting_messages",
    type: "gauge",
    help: "Messages that wait for a request to the hook.",
    samples: ({ hook }) => (hook === undefined ? [] : one(hook.waiting)),
  },
  {
    name: "pubsub_hook_batches",
    type: "gauge",
    help: "Batches that the hook is deciding about, or that wait for a further attempt.",
    samples: ({ hook }) => (hook === undefined ? [] : one(hook.batches)),
  },
  {
    name: "pubsub_hook_circuit_open",
    type: "gauge",
    help: "1 while the circuit breaker keeps the hook from being asked.",
    samples: ({ hook }) => (hook === undefined ? [] : one((hook.circuit?.state ?? "closed") === "closed" ? 0 : 1)),
  },
];

/** Of the brokers that the caller may see. What all of them share is for callers who may see all. */
export function renderMetrics(dependencies: ApiDependencies, { namespaceId }: Caller): string {
  const { catalogue, inspect, network, status } = dependencies;
  const text = new MetricsText();
  if (namespaceId === null) {
    const { bytesReceived, bytesSent } = network();
    const { version, startedAtMs } = status();
    text.add("pubsub_info", "gauge", "The running server.", [[{ version }, 1]]);
    text.add("pubsub_start_time_seconds", "gauge", "UNIX time at which it started.", one(startedAtMs / 1000));
    text.add("pubsub_received_bytes_total", "counter", "Bytes that MQTT clients have sent.", one(bytesReceived));
    text.add("pubsub_sent_bytes_total", "counter", "Bytes that were sent to MQTT clients.", one(bytesSent));
  }
  const brokers = catalogue.brokers(namespaceId ?? undefined).flatMap((record) => {
    const metrics = inspect(record.id)?.metrics();
    const namespace = catalogue.namespaceById(record.namespaceId)!.name;
    return metrics === undefined ? [] : [{ labels: { namespace, broker: record.name }, metrics }];
  });
  for (const { name, type, help, samples } of ofBrokers) {
    const all = brokers.flatMap(({ labels, metrics }) =>
      samples(metrics).map(([own, value, suffix]): Sample => [{ ...labels, ...own }, value, suffix]),
    );
    text.add(name, type, help, all);
  }
  return text.toString();
}

class MetricsText {
  readonly #lines: string[] = [];

  add(name: string, type: Metric["type"], help: string, samples: readonly Sample[]): void {
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const [labels, value, suffix = ""] of samples) {
      const all = Object.entries(labels).map(([label, text]) => `${label}="${escape(text)}"`);
      this.#lines.push(`${name}${suffix}${all.length === 0 ? "" : `{${all.join(",")}}`} ${value}`);
    }
  }

  toString(): string {
    return `${this.#lines.join("\n")}\n`;
  }
}

function escape(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}
