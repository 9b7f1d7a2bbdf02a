/** How `sub` and `request` print a message. */
import type { Command } from "commander";
import { usageError } from "../errors.ts";
import { compileFormat } from "./message-format.ts";
import type { Output } from "../output/output.ts";
import { type ReceivedMessage, messageToJson, payloadForTerminal } from "./received-message.ts";

export interface PrintOptions {
  verbose?: boolean;
  format?: string;
  raw?: boolean;
  json?: boolean;
}

const FORMAT_HELP = `
Letters of --format, as in mosquitto_sub; %10t pads, %-10t to the left, %010l with zeros, %.5t cuts:
  %t topic   %p payload   %x %X payload in hexadecimal   %l its length   %q QoS   %r retained   %m packet id
  %j JSON with the payload as text   %J with the payload as JSON   %I time, ISO 8601   %U UNIX time   @X strftime's %X
  %C content type   %R response topic   %D correlation data   %E expiry interval   %F payload format
  %P user properties   %S subscription identifiers   %A topic alias   %% @@ \\\\ \\n \\t \\0 \\e
`;

export function addPrintOptions(command: Command): void {
  command
    .option("-v, --verbose", "the topic before the payload (so it is with several filters)")
    .option("-F, --format <format>", "how to print a message, see below")
    .option("--raw", "payloads as they are, with nothing between them")
    .addHelpText("after", FORMAT_HELP);
}

/** Exactly one way can be chosen. @throws {UserError} `usage` */
export function createPrinter(
  output: Output,
  options: PrintOptions,
  severalFilters: boolean,
): (message: ReceivedMessage) => Promise<void> | undefined {
  const { format, raw, json, verbose } = options;
  if ([format, raw, json].filter(Boolean).length > 1) throw usageError("--format, --raw and --json exclude each other");
  // With --json the topic is there anyway.
  if (verbose && (format ?? raw)) throw usageError("-v goes with neither --format nor --raw");
  if (json) return (message) => output.line(messageToJson(message));
  if (raw) return ({ payload }) => output.write(payload);
  if (format !== undefined) {
    const print = compileFormat(format);
    return (message) => {
      void output.write(print(message));
      return output.write("\n");
    };
  }
  const withTopic = verbose === true || severalFilters;
  return ({ topic, payload }) => {
    if (withTopic) void output.write(`${output.out.cyan(topic)} `);
    void output.write(output.isTerminal ? payloadForTerminal(payload) : payload);
    return output.write("\n");
  };
}
