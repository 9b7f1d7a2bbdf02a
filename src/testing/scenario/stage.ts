/** The clients of one test, and what its steps do with them. */
import { propertiesFromJson, propertiesToJson } from "../../cli/mqtt/properties.ts";
import { reasonText } from "../../cli/mqtt/reasons.ts";
import type { TailEvent } from "../../contract/types.ts";
import { UserError } from "../../errors.ts";
import type { TestBroker, WillOptions } from "../broker.ts";
import { NOTHING_MS, type TestClient, WITHIN_MS } from "../client.ts";
import { parseMilliseconds } from "../clock.ts";
import { type TestMessage, matcher } from "../message.ts";
import { contains } from "./matching.ts";
import type { Step, StepName, StepOf } from "./schema.ts";

/** Who acts where a step names nobody. */
const SOMEBODY = "test";
const VERSIONS = { "5": 5, "3.1.1": 4, "3.1": 3 } as const;

type Actions = { readonly [Name in StepName]: (value: StepOf<Name>) => Promise<void> | void };

export class Stage {
  readonly #broker: TestBroker;
  readonly #anonymous: boolean;
  /** By client id; those that have left, too: what they got stays theirs. */
  readonly #clients = new Map<string, TestClient>();
  readonly #gone = new Set<string>();
  readonly #tokens = new Map<string, string>();

  /** @param anonymous clients need no token */
  constructor(broker: TestBroker, anonymous: boolean) {
    this.#broker = broker;
    this.#anonymous = anonymous;
  }

  /** @throws {ExpectationError | UserError} where it does not come out as it should */
  async perform({ name, value }: Step): Promise<void> {
    await (this.#actions[name] as (value: unknown) => Promise<void> | void)(value);
  }

  readonly #actions: Actions = {
    connect: async (value) => await this.#connect(value),
    subscribe: async ({ to, client, qos, refused }) => {
      const subscriber = await this.#client(client);
      await this.#attempt(
        refused,
        "the subscription",
        async () => await subscriber.subscribe(to, qos === undefined ? {} : { qos }),
      );
    },
    publish: async ({ topic, payload, client, qos, retain, properties, refused }) => {
      const publisher = await this.#client(client);
      const own = propertiesFromJson(properties);
      const options = { ...(qos !== undefined && { qos }), ...(retain && { retain }), ...(own && { properties: own }) };
      await this.#attempt(refused, "the message", async () => await publisher.publish(topic, payload, options));
    },
    expect: async (value) => {
      const { topic, where, within, client } = value;
      const meets = matcher(topic, where);
      const subscriber = await this.#client(client);
      const options = {
        within: durationOr(within, WITHIN_MS),
        where: (message: TestMessage) => meets(message) && isAs(message, value),
      };
      await subscriber.expectMessage(undefined, options).catch((error: unknown) => {
        throw this.#withExpectation(error, value);
      });
    },
    expectNothing: async ({ topic, where, within, client }) => {
      const subscriber = await this.#client(client);
      const options = { within: durationOr(within, NOTHING_MS), ...(where !== undefined && { where }) };
      await subscriber.expectNothing(topic, options);
    },
    expectEvent: async ({ event, within, ...fields }) => {
      const where = (actual: TailEvent) => contains(actual, fields);
      await this.#broker.expectEvent(event, { within: durationOr(within, WITHIN_MS), where }).catch(() => {
        const wanted = Object.entries(fields)
          .map(([name, value]) => ` ${name} ${JSON.stringify(value)}`)
          .join(",");
        throw this.#broker.failure(`there was no event ${event}${wanted === "" ? "" : ` with${wanted}`}`);
      });
    },
    advance: ({ by }) => this.#broker.advance(by),
    disconnect: async ({ client }) => {
      await (await this.#client(client)).disconnect();
      this.#gone.add(client);
    },
    loseConnection: async ({ client }) => {
      await (await this.#client(client)).loseConnection();
      this.#gone.add(client);
    },
    kick: async ({ client }) => {
      if (!(await this.#broker.kick(client))) throw this.#broker.failure(`${client} has no session`);
      this.#gone.add(client);
    },
    revoke: async ({ client }) => {
      const token = this.#tokens.get(client);
      if (token === undefined) throw this.#broker.failure(`${client} has no token: connect it with acl or expires`);
      await this.#broker.revoke(token);
      this.#gone.add(client);
    },
  };

  async #connect(value: StepOf<"connect">): Promise<void> {
    const { client, clean, session, version = "5", acl, expires, will, refused, sessionPresent } = value;
    const needsToken = value.token !== false && (acl !== undefined || expires !== undefined || !this.#anonymous);
    if (needsToken) {
      const topicAcl = acl ?? "#";
      this.#tokens.set(
        client,
        await this.#broker.token(client, { topicAcl, ...(expires !== undefined && { expiresIn: expires }) }),
      );
    }
    const token = needsToken ? this.#tokens.get(client) : undefined;
    await this.#attempt(refused, `the connection of ${client}`, async () => {
      const connected = await this.#broker.connect(client, {
        ...{ protocolVersion: VERSIONS[version], cleanStart: clean ?? session === undefined },
        ...(session !== undefined && { expiryInterval: parseMilliseconds(session) / 1000 }),
        ...(token !== undefined && { token }),
        ...(will && { will: willOf(will) }),
      });
      this.#clients.set(client, connected);
      this.#gone.delete(client);
    });
    const actual = this.#clients.get(client)?.sessionPresent;
    if (sessionPresent === undefined || actual === sessionPresent) return;
    throw this.#broker.failure(actual ? `${client} had a session before` : `${client} had no session`);
  }

  /** The client, which connects when it is first needed. */
  async #client(name: string = SOMEBODY): Promise<TestClient> {
    if (!this.#clients.has(name)) await this.#connect({ client: name });
    return this.#clients.get(name)!;
  }

  async #attempt(refused: number | true | undefined, what: string, attempt: () => Promise<unknown>): Promise<void> {
    try {
      await attempt();
    } catch (error) {
      if (refused === undefined || !(error instanceof UserError)) throw error;
      if (refused === true || error.message.includes(reasonText(refused))) return;
      throw this.#broker.failure(`${what} was not refused with ${reasonText(refused)}: ${error.message}`);
    }
    if (refused !== undefined) throw this.#broker.failure(`${what} was not refused`);
  }

  #withExpectation(error: unknown, { topic, where, payload, qos, retain, properties }: StepOf<"expect">): unknown {
    const what = (error as { what?: unknown }).what;
    if (typeof what !== "string") return error;
    const wanted = Object.entries({ topic, where, payload, qos, retain, properties }).filter(
      ([, value]) => value !== undefined,
    );
    const expected = wanted.map(
      ([name, value]) => `\n  ${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`,
    );
    return this.#broker.failure(`${what.replace(" that meets the condition", "")}\nexpected:${expected.join("")}`);
  }
}

function durationOr(text: string | undefined, otherwise: number): number {
  return text === undefined ? otherwise : parseMilliseconds(text);
}

function isAs(message: TestMessage, { payload, qos, retain, properties }: StepOf<"expect">): boolean {
  if (qos !== undefined && message.qos !== qos) return false;
  if (retain !== undefined && message.retain !== retain) return false;
  if (properties !== undefined && !contains(propertiesToJson(message.properties) ?? {}, properties)) return false;
  return payload === undefined || hasPayload(message, payload);
}

function hasPayload(message: TestMessage, expected: unknown): boolean {
  if (typeof expected === "string") return message.text === expected;
  try {
    return contains(message.json(), expected);
  } catch {
    return false;
  }
}

function willOf({ delay, ...will }: NonNullable<StepOf<"connect">["will"]>): WillOptions {
  return delay === undefined ? will : { ...will, delaySeconds: parseMilliseconds(delay) / 1000 };
}
