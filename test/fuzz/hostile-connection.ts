import { once } from "node:events";
import { type Socket, connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type Packet, PacketType } from "../../src/codec/index.ts";
import { Random } from "../simulation/random.ts";
import { Reactor } from "./reactor.ts";
import type { Plan, Step } from "./sequence.ts";
import { ServerOutput } from "./server-output.ts";
import { Shadow } from "./shadow.ts";
import { Violation } from "./violation.ts";
import { Opcode, frame } from "./websocket.ts";

/** In which a PINGREQ is answered, and a connection that is over is closed: with the 2 s that one may linger. */
const BOUND_MS = 5_000;
/** How long a step waits for an answer at most. */
const ANSWER_MS = 1_000;
const REACTIONS_MAX = 2_000;
/** Packets that lack no more are completed. */
const COMPLETED_BYTES_MAX = 256 * 1024;

const PINGREQ = Buffer.from([0xc0, 0]);

export interface Ports {
  readonly tcp: number;
  readonly ws: number;
}

/** Carries out one plan on a real socket. */
export class HostileConnection {
  readonly shadow: Shadow;
  /** What was sent, and when, for the report. */
  readonly sent: { readonly atMs: number; readonly bytes: Buffer }[] = [];
  /** Client ids that the server gave. */
  readonly assignedIds: string[] = [];
  receivedBytes = 0;
  /** Ours; 0 until it is known. */
  localPort = 0;
  readonly #plan: Plan;
  readonly #socket: Socket;
  readonly #output: ServerOutput;
  readonly #reactor: Reactor;
  readonly #random: Random;
  readonly #startedAt = performance.now();
  #reactions = 0;
  #pongs = 0;
  #isEnded = false;
  #isClosed = false;
  #violation: Violation | undefined;
  #wake: (() => void)[] = [];

  constructor(plan: Plan, ports: Ports) {
    this.#plan = plan;
    this.shadow = new Shadow(plan.transport);
    this.#output = new ServerOutput(plan.transport, this.shadow);
    this.#reactor = new Reactor(plan.reaction, plan.reactionSeed);
    this.#random = new Random(plan.reactionSeed);
    const socket = connect({ host: "127.0.0.1", port: ports[plan.transport], allowHalfOpen: true, noDelay: true });
    this.#socket = socket;
    socket.on("data", (bytes) => this.#receive(bytes));
    for (const event of ["end", "error", "close"]) socket.on(event, () => this.#noteClosed());
  }

  /** What follows the plan: the steps, then its ending. @throws Violation */
  async run(): Promise<void> {
    try {
      if (this.#socket.connecting) await once(this.#socket, "connect");
      this.localPort = this.#socket.localPort ?? 0;
      for (const step of this.#plan.steps) {
        if (this.#isClosed) break;
        await this.#take(step);
      }
      await this.#finish();
    } finally {
      this.#socket.destroy();
    }
    if (this.#violation !== undefined) throw this.#violation;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Both sides may send. */
  get #isOpen(): boolean {
    return !this.#isEnded && !this.#isClosed;
  }

  async #take(step: Step): Promise<void> {
    switch (step.kind) {
      case "send":
        this.#send(step.bytes);
        return;
      case "wait":
        await sleep(step.ms);
        return;
      case "answer": {
        const before = this.receivedBytes;
        await this.#until(() => this.receivedBytes > before, ANSWER_MS);
        return;
      }
      case "read":
        if (step.on) this.#socket.resume();
        else this.#socket.pause();
        return;
      case "end":
        this.#end();
        return;
      case "reset":
        this.#reset();
        return;
    }
  }

  async #finish(): Promise<void> {
    const { ending, closedWithinMs } = this.#plan;
    if (ending === "reset") this.#reset();
    if (this.#isClosed) return;
    if (ending === "closed") {
      await this.#expectClosed(closedWithinMs, "the server was to close it by itself");
      return;
    }
    if (ending === "probe" && this.#output.isOpen && !this.#isEnded) await this.#probe();
    this.#end();
    await this.#expectClosed(BOUND_MS, "the client has closed its side");
  }

  /** Whatever was sent: a PINGREQ is answered now, or the connection is closed. */
  async #probe(): Promise<void> {
    const { frames } = this.shadow;
    if (frames !== undefined && !frames.isBroken) this.#completeFrame();
    if (frames?.isBroken || frames?.isClosing) {
      await this.#expectClosed(BOUND_MS, "a frame broke the WebSocket protocol, or closed it");
      return;
    }
    while (this.#isOpen && this.shadow.missing > 0) {
      // So much is still to come that the server may wait for it.
      if (this.shadow.missing > COMPLETED_BYTES_MAX) return;
      this.#sendMqtt(Buffer.alloc(this.shadow.missing));
    }
    if (!this.#isOpen) return;
    const before = this.#pongs;
    this.#sendMqtt(PINGREQ);
    if (await this.#until(() => this.#pongs > before, BOUND_MS)) return;
    throw new Violation(`PINGREQ is not answered within ${BOUND_MS} ms, and the connection is not closed`);
  }

  #completeFrame(): void {
    const frames = this.shadow.frames!;
    while (this.#isOpen && !frames.isBroken && !frames.isClosing && frames.missing > 0) {
      // Announced so large that nobody sends it.
      if (frames.missing > COMPLETED_BYTES_MAX) this.#end();
      else this.#send(Buffer.alloc(frames.missing));
    }
  }

  async #expectClosed(withinMs: number, why: string): Promise<void> {
    this.#socket.resume();
    if (await this.#until(() => this.#isClosed, withinMs)) return;
    throw new Violation(`the connection is not closed within ${withinMs} ms: ${why}`);
  }

  #receive(bytes: Buffer): void {
    this.receivedBytes += bytes.length;
    if (this.#violation !== undefined) return;
    try {
      for (const packet of this.#output.push(bytes)) this.#handle(packet);
      // Most are polite, since the impolite cost us the time that they may linger.
      if (this.#output.isClosing && this.#plan.reactionSeed % 8 !== 0) this.#end();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.#violation = error;
      this.#noteClosed();
      return;
    }
    this.#notify();
  }

  #handle(packet: Packet): void {
    if (packet.type === PacketType.PINGRESP) this.#pongs++;
    const assigned = packet.type === PacketType.CONNACK ? packet.properties?.assignedClientIdentifier : undefined;
    if (assigned !== undefined) this.assignedIds.push(assigned);
    if (this.#reactions >= REACTIONS_MAX || this.#isEnded || this.#isClosed) return;
    // Between packets only, so that an answer is one.
    const answer = this.#reactor.answer(packet, this.shadow.version);
    if (answer.length === 0 || this.shadow.missing > 0) return;
    this.#reactions++;
    this.#sendMqtt(answer);
  }

  #sendMqtt(bytes: Buffer): void {
    const { frames } = this.shadow;
    if (frames === undefined) this.#send(bytes);
    else this.#send(frame(bytes, this.#random, { opcode: frames.isFragmented ? Opcode.continuation : Opcode.binary }));
  }

  #send(bytes: Buffer): void {
    if (this.#isEnded || this.#isClosed) return;
    this.sent.push({ atMs: Math.round(performance.now() - this.#startedAt), bytes });
    this.shadow.push(bytes);
    this.#socket.write(bytes);
  }

  #end(): void {
    if (!this.#isEnded) this.#socket.end();
    this.#isEnded = true;
  }

  #reset(): void {
    // libuv resets no socket that is being shut down, and Node 20 then spins on the handle for ever.
    if (this.#isEnded) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
    this.#noteClosed();
  }

  #noteClosed(): void {
    this.#isClosed = true;
    this.#notify();
  }

  #notify(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }

  /** @returns true once the condition holds or the connection is closed, false if neither came in time */
  async #until(condition: () => boolean, withinMs: number): Promise<boolean> {
    const dueAt = performance.now() + withinMs;
    while (!condition() && !this.#isClosed) {
      const leftMs = dueAt - performance.now();
      if (leftMs <= 0) return false;
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#wake.push(resolve);
        timer = setTimeout(resolve, leftMs);
      });
      clearTimeout(timer);
    }
    return true;
  }
}
