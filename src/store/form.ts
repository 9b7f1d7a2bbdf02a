/**
 * Forms of JSON that this program wrote itself. zod, with which the contract describes what others send, can do much more
 * and takes longer to load than a server to start.
 */

/** @returns the value, with the fields that the form knows. @throws {FormError} where it has another form */
export type Form<T> = (value: unknown, path: readonly string[]) => T;

export type Formed<F> = F extends Form<infer T> ? T : never;

export class FormError extends Error {
  constructor(path: readonly string[], expected: string) {
    super(`${path.join(".") || "document"}: should be ${expected}`);
  }
}

export const text: Form<string> = (value, path) => {
  if (typeof value !== "string") throw new FormError(path, "a text");
  return value;
};

export const textLike =
  (pattern: RegExp): Form<string> =>
  (value, path) => {
    if (typeof value !== "string" || !pattern.test(value)) throw new FormError(path, `a text like ${pattern.source}`);
    return value;
  };

export const number: Form<number> = (value, path) => {
  if (typeof value !== "number") throw new FormError(path, "a number");
  return value;
};

export const wholeNumber: Form<number> = (value, path) => {
  if (!Number.isSafeInteger(value)) throw new FormError(path, "a whole number");
  return value as number;
};

export const oneOf =
  <const T extends string | number>(...values: readonly T[]): Form<T> =>
  (value, path) => {
    if (!values.includes(value as T))
      throw new FormError(path, values.map((each) => JSON.stringify(each)).join(" or "));
    return value as T;
  };

export const orNull =
  <T>(form: Form<T>): Form<T | null> =>
  (value, path) =>
    value === null ? null : form(value, path);

/** For fields that came later: older files have none. */
export const orMissing =
  <T>(form: Form<T>, instead: T): Form<T> =>
  (value, path) =>
    value === undefined ? instead : form(value, path);

export const listOf =
  <T>(form: Form<T>): Form<T[]> =>
  (value, path) => {
    if (!Array.isArray(value)) throw new FormError(path, "a list");
    return value.map((element, index) => form(element, [...path, String(index)]));
  };

export const object =
  <Fields extends Record<string, Form<unknown>>>(fields: Fields): Form<{ [K in keyof Fields]: Formed<Fields[K]> }> =>
  (value, path) => {
    const given = anyObject(value, path) as Record<string, unknown>;
    const entries = Object.entries(fields).map(([name, form]) => [name, form(given[name], [...path, name])]);
    return Object.fromEntries(entries) as { [K in keyof Fields]: Formed<Fields[K]> };
  };

/** By key. */
export const mapOf =
  <T>(key: Form<string>, form: Form<T>): Form<Map<string, T>> =>
  (value, path) => {
    const entries = Object.entries(anyObject(value, path));
    return new Map(entries.map(([name, element]) => [key(name, [...path, name]), form(element, [...path, name])]));
  };

export const anyObject: Form<object> = (value, path) => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new FormError(path, "an object");
  return value;
};
