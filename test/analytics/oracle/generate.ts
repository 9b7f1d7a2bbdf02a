/** Queries by the seed: of what Cloudflare documents and ClickHouse has, a little of everything. */
import type { Random } from "../../simulation/random.ts";

type Kind = "whole" | "float" | "string" | "time" | "condition";

export interface GeneratedQuery {
  /** In our dialect, without FORMAT. */
  readonly text: string;
  /** Whether the order of the rows is that of the query. */
  readonly isOrdered: boolean;
}

const STRINGS = ["'eu'", "'EU'", "''", "'ä'", "'a_b%c'", "'12'", "'x''y'", "'日本'", "'z'"];
const PATTERNS = [
  "'%u'",
  "'_U'",
  "'%a%'",
  String.raw`'a\\_b%'`,
  "'%'",
  "''",
  "'%/a/%'",
  "'__'",
  "'Ä%'",
  "'%e%e%'",
  "'_%_'",
];
const WHOLES = ["0", "1", "2", "3", "7", "10", "60", "255", "256", "300", "65536", "4294967295", "-1", "-7", "-129"];
const FLOATS = ["0.5", "1.5", "-2.5", "0.1", "1e3", "100.", "2.675"];
const UNITS = ["SECOND", "MINUTE", "HOUR", "DAY", "MONTH", "YEAR"];
const ZONES = ["'America/New_York'", "'Asia/Kolkata'", "'Europe/Berlin'", "'Etc/UTC'"];
const FORMATS = [
  "'%Y-%m-%d'",
  "'%H:%i:%S'",
  "'%F %T'",
  "'%j %u %w %V %G'",
  "'%a %b %e'",
  "'%D %R %p %I'",
  "'%M %W %y %%'",
];
const PARTS = ["toYear", "toMonth", "toDayOfMonth", "toDayOfWeek", "toHour", "toMinute", "toSecond", "toYYYYMM"];
const STARTS = [
  ...["toStartOfYear", "toStartOfMonth", "toStartOfWeek", "toStartOfDay", "toStartOfHour", "toStartOfFifteenMinutes"],
  ...["toStartOfTenMinutes", "toStartOfFiveMinutes", "toStartOfMinute"],
];

export class QueryGenerator {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  query(): GeneratedQuery {
    return this.#random.chance(0.6) ? this.#grouped() : this.#plain();
  }

  #plain(): GeneratedQuery {
    const random = this.#random;
    const count = random.between(1, 4);
    const outputs = Array.from({ length: count }, () => this.#expression(random.pick(kinds), 3));
    const items = outputs.map((text, index) =>
      random.chance(0.85) || /length|substring|Week/.test(text) ? `${text} AS c${index}` : text,
    );
    return this.#finish(`SELECT ${items.join(", ")} FROM t${this.#where()}`, count);
  }

  #grouped(): GeneratedQuery {
    const random = this.#random;
    const keys = Array.from({ length: random.below(3) }, () => this.#key());
    const aggregates = Array.from({ length: random.between(1, 3) }, () => this.#aggregate());
    const items = [
      ...keys.map((key, index) => `${key} AS k${index}`),
      ...aggregates.map((aggregate, index) => `${aggregate} AS a${index}`),
    ];
    const groupBy = keys.length === 0 ? "" : ` GROUP BY ${keys.map((_, index) => `k${index}`).join(", ")}`;
    const having = random.chance(0.25)
      ? ` HAVING ${random.pick(["count() > 3", "sum(double2) >= 10", "min(blob1) < 'x'"])}`
      : "";
    const inner = `SELECT ${items.join(", ")} FROM t${this.#where()}${groupBy}${having}`;
    if (keys.length > 0 && random.chance(0.1))
      return { text: `SELECT count() AS n, min(k0) AS m FROM (${inner})`, isOrdered: true };
    return this.#finish(inner, items.length);
  }

  /** With a limit, everything has to be in order: otherwise any rows would do. */
  #finish(text: string, columns: number): GeneratedQuery {
    const random = this.#random;
    if (random.chance(0.4)) return { text, isOrdered: false };
    const order = Array.from({ length: columns }, (_, index) => `${index + 1}${random.pick(["", " ASC", " DESC"])}`);
    const limit = random.chance(0.6)
      ? ` LIMIT ${random.below(20)}${random.chance(0.4) ? ` OFFSET ${random.below(5)}` : ""}`
      : "";
    return { text: `${text} ORDER BY ${order.join(", ")}${limit}`, isOrdered: true };
  }

  #where(): string {
    return this.#random.chance(0.5) ? ` WHERE ${this.#condition(2)}` : "";
  }

  #key(): string {
    const random = this.#random;
    return random.pick([
      () => random.pick(["blob1", "blob2", "blob3", "index1", "double2"]),
      () => this.#expression("string", 2),
      () => this.#expression("whole", 2),
      () => `intDiv(toUInt32(timestamp), ${random.pick(["60", "300", "86400"])}) * ${random.pick(["60", "300"])}`,
      () => this.#rounded(),
      () => this.#condition(1),
    ])();
  }

  #aggregate(): string {
    const random = this.#random;
    const x = this.#expression(random.pick(["whole", "float"]), 2);
    const any = this.#expression(random.pick(["whole", "float", "string", "time"]), 1);
    const level = random.pick(["0", "0.25", "0.5", "0.95", "1"]);
    return random.pick([
      () => "count()",
      () => `count(DISTINCT ${any})`,
      () => `sum(${x})`,
      () => `sum(_sample_interval * ${random.pick(["double1", "double2", "double3"])})`,
      () => `sum(DISTINCT ${random.pick(["double2", "toUInt8(double2)"])})`,
      () => `avg(${x})`,
      () => `min(${any})`,
      () => `max(${any})`,
      () => `countIf(${this.#condition(2)})`,
      () => `sumIf(${x}, ${this.#condition(1)})`,
      () => `avgIf(${x}, ${this.#condition(1)})`,
      () => `quantileExactWeighted(${level})(${x}, ${random.pick(["_sample_interval", "toUInt32(double2)", "1"])})`,
      () => `SUM(_sample_interval * double3) / SUM(_sample_interval)`,
      () => `argMax(double2, timestamp * 1000 + double2)`.replace("timestamp * 1000", "toUInt32(timestamp)"),
      () => `argMin(timestamp, toUInt32(timestamp))`,
      () => `length(topK(${random.between(1, 5)})(blob2))`,
    ])();
  }

  #expression(kind: Kind, depth: number): string {
    switch (kind) {
      case "whole":
        return this.#whole(depth);
      case "float":
        return this.#float(depth);
      case "string":
        return this.#string(depth);
      case "time":
        return this.#time(depth);
      case "condition":
        return this.#condition(depth);
    }
  }

  #whole(depth: number): string {
    const random = this.#random;
    if (depth === 0) return random.pick([...WHOLES, "_sample_interval", "toUInt32(double2)", "toUInt8(blob3)"]);
    const [a, b] = [() => this.#whole(depth - 1), () => this.#whole(depth - 1)];
    return random.pick([
      () => `${a()} + ${b()}`,
      () => `${a()} - ${b()}`,
      () => `(${a()}) * (${b()})`,
      () => `intDiv(${a()}, ${random.pick(["2", "3", "60", "-7", b()])})`,
      () => `(${a()}) % ${random.pick(["2", "7", "300", "-3"])}`,
      () => `-(${a()})`,
      () => `toUInt32(${random.pick(["timestamp", "double2", "blob3", a()])})`,
      () => `toUInt8(${a()})`,
      () => `if(${this.#condition(depth - 1)}, ${a()}, ${b()})`,
      () => `${random.pick(["bitAnd", "bitOr", "bitXor", "bitHammingDistance"])}(${a()}, ${b()})`,
      () =>
        `${random.pick(["bitShiftLeft", "bitShiftRight", "bitRotateLeft", "bitRotateRight"])}(${a()}, ${random.pick(["0", "1", "3", "7", "9"])})`,
      () => `${random.pick(["bitNot", "bitCount", "abs"])}(${a()})`,
      () => `bitTest(${a()}, ${random.below(8)})`,
      () => `${random.pick(["round", "floor", "ceil"])}(${a()}${random.pick(["", ", 1", ", -1"])})`,
      () => `length(${this.#string(depth - 1)})`,
      () => `position(${random.pick(STRINGS)} IN ${this.#string(depth - 1)})`,
      () => `${random.pick(PARTS)}(${this.#time(depth - 1)})`,
      () => `extract(${random.pick(UNITS)} FROM ${this.#time(depth - 1)})`,
      () => `toUnixTimestamp(timestamp)`,
      () => `multiIf(${this.#condition(0)}, ${a()}, ${this.#condition(0)}, ${b()}, ${random.pick(WHOLES)})`,
      () => `CASE WHEN ${this.#condition(0)} THEN ${a()} ELSE ${b()} END`,
    ])();
  }

  #float(depth: number): string {
    const random = this.#random;
    if (depth === 0) return random.pick([...FLOATS, "double1", "double2", "double3"]);
    const [a, b] = [() => this.#float(depth - 1), () => this.#float(depth - 1)];
    return random.pick([
      () => `${a()} + ${b()}`,
      () => `${a()} - ${this.#whole(0)}`,
      () => `(${a()}) * (${b()})`,
      () => `(${a()}) / (${random.pick([b(), this.#whole(0)])})`,
      () => `(${a()}) % (${b()})`,
      () => `if(${this.#condition(depth - 1)}, ${a()}, ${b()})`,
      () =>
        `${random.pick(["round", "floor", "ceil"])}(${random.pick(["double3", "double3", a()])}${random.pick(["", ", 1", ", 2", ", -1"])})`,
      () => `${random.pick(["log", "ln"])}(${a()})`,
      () => `pow(${a()}, ${random.pick(["2", "0.5", "3"])})`,
      () => `-(${a()})`,
    ])();
  }

  #string(depth: number): string {
    const random = this.#random;
    if (depth === 0) return random.pick([...STRINGS, "blob1", "blob2", "blob3", "index1", "dataset"]);
    const a = () => this.#string(depth - 1);
    return random.pick([
      () => `${random.pick(["lower", "upper", "lowerUTF8", "upperUTF8"])}(${a()})`,
      () => `substring(${a()}, ${random.pick([1, 2, 5])}${random.chance(0.6) ? `, ${random.between(-2, 5)}` : ""})`,
      () => `if(${this.#condition(depth - 1)}, ${a()}, ${a()})`,
      () => `format('{}-{}', ${a()}, ${this.#whole(depth - 1)})`,
      () => `format('{1}{0}', ${this.#time(depth - 1)}, ${random.pick(["double3", "double2", "1.5"])})`,
      () =>
        `formatDateTime(${this.#time(depth - 1)}, ${random.pick(FORMATS)}${random.chance(0.3) ? `, ${random.pick(ZONES)}` : ""})`,
      () => `${random.pick(["hex", "bin"])}(${random.pick([a(), this.#whole(depth - 1), "double1"])})`,
      () => `concat(${a()}, ${a()})`,
    ])();
  }

  #time(depth: number): string {
    const random = this.#random;
    if (depth === 0) return "timestamp";
    const a = () => this.#time(depth - 1);
    return random.pick([
      () => "timestamp",
      () => `${a()} ${random.pick(["+", "-"])} INTERVAL '${random.between(1, 40)}' ${random.pick(UNITS)}`,
      () => this.#rounded(),
      () => `toDateTime(toUInt32(timestamp)${random.chance(0.5) ? `, ${random.pick(ZONES)}` : ""})`,
      () =>
        `toDateTime('2021-1${random.below(3)}-0${random.between(1, 9)} 1${random.below(10)}:05:09'${random.chance(0.5) ? `, ${random.pick(ZONES)}` : ""})`,
    ])();
  }

  #rounded(): string {
    const random = this.#random;
    if (random.chance(0.5)) return `${random.pick(STARTS)}(timestamp)`;
    const unit = random.pick(UNITS);
    const zone = random.chance(0.3) ? `, ${random.pick(ZONES)}` : "";
    return `toStartOfInterval(timestamp, INTERVAL '${random.between(1, 31)}' ${unit}${zone})`;
  }

  #condition(depth: number): string {
    const random = this.#random;
    const compare = () => random.pick(["=", "!=", "<>", "<", ">", "<=", ">="]);
    const simple = [
      () => `blob1 ${compare()} ${random.pick(STRINGS)}`,
      () => `double1 ${compare()} ${random.pick([...FLOATS, ...WHOLES])}`,
      () => `timestamp ${compare()} ${random.pick(["'2021-11-20 00:00:00'", "toDateTime(1637000000)", "1637000000"])}`,
      () => `${random.pick(["blob1", "blob2"])} ${random.pick(["IN", "NOT IN"])} ('eu', 'us', '')`,
      () => `double2 ${random.pick(["IN", "NOT IN"])} (1, 2, 3.5)`,
      () => `blob1 ${random.pick(["", "NOT "])}${random.pick(["LIKE", "ILIKE"])} ${random.pick(PATTERNS)}`,
      () => `double2 ${random.pick(["", "NOT "])}BETWEEN 3 AND 10`,
      () => `${random.pick(["startsWith", "endsWith"])}(blob1, ${random.pick(STRINGS)})`,
      () => "empty(blob2)",
    ];
    if (depth === 0) return random.pick(simple)();
    const [a, b] = [() => this.#condition(depth - 1), () => this.#condition(depth - 1)];
    return random.pick([
      ...simple,
      () => `${a()} AND ${b()}`,
      () => `(${a()} OR ${b()})`,
      () => `NOT (${a()})`,
      () => `${this.#whole(depth - 1)} ${compare()} ${this.#whole(depth - 1)}`,
      () => `${this.#float(depth - 1)} ${compare()} ${random.pick([this.#whole(0), this.#float(depth - 1)])}`,
      () => `${this.#string(depth - 1)} ${compare()} ${this.#string(depth - 1)}`,
      () => `${this.#time(depth - 1)} ${compare()} ${this.#time(depth - 1)}`,
    ])();
  }
}

const kinds: readonly Kind[] = ["whole", "float", "string", "time", "condition"];

/** Where Cloudflare's function of a name does what ClickHouse has under another. */
export function forClickHouse(text: string): string {
  return text
    .replaceAll("length(topK", "LENGTH_TOP")
    .replaceAll("length(", "lengthUTF8(")
    .replaceAll("LENGTH_TOP", "length(topK")
    .replaceAll("substring(", "substringUTF8(")
    .replaceAll("toStartOfWeek(", "toMonday(")
    .replaceAll(/FROM t\b/g, "FROM d.t");
}
