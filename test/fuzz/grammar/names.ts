/** Texts that a hostile client sends: few enough to meet again, odd enough to hurt. */
import type { Random } from "../../simulation/random.ts";

const ODD = [
  "__proto__",
  "constructor",
  "toString",
  "é",
  "日本",
  "\u{1f4a9}",
  "\ufeff",
  "\u0001",
  "\u001b[2J",
  "\nrefused",
  "\u202e",
  "%00",
  "..",
  "' OR 1=1",
  " ",
  "NaN",
];

const LEVELS = ["a", "b", "c", "", "$", "d1", ...ODD];

const word = (random: Random): string => (random.chance(0.15) ? random.pick(ODD) : random.pick(["x", "y", "z", "w"]));

/** A client id from a small pool, so that sessions meet: takeovers, resumption. */
export function clientId(random: Random): string {
  if (random.chance(0.04)) return "";
  // Up to the longest that a string may be.
  if (random.chance(0.04)) return "L".repeat(random.pick([23, 24, 255, 1024, 65_500, 65_526, 65_527, 65_535]));
  return `${word(random)}${random.below(8)}`;
}

export function topicName(random: Random): string {
  if (random.chance(0.03)) return random.pick(["$SYS/x", "$share/g/t", "$queue/t", "/", "//", "$", "$SYS"]);
  if (random.chance(0.01)) return "t".repeat(random.pick([1000, 65_535]));
  if (random.chance(0.01)) return "/".repeat(random.pick([126, 127, 128, 129, 1000, 65_535]));
  const depth = random.between(1, random.chance(0.1) ? 20 : 4);
  const name = Array.from({ length: depth }, () => random.pick(LEVELS)).join("/");
  return name === "" ? "a" : name;
}

/** Mostly a filter that is allowed; sometimes one that is not, which the encoder does not mind. */
export function topicFilter(random: Random): string {
  if (random.chance(0.05)) return random.pick(["#", "+", "+/#", "/#", "+/+", "$SYS/#", "$share/g/#", "$share/g/+/a"]);
  if (random.chance(0.03))
    return random.pick(["a/#/b", "a+", "#a", "$share/", "$share/g", "$share//a", "$share/g+/a", "$share/#/a"]);
  const levels = topicName(random).split("/");
  for (let i = 0; i < levels.length && i < 30; i++) if (random.chance(0.2)) levels[i] = "+";
  if (random.chance(0.25)) levels[levels.length - 1] = "#";
  const filter = levels.join("/");
  return random.chance(0.15) ? `$share/${random.pick(["g", "h", "__proto__", "é"])}/${filter}` : filter;
}

export function text(random: Random): string {
  if (random.chance(0.02)) return "s".repeat(random.pick([127, 128, 16_383, 65_535]));
  return random.chance(0.3) ? random.pick(ODD) : `${word(random)}${word(random)}`;
}

/** Mostly short; never more than 256 KiB. */
export function payload(random: Random): Buffer {
  const size = random.weighted({ empty: 2, short: 20, medium: 4, large: 1 });
  const length = {
    empty: 0,
    short: random.between(1, 60),
    medium: random.between(100, 5000),
    large: random.between(16_000, 262_144),
  };
  return noise(random, length[size]);
}

/** Bytes without a meaning. */
export function noise(random: Random, length: number): Buffer {
  const bytes = Buffer.alloc(length, random.next() & 0xff);
  for (let i = 0; i < length && i < 64; i++) bytes[i] = random.next() & 0xff;
  return bytes;
}
