import { type Connack, type Connect, type Packet, PacketType } from "../../src/codec/index.ts";
import type { Random } from "../simulation/random.ts";
import { describePacket } from "./describe.ts";
import type { Ledger } from "./ledger.ts";
import { Link } from "./link.ts";
import { Violation } from "./violation.ts";

/** What clients know of the world. */
export interface World {
  readonly ledger: Ledger;
  /** Where the server listens; undefined while there is none, or it is about to end. */
  readonly port: number | undefined;
  /** How often the server was started. */
  readonly life: number;
  /** Something went wrong that clients must not live to see. */
  fail(error: Error): void;
}

export type Version = 4 | 5;

const SERVER_SHUTTING_DOWN = 0x8b;
const TRACE_MAX = 60;
/** Seconds: for longer than any run. */
const SESSION_EXPIRY = 7 * 24 * 3600;

/** A client whose session outlives its connections, and that remembers it whatever happens to the server. */
export abstract class Client {
  readonly name: string;
  readonly version: Version;
  protected readonly world: World;
  protected readonly random: Random;
  #link: Link | undefined;
  #isConnected = false;
  #wantsOnline = false;
  /** A CONNACK has said that there is a session. */
  #isKept = false;
  #connects = 0;
  #isDeaf = false;
  /** The session is given up with the next connection. */
  #startsAnew = false;
  readonly #trace: { at: string; packet: Packet | string }[] = [];

  constructor(world: World, name: string, version: Version, random: Random) {
    this.world = world;
    this.name = name;
    this.version = version;
    this.random = random;
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** From now on connected whenever there is a server. */
  comeOnline(): void {
    this.#wantsOnline = true;
    this.serverMayBeUp();
  }

  goOffline(): void {
    this.#wantsOnline = false;
    if (this.#isConnected && this.random.chance(0.5)) this.disconnect();
    else this.#link?.destroy();
  }

  serverMayBeUp(): void {
    const { port } = this.world;
    if (this.#isDeaf || !this.#wantsOnline || this.#link !== undefined || port === undefined) return;
    const link = new Link(port, this.version, {
      onOpen: () => {
        this.#connects++;
        this.send(this.#connectPacket());
      },
      onPacket: (packet) => {
        if (this.#link === link) this.#receive(packet);
      },
      onClose: () => {
        if (this.#link !== link) return;
        this.#closed();
        this.serverMayBeUp();
      },
      onError: (error) => this.#fail(error),
    });
    this.#link = link;
  }

  /** Whatever the server still says in this life does not arrive. */
  becomeDeaf(): void {
    this.#isDeaf = true;
    this.#link?.pause();
  }

  serverDied(): void {
    if (this.#isDeaf) this.#link?.destroy();
    this.#isDeaf = false;
  }

  /** Ends everything. */
  stop(): void {
    this.#wantsOnline = false;
    this.#link?.destroy();
  }

  /** The last packets. */
  describeTrace(): string {
    const lines = this.#trace.map(
      ({ at, packet }) => `  ${at} ${typeof packet === "string" ? packet : describePacket(packet)}`,
    );
    return [`last packets of ${this.name} (MQTT ${this.version === 5 ? "5" : "3.1.1"}):`, ...lines].join("\n");
  }

  protected abstract connected(): void;
  protected abstract lost(): void;
  protected abstract handle(packet: Packet): void;

  /** The session that was given up is gone. */
  protected forgotten(): void {}

  /** While it is offline: gives up its session. */
  protected startAnew(): void {
    this.#startsAnew = true;
  }

  /** What of CONNECT is special. */
  protected connectFields(): Partial<Connect> {
    return {};
  }

  protected send(packet: Packet): void {
    this.world.ledger.tick();
    this.#note(">", packet);
    this.#link?.send(packet);
  }

  protected disconnect(): void {
    this.send({ type: PacketType.DISCONNECT, reasonCode: 0 });
    this.#link?.end();
  }

  protected drop(): void {
    this.#link?.destroy();
  }

  #connectPacket(): Connect {
    const { properties, ...fields } = this.connectFields();
    return {
      ...{ type: PacketType.CONNECT, protocolVersion: this.version, cleanStart: this.#startsAnew, keepAlive: 0 },
      clientId: this.name,
      ...(this.version === 5 && { properties: { sessionExpiryInterval: SESSION_EXPIRY, ...properties } }),
      ...fields,
    };
  }

  #receive(packet: Packet): void {
    this.world.ledger.tick();
    this.#note("<", packet);
    if (packet.type === PacketType.CONNACK) this.#connack(packet);
    else if (packet.type === PacketType.DISCONNECT) {
      if (packet.reasonCode === SERVER_SHUTTING_DOWN && this.world.port === undefined) return;
      throw new Violation(`the server closed the connection with 0x${packet.reasonCode.toString(16)}`);
    } else this.handle(packet);
  }

  #connack({ reasonCode, sessionPresent }: Connack): void {
    if (reasonCode !== 0) throw new Violation(`CONNECT was refused with 0x${reasonCode.toString(16)}`);
    if (this.#startsAnew && sessionPresent) throw new Violation("the session was given up, and is there");
    if (this.#isKept && !this.#startsAnew && !sessionPresent)
      throw new Violation("the session is gone, which a CONNACK had told of");
    if (this.#connects === 1 && sessionPresent) throw new Violation("there is a session before the first CONNECT");
    this.#isKept = true;
    this.#isConnected = true;
    if (this.#startsAnew) this.forgotten();
    this.#startsAnew = false;
    this.connected();
  }

  #closed(): void {
    const wasConnected = this.#isConnected;
    this.#link = undefined;
    this.#isConnected = false;
    this.#note("|", `closed${this.#wantsOnline ? "" : ", and stays away"}`);
    if (wasConnected) this.lost();
  }

  #note(direction: string, packet: Packet | string): void {
    const { ledger, life } = this.world;
    this.#trace.push({ at: `${ledger.now} (start ${life}) ${direction}`, packet });
    if (this.#trace.length > TRACE_MAX) this.#trace.shift();
  }

  #fail(error: Error): void {
    const message = `${this.name}: ${error instanceof Violation ? error.message : (error.stack ?? error.message)}`;
    this.world.fail(new Violation(`${message}\n${this.describeTrace()}`, { cause: error }));
  }
}
