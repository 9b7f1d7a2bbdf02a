/** What the program's exit code says. The only table of them; `docs` and help texts are made from it. */
export const ExitCode = {
  Ok: 0,
  Failure: 1,
  Usage: 2,
  CannotConnect: 3,
  /** Credentials were not accepted, or do not allow it. */
  Refused: 4,
  NotFound: 5,
  AssertionFailed: 7,
  /** As mosquitto_sub's `-W`. */
  TimedOut: 27,
  Interrupted: 130,
  Terminated: 143,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

export const exitCodeMeanings: readonly (readonly [code: string, meaning: string])[] = [
  ["0", "ok"],
  ["1", "failure"],
  ["2", "wrong usage"],
  ["3", "cannot connect"],
  ["4", "authentication or access refused"],
  ["5", "not found"],
  ["7", "assertion failed"],
  ["27", "timed out"],
  ["130, 143", "ended by SIGINT, SIGTERM"],
];

/** Exit codes of errors by their `code` (see UserError). Those that are not here are plain failures. */
const byErrorCode: Readonly<Record<string, ExitCode>> = {
  usage: ExitCode.Usage,
  "invalid-url": ExitCode.Usage,
  "query-invalid": ExitCode.Usage,
  "config-invalid": ExitCode.Failure,
  "server-not-running": ExitCode.CannotConnect,
  "server-unreachable": ExitCode.CannotConnect,
  "cannot-connect": ExitCode.CannotConnect,
  "connection-lost": ExitCode.CannotConnect,
  unauthorized: ExitCode.Refused,
  "not-authorized": ExitCode.Refused,
  "not-found": ExitCode.NotFound,
  "no-data": ExitCode.NotFound,
  "assertion-failed": ExitCode.AssertionFailed,
  "timed-out": ExitCode.TimedOut,
};

/** Exit codes of answers of the management API by their HTTP status. */
const byHttpStatus: Readonly<Record<number, ExitCode>> = {
  400: ExitCode.Usage,
  401: ExitCode.Refused,
  403: ExitCode.Refused,
  404: ExitCode.NotFound,
};

export function exitCodeOfErrorCode(code: string): ExitCode {
  return byErrorCode[code] ?? ExitCode.Failure;
}

export function exitCodeOfHttpStatus(status: number): ExitCode {
  return byHttpStatus[status] ?? ExitCode.Failure;
}
