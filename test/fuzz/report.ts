import type { Failure } from "./run.ts";
import { sequenceOf } from "./scenarios/index.ts";
import type { Case, Step } from "./sequence.ts";
import type { Sent } from "./workers.ts";

const CHUNK_BYTES_MAX = 1024;
const CHUNKS_MAX = 60;
const CONNECTIONS_MAX = 12;

const replayCommand = ({ seed, index }: Case): string => `npm run fuzz -- --seed ${seed} --sequences ${index}`;

/** What went wrong, what was sent, and how to have it again. */
export function describeFailure({ violation, suspects }: Failure): string {
  const text = [`FAILED: ${violation.name === "Violation" ? violation.message : violation.stack}`];
  if (suspects.length === 1) text.push("", describeSent(suspects[0]!));
  else if (suspects.length === 0) text.push("It comes of all sequences together: run the seed again.");
  else {
    const names = suspects.map(({ sequence }) => `${sequence.index} (${sequence.scenario})`);
    text.push(`It may be one of ${names.join(", ")}`);
  }
  return text.join("\n");
}

/** The chunks that a sequence sent, in hex. */
export function describeSent({ sequence, connections }: Sent): string {
  const lines = [`sequence ${sequence.index} of seed ${sequence.seed}: ${sequence.scenario}`];
  for (const [number, connection] of connections.slice(0, CONNECTIONS_MAX).entries()) {
    lines.push(`  connection ${number} (received ${connection.receivedBytes} bytes)`);
    for (const { atMs, bytes } of connection.sent.slice(0, CHUNKS_MAX)) lines.push(`    ${atMs} ms  ${hex(bytes)}`);
    if (connection.sent.length > CHUNKS_MAX) lines.push(`    … ${connection.sent.length - CHUNKS_MAX} more chunks`);
  }
  if (connections.length > CONNECTIONS_MAX) lines.push(`  … ${connections.length - CONNECTIONS_MAX} more connections`);
  lines.push(`in full: ${replayCommand(sequence)} --print`, `again:   ${replayCommand(sequence)}`);
  return lines.join("\n");
}

/** A sequence in full, as it will be sent. */
export function describeSequence(one: Case): string {
  const { scenario, plans } = sequenceOf(one);
  const lines = [`sequence ${one.index} of seed ${one.seed}: ${scenario}`];
  for (const [number, { transport, startMs, steps, reaction, ending }] of plans.entries()) {
    lines.push(`  connection ${number}: ${transport}, after ${startMs} ms, reaction ${reaction}, ending ${ending}`);
    for (const step of steps) lines.push(`    ${describeStep(step)}`);
  }
  return lines.join("\n");
}

function describeStep(step: Step): string {
  switch (step.kind) {
    case "send":
      return `send ${step.bytes.toString("hex")}`;
    case "wait":
      return `wait ${step.ms} ms`;
    case "read":
      return step.on ? "read" : "stop reading";
    case "answer":
    case "end":
    case "reset":
      return step.kind;
  }
}

function hex(bytes: Buffer): string {
  if (bytes.length <= CHUNK_BYTES_MAX) return bytes.toString("hex");
  return `${bytes.subarray(0, CHUNK_BYTES_MAX).toString("hex")}… ${bytes.length} bytes`;
}
