/** What workerd prints, made fit for people. */
import type { ConsoleLine } from "../../broker/ports.ts";
import { EXCEPTION_MARK } from "./entry.ts";
import type { StructuredLog } from "./miniflare.ts";
import type { StackTraces } from "./stack-trace.ts";

/** Something that a Worker, or what runs it, has to say. */
export interface WorkerOutput {
  /** `exception` is one that nobody caught; `reload` and `remark` come from here. */
  readonly kind: "log" | "warning" | "error" | "exception" | "reload" | "remark";
  /** One line or more. */
  readonly text: string;
}

/** Of one entry; what is beyond is cut. */
const TEXT_CHARS_MAX = 64 * 1024;

/** workerd's own words about an exception, with the addresses of its machine code. */
const NATIVE_EXCEPTION = /^Uncaught exception: .*?\bjsg\.((?:\w*Error|Error|DOMException)[^\n]*)(?:\nstack: [^\n]*)?$/s;
const STARTUP_ERROR = /^service core:user:[^:]+: (?:Uncaught )?/;

/** A line of a batch, with the places in the sources. */
export function mappedLine({ kind, text }: ConsoleLine, traces: StackTraces): ConsoleLine {
  if (!text.startsWith(EXCEPTION_MARK)) return { kind, text: traces.map(text) };
  return { kind: "exception", text: traces.map(text.slice(EXCEPTION_MARK.length)) };
}

export function workerOutput({ level, message }: StructuredLog, traces: StackTraces): WorkerOutput {
  const text = message.length > TEXT_CHARS_MAX ? `${message.slice(0, TEXT_CHARS_MAX)}…` : message;
  if (text.startsWith(EXCEPTION_MARK)) {
    return { kind: "exception", text: traces.map(text.slice(EXCEPTION_MARK.length)) };
  }
  const native = NATIVE_EXCEPTION.exec(text)?.[1];
  if (native !== undefined) return { kind: "exception", text: native };
  if (STARTUP_ERROR.test(text)) return { kind: "exception", text: traces.map(text.replace(STARTUP_ERROR, "")) };
  const kind = level === "error" ? "error" : level === "warn" ? "warning" : "log";
  return { kind, text: traces.map(text) };
}
