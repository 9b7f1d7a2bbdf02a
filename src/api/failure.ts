import { type ErrorName, apiErrors } from "../contract/errors.ts";

/** Ends a request with an error of the contract. */
export class ApiFailure extends Error {
  readonly errorName: ErrorName;
  /** At least one; several where a request is wrong in several ways. */
  readonly messages: readonly string[];

  /** @param messages what is wrong in particular; the table's general text if there is nothing to add */
  constructor(errorName: ErrorName, ...messages: string[]) {
    super(`${errorName}: ${messages.join("; ")}`);
    this.errorName = errorName;
    this.messages = messages.length === 0 ? [apiErrors[errorName].message] : messages;
  }
}
