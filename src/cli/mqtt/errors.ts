/** What can go wrong between a client and a broker, as errors with a remedy and an exit code. */
import { UserError } from "../../errors.ts";
import { isAuthorizationReason, isTemporaryReason, reasonText } from "./reasons.ts";

/** A connection that did not come about, or ended. */
export class MqttConnectionError extends UserError {
  /** True if it may work a moment later: nobody refused anything. */
  readonly temporary: boolean;

  constructor(code: string, message: string, hint: string | undefined, temporary: boolean, cause?: unknown) {
    super(code, message, hint, { cause });
    this.temporary = temporary;
  }
}

/** CONNACK with a reason code: whatever was to be done, nothing was. */
export class ConnectionRefusedError extends MqttConnectionError {}

const REFUSED_HINT =
  "a token is for one broker and one client id, ends, and can be revoked: `pubsub token inspect` shows it";

const CLIENT_ID_HINT =
  "a token is for one client id (`pubsub token inspect` shows it), and MQTT 3.1 allows ids of 1 to 23 bytes";

function codeOfReason(reasonCode: number): string {
  if (isAuthorizationReason(reasonCode)) return "not-authorized";
  return isTemporaryReason(reasonCode) ? "cannot-connect" : "refused-by-broker";
}

const detailOf = (reasonString: string | undefined) => (reasonString ? `: ${reasonString}` : "");

export function connectionRefused(reasonCode: number, reasonString: string | undefined): ConnectionRefusedError {
  const hint = reasonCode === 0x85 ? CLIENT_ID_HINT : isAuthorizationReason(reasonCode) ? REFUSED_HINT : undefined;
  const message = `the broker refused the connection: ${reasonText(reasonCode)}${detailOf(reasonString)}`;
  return new ConnectionRefusedError(codeOfReason(reasonCode), message, hint, isTemporaryReason(reasonCode));
}

/** DISCONNECT from the broker. */
export function disconnectedByBroker(reasonCode: number, reasonString: string | undefined): MqttConnectionError {
  const message = `the broker ended the connection: ${reasonText(reasonCode)}${detailOf(reasonString)}`;
  const hint =
    reasonCode === 0x87
      ? "the token does not allow it, has ended, or was revoked: `pubsub token inspect` shows it"
      : reasonCode === 0x8e
        ? "another client connected with the same client id"
        : undefined;
  const temporary = isTemporaryReason(reasonCode);
  return new MqttConnectionError(temporary ? "connection-lost" : codeOfReason(reasonCode), message, hint, temporary);
}

/** The broker says nothing at all. */
export function noConnack(address: string): MqttConnectionError {
  return new MqttConnectionError("cannot-connect", `${address} does not answer`, "--timeout waits longer", true);
}

/** What comes back cannot be decoded. */
export function notMqtt(address: string, cause: unknown): MqttConnectionError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  const message = `what ${address} sent is not MQTT: ${detail}`;
  return new MqttConnectionError("cannot-connect", message, "is it an MQTT broker?", false, cause);
}

/** What was given is longer than a packet, or a field of one, may be. The encoder's error says what, and by how much. */
export function doesNotFit(cause: RangeError): UserError {
  const hint = "a message larger than that has to be published in parts";
  return new UserError("usage", `this does not fit a packet: ${cause.message}`, hint, { cause });
}

export function topicAliasRefused(maximum: number): UserError {
  const allowed = maximum === 0 ? "none" : `those up to ${maximum}`;
  return new UserError("refused-by-broker", `the broker allows no such topic alias: it takes ${allowed}`);
}

/** The network connection ended without a word, before the broker accepted it or afterwards. */
export function connectionLost(
  address: string,
  protocolVersion: number,
  cause: unknown,
  wasAccepted: boolean,
): MqttConnectionError {
  if (!wasAccepted) return cannotConnect(address, cause);
  const detail = cause instanceof Error && cause.message ? ` (${cause.message})` : "";
  // Before MQTT 5 a broker that refuses something can only close the connection.
  const hint = protocolVersion < 5 && detail === "" ? "with MQTT 5 (without -V) the broker says why" : undefined;
  return new MqttConnectionError(
    "connection-lost",
    `the connection to ${address} was lost${detail}`,
    hint,
    true,
    cause,
  );
}

/** No connection came about. */
export function cannotConnect(address: string, cause: unknown): MqttConnectionError {
  if (cause instanceof MqttConnectionError) return cause;
  const { code, message } = (cause ?? {}) as { code?: string; message?: string };
  const hint = "start one with `pubsub dev`, or name another with --url";
  if (code === "ECONNREFUSED") {
    return new MqttConnectionError("cannot-connect", `no broker answers at ${address}`, hint, true, cause);
  }
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return new MqttConnectionError("cannot-connect", `the host of ${address} is not known`, "check --url", true, cause);
  }
  const detail = message ? ` ${message}` : " the connection was closed before the broker answered";
  const isDistrusted = /SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)/.test(code ?? "");
  return new MqttConnectionError(
    "cannot-connect",
    `cannot connect to ${address}:${detail}`,
    isDistrusted ? "--cafile names the certificates to trust" : "is it an MQTT broker?",
    true,
    cause,
  );
}

export function noAnswer(what: string, timeoutMs: number): UserError {
  return new UserError("timed-out", `${what} within ${timeoutMs / 1000} s`, "--timeout waits longer");
}

/** The broker answered a PUBLISH with a reason code. */
export function publishRefused(topic: string, reasonCode: number, reasonString: string | undefined): UserError {
  return refused(`the broker did not take the message on ${topic}`, reasonCode, reasonString);
}

export function subscriptionRefused(filter: string, reasonCode: number): UserError {
  return refused(`the broker refused the subscription to ${filter}`, reasonCode, undefined);
}

function refused(what: string, reasonCode: number, reasonString: string | undefined): UserError {
  const authorization = isAuthorizationReason(reasonCode);
  const hint = authorization ? "the token does not allow it: `pubsub token inspect` shows its topics" : undefined;
  const code = authorization ? "not-authorized" : "refused-by-broker";
  return new UserError(code, `${what}: ${reasonText(reasonCode)}${detailOf(reasonString)}`, hint);
}
