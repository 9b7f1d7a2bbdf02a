/**
 * The ports that answer later: each keeps what it was asked, and gives the answer as an event of the schedule. A store
 * that is slow to commit becomes a third one of these.
 */
import type {
  AuthenticationChallenge,
  AuthenticationResult,
  Connection,
  Hooks,
  PendingPublish,
  Principal,
  Verdict,
} from "../../../src/broker/index.ts";
import { type Auth, type Connect, type Properties, ReasonCode } from "../../../src/codec/index.ts";
import { describe } from "../model/state.ts";
import type { Link } from "./link.ts";
import type { World } from "./world.ts";

/** src/hooks gives up after 5 s. */
const HOOK_TIMEOUT_MS = 5000;

const REJECTIONS = [
  ReasonCode.UnspecifiedError,
  ReasonCode.ImplementationSpecificError,
  ReasonCode.NotAuthorized,
  ReasonCode.QuotaExceeded,
];

/** Hooks that answer late, out of order, twice, wrongly or never. */
export class SimulatedHooks implements Hooks {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  wants(): boolean {
    return true;
  }

  submit(pending: PendingPublish): void {
    const world = this.#world;
    const { random, lifetime } = world;
    if (world.isDoomed) return;
    const publication = world.model.submitted(pending.message);
    const isLost = !world.isCalm && random.chance(0.03);
    const answer = (): void => {
      if (world.lifetime !== lifetime) return;
      const verdict: Verdict = isLost ? { kind: "drop", reason: "hook-timeout" } : this.#verdict(pending);
      world.input(
        `hook: ${verdict.kind} ${describe(publication.content)}`,
        () => world.model.decide(publication, verdict, world.now),
        () => world.broker.hookCompleted(pending, verdict, { elapsedMs: 1, batchSize: 1 }, world.now),
      );
    };
    const delayMs = isLost ? HOOK_TIMEOUT_MS : random.below(random.pick([1, 10, 300, 4000]));
    world.later(delayMs, answer);
    if (!world.isCalm && random.chance(0.05)) world.later(delayMs + random.below(1000), answer);
  }

  #verdict({ message }: PendingPublish): Verdict {
    const { random, isCalm } = this.#world;
    const kind = isCalm ? "accept" : random.weighted({ accept: 12, replace: 4, drop: 2, reject: 2 });
    switch (kind) {
      case "accept":
        return { kind };
      case "replace": {
        const properties: Properties | undefined = random.chance(0.5)
          ? { contentType: "text/plain" }
          : message.properties;
        const payload = random.chance(0.1)
          ? Buffer.alloc(0)
          : Buffer.from(`${message.payload.toString("latin1")}*`, "latin1");
        return { kind, payload, properties };
      }
      case "drop":
        return { kind, reason: "hook-dropped" };
      case "reject":
        return { kind, reasonCode: random.pick(REJECTIONS), reason: "no" };
    }
  }
}

/** Credentials that are checked late, in any number of rounds, and sometimes refused. */
export class SimulatedAuthenticator {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  authenticate(connection: Connection, _packet: Connect | Auth): void {
    const world = this.#world;
    const { random, settings, lifetime } = world;
    const isLate = settings.features.has("lateAuthentication") && !world.isCalm;
    world.later(isLate ? random.below(random.pick([1, 100, 3000])) : 0, () => {
      if (world.lifetime !== lifetime) return;
      const { peer } = connection.outbox as Link;
      const answer = this.#answer(connection);
      world.input(
        `authentication of #${peer!.number}: ${"challenge" in answer ? "go on" : answer.ok ? "ok" : answer.reason}`,
        () => world.model.authenticated(peer!, answer, world.now),
        () => world.broker.authenticated(connection, answer, world.now),
      );
    });
  }

  #answer({ connect, session }: Connection): AuthenticationResult | AuthenticationChallenge {
    const { random, isCalm } = this.#world;
    const isEnhanced = connect.properties?.authenticationMethod !== undefined;
    if (isEnhanced && !isCalm && random.chance(0.4)) return { challenge: Buffer.from([random.below(256)]) };
    const result = this.#result(session?.clientId ?? connect.clientId, isEnhanced ? 0.5 : 0.1);
    return isEnhanced && result.ok && random.chance(0.5) ? { ...result, data: Buffer.from("welcome") } : result;
  }

  #result(clientId: string, expiryChance: number): AuthenticationResult {
    const { random, settings, isCalm, now } = this.#world;
    const { features } = settings;
    if (!isCalm && features.has("refusals") && random.chance(0.05)) {
      const { BadUserNameOrPassword, NotAuthorized, ServerUnavailable } = ReasonCode;
      const reasonCode = random.pick([BadUserNameOrPassword, NotAuthorized, ServerUnavailable]);
      return { ok: false, reasonCode, reason: "refused" };
    }
    const isBound = !isCalm && features.has("refusals") && random.chance(0.05);
    const expires = !isCalm && features.has("tokenExpiry") && random.chance(expiryChance);
    const principal: Principal = {
      clientId: isBound ? random.pick([clientId, "somebody-else"]) || undefined : undefined,
      tokenId: features.has("revocation") ? random.pick(TOKENS) : undefined,
      expiresAtMs: expires ? now + random.between(1000, 60_000) : Infinity,
      acl: !isCalm && features.has("acl") && random.chance(0.4) ? ACL : undefined,
    };
    return { ok: true, principal };
  }
}

/** Several clients may have the same one. */
export const TOKENS = ["token-1", "token-2", "token-3"];

/** Rights are those of the credentials: another connection of the same client may have others. */
const ACL = {
  mayPublish: (topic: string): boolean => topic.split("/")[0] !== "secret",
  maySubscribe: (filter: string): boolean => !["secret", "+", "#"].includes(filter.split("/")[0]!),
};
