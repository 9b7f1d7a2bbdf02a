/** An MQTT client for tests: it keeps what it gets until it is asked for. */
import { subscriptionRefused } from "../cli/mqtt/errors.ts";
import { type ConnectOptions, type MqttConnection, connectMqtt } from "../cli/mqtt/connection.ts";
import type { MessageProperties } from "../cli/mqtt/properties.ts";
import type { Target } from "../cli/mqtt/target.ts";
import { Inbox } from "./inbox.ts";
import { TestMessage, type Where, matcher, payloadBytes } from "./message.ts";

export interface PublishOptions {
  qos?: 0 | 1 | 2;
  retain?: boolean;
  properties?: MessageProperties;
}

export interface ExpectOptions {
  /** Milliseconds, by the clock on the wall. */
  within?: number;
  where?: Where;
}

/** What a client needs of its broker. */
export interface Surroundings {
  /** Makes an error of what is missing, with what happened. */
  failure(message: string): Error;
  readonly closing: AbortSignal;
  /** Resolves when the broker knows that the client has gone. Called before it goes. */
  left(clientId: string): Promise<void>;
}

/** How long something that should happen may take, and how long nothing has to. */
export const WITHIN_MS = 1000;
export const NOTHING_MS = 100;
/** Of the broker, which is in the same process. */
const ANSWER_MS = 10_000;

export class TestClient {
  readonly clientId: string;
  readonly #connection: MqttConnection;
  readonly #inbox: Inbox<TestMessage>;
  readonly #surroundings: Surroundings;
  #hasEnded = false;

  private constructor(
    clientId: string,
    connection: MqttConnection,
    inbox: Inbox<TestMessage>,
    surroundings: Surroundings,
  ) {
    this.clientId = clientId;
    this.#connection = connection;
    this.#inbox = inbox;
    this.#surroundings = surroundings;
    connection.lost.catch(() => (this.#hasEnded = true));
  }

  /** @throws {MqttConnectionError} where the broker refuses */
  static async connect(
    target: Target,
    session: ConnectOptions["session"],
    surroundings: Surroundings,
  ): Promise<TestClient> {
    const inbox = new Inbox<TestMessage>();
    const connection = await connectMqtt(target, {
      timeoutMs: ANSWER_MS,
      signal: surroundings.closing,
      onMessage: (message) => inbox.add(new TestMessage(message)),
      ...(session !== undefined && { session }),
    });
    return new TestClient(target.clientId, connection, inbox, surroundings);
  }

  /** True if the broker went on with a session that it had kept. */
  get sessionPresent(): boolean {
    return this.#connection.sessionPresent;
  }

  /** All that have come, taken or not. */
  get messages(): readonly TestMessage[] {
    return this.#inbox.all;
  }

  /** @throws {UserError} where the broker refuses a filter */
  async subscribe(filter: string | readonly string[], { qos = 2 }: { qos?: 0 | 1 | 2 } = {}): Promise<void> {
    const filters = typeof filter === "string" ? [filter] : filter;
    const reasonCodes = await this.#connection.subscribe(filters, { qos, noRetained: false });
    for (const [index, reasonCode] of reasonCodes.entries()) {
      if (reasonCode >= 0x80) throw subscriptionRefused(filters[index]!, reasonCode);
    }
  }

  /** Resolves when the broker has the message, at QoS 0 too. @throws {UserError} where it refuses */
  async publish(topic: string, payload?: unknown, options: PublishOptions = {}): Promise<void> {
    const { qos = 1, retain = false, properties } = options;
    await this.#connection.publish(topic, payloadBytes(payload), { qos, retain, properties });
    if (qos === 0) await this.#connection.roundTrip();
  }

  /** Takes the first message that matches; those that were taken before are not looked at. */
  async expectMessage(filter?: string, { within = WITHIN_MS, where }: ExpectOptions = {}): Promise<TestMessage> {
    const message = await this.#inbox.take(matcher(filter, where), within, this.#surroundings.closing);
    if (message !== undefined) return message;
    const condition =
      typeof where === "string" ? ` where ${where}` : where === undefined ? "" : " that meets the condition";
    const others = this.#inbox.untaken.map((other) => `\n  ${other.toString()}`).join("");
    const came = others === "" ? "" : `; what came instead:${others}`;
    throw this.#surroundings.failure(
      `${this.clientId} got no message${filter === undefined ? "" : ` on ${filter}`}${condition} within ${within} ms${came}`,
    );
  }

  /** Waits, and fails if a message that matches is there or comes. */
  async expectNothing(filter?: string, { within = NOTHING_MS, where }: ExpectOptions = {}): Promise<void> {
    const message = await this.#inbox.take(matcher(filter, where), within, this.#surroundings.closing);
    if (message !== undefined)
      throw this.#surroundings.failure(`${this.clientId} got a message: ${message.toString()}`);
  }

  /** Says goodbye: the will is not published. */
  async disconnect(): Promise<void> {
    await this.#leave(() => this.#connection.close());
  }

  /** Ends the connection as a network does that fails: the will is published. */
  async loseConnection(): Promise<void> {
    await this.#leave(() => this.#connection.destroy());
  }

  /** Resolves when the connection has ended, with why. */
  async ended(): Promise<Error> {
    return await this.#connection.lost.catch((error: Error) => error);
  }

  async #leave(leave: () => Promise<void> | void): Promise<void> {
    const left = this.#hasEnded ? undefined : this.#surroundings.left(this.clientId);
    await leave();
    await left;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.disconnect();
  }
}
