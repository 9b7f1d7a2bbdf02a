import type { Mutation } from "../../simulation/planted/mutations.ts";

/** A bug to plant in the server, as in the simulation. */
interface CrashMutation extends Mutation {
  /** How it shows: any of these. */
  readonly found: RegExp;
  /** Where it shows in the end only: how many kills it takes. */
  readonly kills?: number;
}

/** Who forgets what it has said is found in many ways, but it does start. */
const FORGETFUL = /^(?![^]*does not start)/;

export const mutations: readonly CrashMutation[] = [
  {
    name: "output does not wait for the journal",
    file: "runtime/commit-gate.ts",
    source: "const until = this.hasChanges ? position : 0;",
    replacement: "const until = 0;",
    found: FORGETFUL,
  },
  {
    name: "a commit does not wait for the disk",
    file: "store/journal/file-journal.ts",
    source: 'if (this.#parts.fsync.mode === "always") await this.#sync(frame.sequence);',
    replacement: "",
    found: FORGETFUL,
  },
  {
    name: "the last commit is dropped at the start",
    file: "store/journal/scan.ts",
    source: "    readEntries(file, reader, frame, visitor);\n",
    replacement: `
    if (isLast && frame.end === bytes.length) return { frames, end, tornBytes: bytes.length - end, damage: undefined };
    readEntries(file, reader, frame, visitor);\n`,
    found: FORGETFUL,
  },
  {
    name: "received QoS 2 packet ids are not kept",
    file: "broker/kept-session.ts",
    source: 'this.#received.set(packetId, this.#keeper.add({ type: "received", session: this.#id, packetId }));',
    replacement: "",
    found: /doubled|forgotten/,
  },
  {
    name: "what was in flight is sent anew",
    file: "broker/restore.ts",
    source: "if (packetId === 0) {",
    replacement: "if (packetId >= 0) {",
    found: /doubled|stands for/,
  },
  {
    name: "the end of a subscription is not kept",
    file: "broker/kept-session.ts",
    source: "    this.#keeper.remove(subscription.recordId);\n",
    replacement: "",
    found: /nobody subscribed/,
  },
  {
    name: "wills do not outlive the server",
    file: "broker/restore.ts",
    source: "  session.will = will;\n",
    replacement: "",
    found: /every will is published/,
    kills: 6,
  },
  {
    name: "the removal of a retained message is not kept",
    file: "broker/retained.ts",
    source: "    this.#keeper?.remove(recordId);\n    this.#keeper?.release(message);\n",
    replacement: "",
    found: /retained on/,
  },
];
