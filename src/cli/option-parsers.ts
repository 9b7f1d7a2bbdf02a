/** Values of options that are more than text. Each throws a usage error that names the option. */
import { formatMilliseconds, parseMilliseconds } from "./duration.ts";
import { usageError } from "./errors.ts";

export function wholeNumber(option: string, min: number, max: number = Number.MAX_SAFE_INTEGER) {
  return (text: string): number => {
    const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
    throw usageError(`${option} takes a whole number ${range}, not "${text}"`);
  };
}

/** A number of seconds, fractions too. */
export function seconds(option: string) {
  return (text: string): number => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    // What timers can hold.
    if (value <= 2_147_483) return value;
    throw usageError(`${option} takes a number of seconds, not "${text}"`);
  };
}

/** A duration with its unit, such as 200ms, 1.5s or 2m, within the bounds; in milliseconds. */
export function milliseconds(option: string, { minimum, maximum }: { minimum: number; maximum: number }) {
  return (text: string): number => {
    const value = parseMilliseconds(text);
    if (value >= minimum && value <= maximum) return value;
    const range = `from ${formatMilliseconds(minimum)} to ${formatMilliseconds(maximum)}`;
    throw usageError(`${option} takes a duration ${range}, not "${text}"`, "such as 200ms, 1.5s or 2m");
  };
}

/** A number from 0 to 1. */
export function share(option: string) {
  return (text: string): number => {
    const value = /^(\d+(\.\d*)?|\.\d+)$/.test(text) ? Number(text) : Number.NaN;
    if (value <= 1) return value;
    throw usageError(`${option} takes a number from 0 to 1, not "${text}"`);
  };
}

export function qualityOfService(text: string): 0 | 1 | 2 {
  if (/^[012]$/.test(text)) return Number(text) as 0 | 1 | 2;
  throw usageError(`--qos takes 0, 1 or 2, not "${text}"`);
}

/** The Protocol Level byte of CONNECT: 3 is MQTT 3.1, 4 is 3.1.1. */
export function protocolVersion(text: string): 3 | 4 | 5 {
  const versions: Record<string, 3 | 4 | 5> = {
    5: 5,
    mqttv5: 5,
    311: 4,
    "3.1.1": 4,
    4: 4,
    mqttv311: 4,
    31: 3,
    "3.1": 3,
    3: 3,
    mqttv31: 3,
  };
  const version = versions[text];
  if (version) return version;
  throw usageError(`--mqtt-version takes 5, 311 or 31, not "${text}"`);
}

/** One of the choices, in capitals or not. */
export function oneOf<Choice extends string>(option: string, choices: readonly Choice[]) {
  return (text: string): Choice => {
    const choice = choices.find((each) => each.toLowerCase() === text.toLowerCase());
    if (choice === undefined) {
      throw usageError(`${option} takes ${choices.join(", ")}, not "${text}"`, "--help says what they mean");
    }
    return choice;
  };
}

/** For options that may be given several times. */
export function collect(value: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

/** As `collect`; several values may stand in one, with commas between them. */
export function collectList(value: string, previous: readonly string[] | undefined): string[] {
  const values = value.split(",").map((part) => part.trim());
  return [...(previous ?? []), ...values.filter((part) => part !== "")];
}

/** For each value one of the choices. */
export function collectChoices<Choice extends string>(option: string, choices: readonly Choice[]) {
  return (value: string, previous: readonly Choice[] | undefined): Choice[] => {
    const chosen = collectList(value, undefined).map((part) => {
      const choice = choices.find((each) => each === part);
      if (choice === undefined) throw usageError(`${option}: there is no "${part}"`, `there are ${choices.join(", ")}`);
      return choice;
    });
    return [...(previous ?? []), ...chosen];
  };
}
