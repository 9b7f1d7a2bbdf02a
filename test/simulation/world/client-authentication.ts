import { type Auth, PacketType, type Properties } from "../../../src/codec/index.ts";
import type { Device } from "./device.ts";

const CONTINUE = 0x18;
const REAUTHENTICATE = 0x19;

/** The client's part in an enhanced authentication, in which it makes mistakes. (MQTT 5.0 §4.12) */
export class ClientAuthentication {
  readonly #device: Device;
  /** That of CONNECT. */
  #method: string | undefined;
  #isUnderWay = false;

  constructor(device: Device) {
    this.#device = device;
  }

  connected(method: string | undefined): void {
    this.#method = method;
    this.#isUnderWay = false;
  }

  /** Authenticates again, if the connection began with it. */
  begin(): void {
    const { random } = this.#device.world;
    if (this.#method === undefined || (this.#isUnderWay && !random.chance(0.05))) return;
    this.#isUnderWay = true;
    this.#send(random.chance(0.05) ? CONTINUE : REAUTHENTICATE);
  }

  /** AUTH came from the server. */
  receive({ reasonCode }: Auth): void {
    const { random, isCalm } = this.#device.world;
    if (reasonCode !== CONTINUE) {
      this.#isUnderWay = false;
      return;
    }
    const isWrong = !isCalm && random.chance(0.15);
    const how = isWrong ? random.pick(["silent", "begin", "ping", "disconnect"] as const) : "continue";
    if (how === "continue") this.#send(CONTINUE);
    else if (how === "begin") this.#send(REAUTHENTICATE);
    else if (how === "ping") this.#device.send({ type: PacketType.PINGREQ });
    else if (how === "disconnect") this.#device.disconnect(0);
  }

  #send(reasonCode: number): void {
    const { random } = this.#device.world;
    const properties: Properties = { authenticationMethod: random.chance(0.03) ? "other" : this.#method! };
    if (random.chance(0.7)) properties.authenticationData = Buffer.from([random.below(256)]);
    this.#device.send({ type: PacketType.AUTH, reasonCode, properties });
  }
}
