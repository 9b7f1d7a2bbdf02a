/** `--limits PROFILE` and `--limit NAME=VALUE`, as create and update of a broker take them. */
import { type Command, Option } from "commander";
import { type LimitName, limitProfileNames, limitTable } from "../../contract/limit-table.ts";
import type { Broker } from "../../contract/types.ts";
import { usageError } from "../errors.ts";
import { collect } from "../option-parsers.ts";

export interface LimitOptions {
  limits?: (typeof limitProfileNames)[number];
  limit?: string[];
}

type Limits = NonNullable<Broker["limits"]>;

export function addLimitOptions(command: Command): void {
  command
    .addOption(new Option("--limits <profile>", "set of limits").choices(limitProfileNames))
    .option(
      "--limit <name=value>",
      "a limit that differs from the profile, such as packetBytesMax=65536; may be repeated",
      collect,
    );
}

/**
 * The limits that the options ask for.
 * @param before those of the broker; a profile given anew replaces them all
 * @returns undefined if none is asked for
 * @throws {UserError} usage
 */
export function limitsOfOptions(options: LimitOptions, before: Limits = {}): Limits | undefined {
  const { limits: profile, limit } = options;
  if (profile === undefined && limit === undefined) return undefined;
  const result: Limits = profile === undefined ? { ...before } : { profile };
  for (const text of limit ?? []) {
    const [, name = "", value = ""] = /^([^=]*)=(.*)$/.exec(text) ?? [];
    if (!Object.hasOwn(limitTable, name)) {
      throw usageError(`"${text}" names no limit`, `limits are ${Object.keys(limitTable).join(", ")}`);
    }
    const { minimum, maximum } = limitTable[name as LimitName];
    const number = Number(value);
    if (!/^\d+$/.test(value) || number < minimum || number > maximum) {
      throw usageError(`"${value}" cannot be the limit ${name}`, `it is a whole number from ${minimum} to ${maximum}`);
    }
    result[name as LimitName] = number;
  }
  return result;
}

/** `cloudflare-beta, packetBytesMax 1000`, for people. */
export function describeLimits(limits: Limits | undefined): string {
  if (limits === undefined) return "default";
  const { profile = "default", ...others } = limits;
  return [profile, ...Object.entries(others).map(([name, value]) => `${name} ${value}`)].join(", ");
}
