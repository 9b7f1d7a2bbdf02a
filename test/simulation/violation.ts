/** The broker did what the model forbids, or left undone what it demands. */
export class Violation extends Error {
  override readonly name = "Violation";
  /** Short and stable: what kind of mistake it is. */
  readonly rule: string;

  constructor(rule: string, detail: string) {
    super(`${rule}: ${detail}`);
    this.rule = rule;
  }
}

export function fail(rule: string, detail: string): never {
  throw new Violation(rule, detail);
}
