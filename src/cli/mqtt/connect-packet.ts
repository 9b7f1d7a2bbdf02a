/** What CONNECT says: who we are, and what is to become of the session. */
import { type Connect, type Will, PacketType } from "../../codec/index.ts";
import type { Target } from "./target.ts";

export interface SessionOptions {
  cleanStart?: boolean;
  /** Seconds. */
  expiryInterval?: number;
  will?: Will | undefined;
}

export const KEEP_ALIVE_SECONDS = 30;
/** Messages that may be on their way to us without an acknowledgement. */
const RECEIVE_MAXIMUM = 1_000;

export function connectPacket(
  { protocolVersion, clientId, username, password }: Target,
  { cleanStart = true, expiryInterval = 0, will }: SessionOptions,
  responseInformation: boolean,
): Connect {
  return {
    type: PacketType.CONNECT,
    protocolVersion,
    cleanStart,
    keepAlive: KEEP_ALIVE_SECONDS,
    clientId,
    // MQTT 3.1.1 has no password without a user name [MQTT-3.1.2-22].
    username: username ?? (password === undefined ? undefined : clientId),
    password: password === undefined ? undefined : Buffer.from(password),
    will,
    properties:
      protocolVersion === 5
        ? {
            receiveMaximum: RECEIVE_MAXIMUM,
            ...(responseInformation && { requestResponseInformation: 1 }),
            ...(expiryInterval > 0 && { sessionExpiryInterval: expiryInterval }),
          }
        : undefined,
  };
}
