import { apiErrors } from "../../contract/errors.ts";
import { UserError } from "../../errors.ts";
import { defineCommand } from "../command.ts";
import { exitCodeMeanings } from "../exit-codes.ts";
import { type ExplainMessageOptions, explainMessage } from "../messages/explain-message.ts";
import { usageError } from "../errors.ts";
import { addBrokerOptions } from "../settings/names.ts";
import { deliveryExplanations, dropExplanations } from "../messages/delivery-explanations.ts";
import { reasonExplanations, returnCodeExplanations } from "../mqtt/reason-explanations.ts";
import { reasonCodeName } from "../mqtt/reasons.ts";
import { formatTable } from "../output/table.ts";

interface Explanation {
  /** What kind of code it is, such as `MQTT reason code`. */
  kind: string;
  code: string;
  meaning: string;
}

export default defineCommand<ExplainMessageOptions>({
  examples: [
    "explain 0x87",
    "explain 27",
    "explain hook-timeout",
    "explain 9109",
    "explain                                       lists everything",
    "explain message 12 --for terminal-7           why it got that message, or did not",
  ],

  configure(command) {
    command
      .description(
        "Say what a code means and what to do about it: MQTT reason codes, exit codes, error codes of the API, and " +
          "the reasons of dropped messages. Or say why a client got a message, or did not, as far as somebody has watched the broker.",
      )
      .argument("[code]", "number (135, 0x87) or word (hook-timeout); all where it is missing; or: message")
      .argument("[mid]", "of message: its number, as tail shows it")
      .option("--for <client>", "of message: client id of the one that should have got it");
    addBrokerOptions(command);
  },

  async run(context, [argument, mid], options) {
    if (argument === "message") return await explainMessage(context, mid as string | undefined, options);
    if (mid !== undefined || options.for !== undefined) {
      throw usageError("one code at a time", "a message is explained with pubsub explain message MID --for CLIENT");
    }
    const { output } = context;
    const all = allExplanations();
    if (argument === undefined) {
      const rows = all.map(({ kind, code, meaning }) => [kind, code, meaning]);
      output.document(all, formatTable(["KIND", "CODE", "MEANING"], rows));
      return;
    }
    const wanted = argument as string;
    const found = all.filter(({ code }) => namesOf(code).includes(normalize(wanted)));
    if (found.length === 0) {
      throw new UserError("not-found", `there is no code "${wanted}"`, "`pubsub explain` lists all of them");
    }
    const text = found.map(({ kind, code, meaning }) => `${output.out.bold(`${kind} ${code}`)}\n  ${meaning}\n`);
    output.document(found, text.join(""));
  },
});

function allExplanations(): Explanation[] {
  const reasons = Object.entries(reasonExplanations).map(([code, { name, packets, meaning }]) => ({
    kind: "MQTT reason code",
    code: reasonCodeName(Number(code)),
    meaning: `${name} (${packets}). ${meaning}`,
  }));
  const returns = Object.entries(returnCodeExplanations).map(([code, meaning]) => ({
    kind: "MQTT 3 return code",
    code,
    meaning,
  }));
  const exits = exitCodeMeanings.flatMap(([codes, meaning]) =>
    codes.split(", ").map((code) => ({ kind: "exit code", code, meaning })),
  );
  const api = Object.entries(apiErrors).map(([name, error]) => {
    const hint = "hint" in error ? ` → ${error.hint}` : "";
    return {
      kind: "API error",
      code: `${error.code} ${name}`,
      meaning: `HTTP ${error.status}: ${error.message}${hint}`,
    };
  });
  const drops = Object.entries(dropExplanations).map(([code, meaning]) => ({ kind: "drop reason", code, meaning }));
  const deliveries = Object.entries(deliveryExplanations).map(([code, meaning]) => ({
    kind: "outcome of a message",
    code,
    meaning,
  }));
  return [...reasons, ...returns, ...exits, ...api, ...drops, ...deliveries];
}

/** `0x87 (135)` is found by either number, `9109 wrong-api-token` by number and name. */
function namesOf(code: string): string[] {
  return code
    .replaceAll(/[()]/g, "")
    .split(" ")
    .map((name) => normalize(name));
}

/** Reason codes may be named with the prefix of a verdict, as `tail` prints them: `dropped:hook-timeout`. */
function normalize(code: string): string {
  const word = code.toLowerCase().replace(/^(passed|dropped|rejected):/, "");
  return /^0x[0-9a-f]+$/.test(word) ? `0x${word.slice(2).padStart(2, "0")}` : word;
}
