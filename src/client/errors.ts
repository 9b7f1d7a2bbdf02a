import { type ErrorName, apiErrors } from "../contract/errors.ts";
import { UserError } from "../errors.ts";

/** The server's refusal. `code` is the name of the error in contract/errors.ts. */
export class ApiError extends UserError {
  declare readonly code: ErrorName | "api-error";
  /** HTTP status of the answer. */
  readonly status: number;
  /** Number of the error in the envelope; 0 where there was none. */
  readonly apiCode: number;

  constructor(status: number, apiCode: number, message: string, hint?: string) {
    super(nameOf(apiCode), message, hint);
    this.status = status;
    this.apiCode = apiCode;
  }
}

/** @returns `api-error` for numbers of a newer server */
function nameOf(apiCode: number): ErrorName | "api-error" {
  for (const [name, { code }] of Object.entries(apiErrors)) {
    if (code === apiCode) return name as ErrorName;
  }
  return "api-error";
}
