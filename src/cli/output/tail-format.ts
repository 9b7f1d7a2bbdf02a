/** Events of a broker for people: one line each, in columns. */
import type { TailEvent, TailEventOf } from "../../contract/types.ts";
import type { Colors } from "./colors.ts";
import { reasonText } from "../mqtt/reasons.ts";
import { displayWidth, padEnd, printable, truncate } from "./table.ts";
import { type TimeStyle, createTimeFormat, defaultTimeStyle } from "./time-style.ts";
import { diffContent, formatChanges } from "../messages/content-diff.ts";

type Hook = TailEventOf<"hook">;
type Content = Pick<TailEventOf<"publish">, "payload" | "payloadEncoding" | "payloadBytes">;

/** What stands between the columns of every line and the free text at its end. */
interface Line {
  client: string;
  topic: string;
  text: string;
}

const EVENT_WIDTH = 11;
/** Columns grow with what they hold, up to this; beyond it a line is out of line but whole. */
const CLIENT_WIDTH_MAX = 26;
const TOPIC_WIDTH_MAX = 32;
const PREVIEW_WIDTH = 48;

export interface TailFormatOptions {
  time?: TimeStyle | undefined;
  diff?: boolean | undefined;
}

/** Formats events one after the other; columns become as wide as what has come so far. */
export class TailFormatter {
  readonly #colors: Colors;
  /** Columns of the terminal; undefined where the output is none and nothing is cut. */
  readonly #columns: number | undefined;
  #lastPrintedBatch: number | undefined;
  #midWidth = 3;
  #clientWidth = 10;
  #topicWidth = 12;

  readonly #formatTime: (time: string) => string;
  /** Shows what a hook changed member by member, in lines of their own. */
  readonly #withDiff: boolean;

  constructor(colors: Colors, columns: number | undefined, { time, diff = false }: TailFormatOptions = {}) {
    this.#colors = colors;
    this.#columns = columns;
    this.#formatTime = createTimeFormat(time ?? defaultTimeStyle(columns !== undefined));
    this.#withDiff = diff;
  }

  /** @returns one line, or several with the changes of a hook, without the last line feed */
  format(event: TailEvent): string {
    const { client, topic, text } = this.#describe(event);
    const mid = "mid" in event ? `#${event.mid}` : "";
    this.#midWidth = Math.max(this.#midWidth, mid.length);
    this.#clientWidth = Math.max(this.#clientWidth, Math.min(displayWidth(client), CLIENT_WIDTH_MAX));
    this.#topicWidth = Math.max(this.#topicWidth, Math.min(displayWidth(topic), TOPIC_WIDTH_MAX));
    const head = [
      this.#colors.dim(this.#formatTime(event.time)),
      padEnd(this.#eventName(event), EVENT_WIDTH),
      padEnd(this.#colors.dim(mid), this.#midWidth),
      padEnd(this.#colors.cyan(client || "–"), this.#clientWidth),
      padEnd(topic || "–", this.#topicWidth),
    ];
    return [...head, text].join("  ").trimEnd();
  }

  #eventName(event: TailEvent): string {
    const { red, yellow, green, blue, dim } = this.#colors;
    switch (event.event) {
      case "refuse":
      case "drop":
      case "lost":
        return red(event.event);
      case "expire":
        return yellow(event.event);
      case "connect":
      case "disconnect":
      case "subscribe":
      case "unsubscribe":
        return blue(event.event);
      case "hook":
        return { passed: green, modified: yellow, dropped: red, rejected: red }[event.verdict]("hook");
      case "publish":
        return event.event;
      case "hook-circuit":
        return (event.state === "opened" ? red : green)(event.event);
      case "deliver":
        return dim(event.event);
    }
  }

  #describe(event: TailEvent): Line {
    const client = "clientId" in event && event.clientId !== undefined ? printable(event.clientId) : "";
    const topic =
      "topic" in event ? printable(event.topic) : "topicFilter" in event ? printable(event.topicFilter) : "";
    return { client, topic, text: this.#text(event) };
  }

  #text(event: TailEvent): string {
    const { dim, red } = this.#colors;
    switch (event.event) {
      case "connect":
        return dim(`MQTT ${{ 3: "3.1", 4: "3.1.1", 5: "5.0" }[event.protocolVersion] ?? event.protocolVersion}`);
      case "refuse":
        return red(`${printable(event.reason)} (${reasonText(event.reasonCode)})`);
      case "disconnect":
        return dim(`by ${event.by}${event.reasonCode !== 0 && event.reason ? `: ${printable(event.reason)}` : ""}`);
      case "subscribe":
      case "unsubscribe":
        return event.reasonCode < 0x80 ? dim("ok") : red(reasonText(event.reasonCode));
      case "publish":
        return `${this.#preview(event)}  ${dim(flags(event))}`.trimEnd();
      case "hook":
        return this.#hookText(event);
      case "hook-circuit":
        return `${event.state}: ${printable(event.reason)}`;
      case "deliver":
        return dim(`QoS ${event.qos}`);
      case "drop":
        return red(event.reason);
      case "expire":
        return "";
      case "lost":
        return red(lostText(event));
    }
  }

  #hookText(event: Hook): string {
    const { green, yellow, red, dim } = this.#colors;
    const verdict = verdictText(event);
    const isUnasked = event.verdict === "passed" && event.reason !== undefined;
    const color = isUnasked ? yellow : { passed: green, modified: yellow, dropped: red, rejected: red }[event.verdict];
    const attempts = event.attempts === undefined ? undefined : `${event.attempts} attempts`;
    const batch = event.batchId === undefined ? `batch ${event.batch}` : `batch ${event.batch} (#${event.batchId})`;
    const numbers = [`${Math.round(event.ms * 10) / 10} ms`, event.status, attempts, batch];
    const facts = dim(numbers.filter((part) => part !== undefined).join(" "));
    const detail = event.detail === undefined ? "" : `  ${red(printable(event.detail))}`;
    const { before, after } = event;
    const printed = this.#console(event);
    if (this.#withDiff && before && after) {
      return `${color(verdict)}  ${facts}${detail}${formatChanges(diffContent(before, after), this.#colors)}${printed}`;
    }
    const change = before && after ? `  ${this.#preview(before)} ${yellow("→")} ${this.#preview(after)}` : "";
    return `${color(verdict)}  ${facts}${change}${detail}${printed}`;
  }

  /** What the Worker has printed, below the first message of its batch. */
  #console({ batchId, console: lines = [] }: Hook): string {
    if (lines.length === 0 || batchId === this.#lastPrintedBatch) return "";
    this.#lastPrintedBatch = batchId;
    const { red, yellow, dim } = this.#colors;
    return lines
      .map(({ kind, text }) => {
        const color = kind === "log" ? dim : kind === "warning" ? yellow : red;
        const [first, ...rest] = text.trimEnd().split("\n").map(printable);
        const more = rest.map((line) => `\n      ${dim(line)}`).join("");
        return `\n    ${color(`${kind}: ${first}`)}${more}`;
      })
      .join("");
  }

  #preview({ payload, payloadEncoding, payloadBytes }: Content): string {
    if (payloadBytes === 0) return this.#colors.dim("empty");
    const text = payloadEncoding === "utf8" ? printable(payload) : hex(payload);
    // A terminal shows a preview; a file or pipe what there is.
    return this.#columns === undefined ? text : truncate(text, Math.max(PREVIEW_WIDTH, this.#columns - 80));
  }
}

/** `passed`, `modified`, `dropped:hook-timeout` */
function verdictText({ verdict, reason, reasonCode }: Hook): string {
  if (verdict === "rejected" && reasonCode !== undefined) return `${verdict}:${reason ?? reasonText(reasonCode)}`;
  return reason === undefined ? verdict : `${verdict}:${reason}`;
}

function flags({ qos, retain }: TailEventOf<"publish">): string {
  return [qos > 0 ? `QoS ${qos}` : "", retain ? "retained" : ""].filter((flag) => flag !== "").join(" ");
}

function hex(base64: string): string {
  return `0x${Buffer.from(base64, "base64").toString("hex")}`;
}

/** Why and how many events are missing. */
export function lostText({ reason, count }: TailEventOf<"lost">): string {
  const many = count === undefined ? "some" : String(count);
  const why = reason === "slow-reader" ? "this reader was too slow" : "the server does not know them any more";
  return `${many} event${count === 1 ? " is" : "s are"} missing here: ${why}`;
}
