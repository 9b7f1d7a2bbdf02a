/**
 * An error that the user can mend. Shown as one line and a hint, never with a stack trace.
 * `code` is stable and for scripts, such as `port-in-use`.
 */
export class UserError extends Error {
  override readonly name = "UserError";
  readonly code: string;
  /** What to do about it. */
  readonly hint: string | undefined;

  constructor(code: string, message: string, hint?: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.hint = hint;
  }
}
