/** The types of ClickHouse that Analytics Engine has, and how they combine. */

export type IntervalUnit = "Second" | "Minute" | "Hour" | "Day" | "Week" | "Month" | "Quarter" | "Year";
export type Bits = 8 | 16 | 32 | 64;

export type Type = (
  | IntegerType
  | { readonly kind: "float" | "string" | "bool" | "date" | "null" }
  | { readonly kind: "datetime"; readonly zone?: string | undefined }
  | { readonly kind: "interval"; readonly unit: IntervalUnit }
  | { readonly kind: "array"; readonly of: Type }
) & { readonly isNullable?: boolean };

export interface IntegerType {
  readonly kind: "integer";
  readonly isSigned: boolean;
  readonly bits: Bits;
}

export const FLOAT64: Type = { kind: "float" };
export const STRING: Type = { kind: "string" };
export const BOOL: Type = { kind: "bool" };
export const DATE: Type = { kind: "date" };
export const DATETIME: Type = { kind: "datetime" };
/** The type of NULL itself. */
export const NULL: Type = { kind: "null", isNullable: true };
export const UINT8 = integer(false, 8);
export const UINT16 = integer(false, 16);
export const UINT32 = integer(false, 32);
export const UINT64 = integer(false, 64);
export const INT32 = integer(true, 32);
export const INT64 = integer(true, 64);

export function integer(isSigned: boolean, bits: number): IntegerType & Type {
  return { kind: "integer", isSigned, bits: Math.min(bits, 64) as Bits };
}

export function typeName(type: Type): string {
  const name = plainName(type);
  return type.isNullable ? `Nullable(${name})` : name;
}

function plainName(type: Type): string {
  switch (type.kind) {
    case "integer":
      return `${type.isSigned ? "Int" : "UInt"}${type.bits}`;
    case "float":
      return "Float64";
    case "string":
      return "String";
    case "bool":
      return "Bool";
    case "date":
      return "Date";
    case "datetime":
      return type.zone === undefined ? "DateTime" : `DateTime('${type.zone}')`;
    case "interval":
      return `Interval${type.unit}`;
    case "array":
      return `Array(${typeName(type.of)})`;
    case "null":
      return "Nothing";
  }
}

export function isNumeric({ kind }: Type): boolean {
  return kind === "integer" || kind === "float" || kind === "bool";
}

export function isTime({ kind }: Type): boolean {
  return kind === "date" || kind === "datetime";
}

export function nullable(type: Type): Type {
  // Arrays cannot be NULL in ClickHouse.
  return type.isNullable || type.kind === "array" ? type : { ...type, isNullable: true };
}

export function notNull(type: Type): Type {
  if (!type.isNullable || type.kind === "null") return type;
  const { isNullable: _, ...plain } = type;
  return plain;
}

/** What a number's type counts as in arithmetic: Bool is UInt8, and times are the numbers behind them. */
export function asNumber(type: Type): IntegerType | { readonly kind: "float" } {
  switch (type.kind) {
    case "integer":
      return type;
    case "bool":
      return UINT8;
    case "date":
      return UINT16;
    case "datetime":
      return UINT32;
    default:
      return { kind: "float" };
  }
}

/** The narrowest type that holds a whole number. */
export function typeOfInteger(value: bigint): IntegerType & Type {
  const isSigned = value < 0n;
  for (const bits of [8, 16, 32]) {
    const limit = 1n << BigInt(bits - (isSigned ? 1 : 0));
    if (isSigned ? value >= -limit : value < limit) return integer(isSigned, bits);
  }
  return integer(isSigned, 64);
}

/**
 * What `if` and its like make of two types.
 * @returns undefined where there is no such type: String and a number, or UInt64 and a signed or a broken one
 */
export function commonType(a: Type, b: Type): Type | undefined {
  if (a.kind === "null") return b.kind === "null" ? b : nullable(b);
  if (b.kind === "null") return nullable(a);
  const type = commonPlainType(notNull(a), notNull(b));
  return type !== undefined && (a.isNullable || b.isNullable) ? nullable(type) : type;
}

function commonPlainType(a: Type, b: Type): Type | undefined {
  if (typeName(a) === typeName(b)) return a;
  if (isNumeric(a) && isNumeric(b)) return commonNumber(asNumber(a), asNumber(b));
  if (isTime(a) && isTime(b)) return a.kind === "datetime" ? a : b.kind === "datetime" ? b : a;
  if (a.kind === "array" && b.kind === "array") {
    const of = commonType(a.of, b.of);
    return of && { kind: "array", of };
  }
  return undefined;
}

function commonNumber(a: ReturnType<typeof asNumber>, b: ReturnType<typeof asNumber>): Type | undefined {
  if (a.kind === "float" || b.kind === "float") {
    const other = a.kind === "float" ? b : a;
    return other.kind === "integer" && other.bits === 64 ? undefined : FLOAT64;
  }
  const bits = Math.max(a.bits, b.bits);
  if (a.isSigned === b.isSigned) return integer(a.isSigned, bits);
  const unsigned = a.isSigned ? b : a;
  if (unsigned.bits === 64) return undefined;
  return integer(true, Math.max(bits, unsigned.bits * 2));
}
