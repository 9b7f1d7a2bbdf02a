/** What a hostile sequence is: plain data, made from a seed and an index alone. */

export type Transport = "tcp" | "ws";

/** What a connection does, below MQTT and WebSocket: bytes as they stand on the wire. */
export type Step =
  | { readonly kind: "send"; readonly bytes: Buffer }
  | { readonly kind: "wait"; readonly ms: number }
  /** Until the server has said something since the step before, or a second has passed. */
  | { readonly kind: "answer" }
  | { readonly kind: "read"; readonly on: boolean }
  /** Half-closes: the server may still send. */
  | { readonly kind: "end" }
  | { readonly kind: "reset" };

/**
 * How a connection ends after its steps, if it is still there:
 * - `probe`: whatever packet is open is completed; a PINGREQ is answered in time, or the connection is closed
 * - `closed`: the server closes it by itself
 * - `end`, `reset`: we close it
 */
export type Ending = "probe" | "closed" | "end" | "reset";

/** What a connection does with the packets that it gets. */
export type Reaction = "none" | "proper" | "wrong-id" | "twice" | "crossed" | "failure" | "garbage";

export interface Plan {
  readonly transport: Transport;
  readonly startMs: number;
  readonly steps: readonly Step[];
  readonly reaction: Reaction;
  readonly reactionSeed: number;
  readonly ending: Ending;
  /** For the ending `closed`. */
  readonly closedWithinMs: number;
}

export interface Sequence {
  readonly seed: number;
  readonly index: number;
  readonly scenario: string;
  readonly transport: Transport;
  readonly plans: readonly Plan[];
}

/** Names one sequence: everything else follows from it. */
export interface Case {
  readonly seed: number;
  readonly index: number;
}
