/**
 * Errors of the command line itself, and the one place where any error becomes a message and an exit code.
 */
import { UserError } from "../errors.ts";
import { ExitCode, exitCodeOfErrorCode, exitCodeOfHttpStatus } from "./exit-codes.ts";

/** A command that was called in a way that it cannot be: exit code 2. */
export function usageError(message: string, hint?: string): UserError {
  return new UserError("usage", message, hint);
}

/** The reason with which a signal aborts commands. */
export class InterruptedError extends Error {
  override readonly name = "InterruptedError";
  readonly signal: "SIGINT" | "SIGTERM";
  readonly exitCode: ExitCode;

  constructor(signal: "SIGINT" | "SIGTERM") {
    super(`Ended by ${signal}.`);
    this.signal = signal;
    this.exitCode = signal === "SIGINT" ? ExitCode.Interrupted : ExitCode.Terminated;
  }
}

/** The reason with which commands abort when nobody reads their output any more, as with `| head`. */
export class OutputClosedError extends Error {
  override readonly name = "OutputClosedError";
}

/** Ends the program with the exit code of another one, which has said why. */
export class ExitError extends Error {
  override readonly name = "ExitError";
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`Ended with exit code ${exitCode}.`);
    this.exitCode = exitCode;
  }
}

/** How an error is shown. */
export interface ErrorReport {
  code: string;
  message: string;
  hint: string | undefined;
  exitCode: number;
  /** False where the user knows already, as after Ctrl-C. */
  shown: boolean;
}

const TOKEN_HINT =
  "`pubsub dev` prints the token when it starts; pass it with PUBSUB_API_TOKEN or --api-token, and `pubsub config explain` " +
  "says which one was used";

/** The API's hints are for those who write requests; these say the same to those who write commands. */
const hintsForCommands: Readonly<Record<string, string>> = {
  "not-authenticated": TOKEN_HINT,
  "wrong-api-token": TOKEN_HINT,
  "scope-too-low":
    "pass one with that scope with PUBSUB_API_TOKEN or --api-token; `pubsub api-token create NAME --scope SCOPE` makes one",
  "namespace-not-allowed": "pass one of that namespace, or one for all of them, with PUBSUB_API_TOKEN or --api-token",
  "account-not-found": "leave --account-id and PUBSUB_ACCOUNT_ID out: a server has one account",
};

export function describeError(error: unknown): ErrorReport {
  if (error instanceof OutputClosedError) {
    return { code: "output-closed", message: "", hint: undefined, exitCode: ExitCode.Ok, shown: false };
  }
  if (error instanceof InterruptedError || error instanceof ExitError) {
    return { code: "interrupted", message: error.message, hint: undefined, exitCode: error.exitCode, shown: false };
  }
  if (error instanceof UserError) {
    const { code, message } = error;
    const hint = hintsForCommands[code] ?? error.hint;
    // The client's ApiError has the HTTP status of the answer. Told by its shape, so that the client stays unloaded.
    const status = "status" in error && typeof error.status === "number" ? error.status : undefined;
    const exitCode = status === undefined ? exitCodeOfErrorCode(code) : exitCodeOfHttpStatus(status);
    return { code, message, hint, exitCode, shown: true };
  }
  const message = error instanceof Error ? error.message : String(error);
  return {
    code: "internal",
    message: `unexpected: ${message}`,
    hint: "this is a mistake in pubsub; PUBSUB_DEBUG=1 shows where it comes from",
    exitCode: ExitCode.Failure,
    shown: true,
  };
}
