/**
 * Values of columns. Whole numbers are JavaScript numbers as long as those are exact, and bigints beyond: so 64 bits cost
 * nothing until they are needed. Bool is 0 or 1, DateTime UNIX seconds, Date days since 1970, an interval its count.
 */
import type { IntegerType } from "./types.ts";

export type Whole = number | bigint;
export type Value = Whole | string | null | readonly Value[];

/** A number where that is exact: equal values so are identical. */
export function exact(value: bigint): Whole {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** What is left of a whole number in a type's bits, two's complement. */
export function wrap(value: Whole, { isSigned, bits }: IntegerType): Whole {
  if (typeof value === "number") {
    if (bits === 64 && (isSigned || value >= 0)) return value;
    if (bits === 32) return isSigned ? value | 0 : value >>> 0;
    if (bits < 32) {
      const shift = 32 - bits;
      return isSigned ? (value << shift) >> shift : value & (2 ** bits - 1);
    }
  }
  const wide = BigInt(value);
  return exact(isSigned ? BigInt.asIntN(bits, wide) : BigInt.asUintN(bits, wide));
}

export function add(a: Whole, b: Whole, type: IntegerType): Whole {
  if (typeof a === "number" && typeof b === "number") {
    const sum = a + b;
    if (Number.isSafeInteger(sum) && (sum >= 0 || type.isSigned)) return sum;
  }
  return wrap(exact(BigInt(a) + BigInt(b)), type);
}

export function subtract(a: Whole, b: Whole, type: IntegerType): Whole {
  if (typeof a === "number" && typeof b === "number") {
    const difference = a - b;
    if (Number.isSafeInteger(difference) && (difference >= 0 || type.isSigned)) return difference;
  }
  return wrap(exact(BigInt(a) - BigInt(b)), type);
}

export function multiply(a: Whole, b: Whole, type: IntegerType): Whole {
  if (typeof a === "number" && typeof b === "number") {
    const product = a * b;
    // Never -0: it is no whole number to ClickHouse.
    if (Number.isSafeInteger(product) && (product >= 0 || type.isSigned)) return product + 0;
  }
  return wrap(exact(BigInt(a) * BigInt(b)), type);
}

/**
 * Order of two values of one type, or of two numbers. Strings compare by their UTF-8 bytes, as ClickHouse does.
 * @returns negative, 0 or positive; 0 for NaN, which callers have to put somewhere first
 */
export function compare(a: Value, b: Value): number {
  if (typeof a === "string" && typeof b === "string") return compareStrings(a, b);
  if (Array.isArray(a) && Array.isArray(b)) return compareArrays(a as Value[], b as Value[]);
  return a! < b! ? -1 : a! > b! ? 1 : 0;
}

function compareArrays(a: readonly Value[], b: readonly Value[]): number {
  for (let index = 0; index < a.length && index < b.length; index++) {
    const order = compare(a[index]!, b[index]!);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** UTF-16 orders surrogates before U+E000 to U+FFFF, UTF-8 behind them. */
function compareStrings(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left === right) continue;
    return isSurrogate(left) === isSurrogate(right) ? left - right : isSurrogate(left) ? 1 : -1;
  }
  return a.length - b.length;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

/** As ClickHouse prints a Float64. */
export function formatFloat(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0";
  return String(value).replace("e+", "e");
}

/** A string as a literal of the query language. */
export function quote(text: string): string {
  return `'${text
    .replaceAll(/[\\']/g, String.raw`\$&`)
    .replaceAll("\n", String.raw`\n`)
    .replaceAll("\t", String.raw`\t`)}'`;
}

const utf8 = new TextEncoder();

export function utf8Bytes(text: string): Uint8Array {
  return utf8.encode(text);
}
