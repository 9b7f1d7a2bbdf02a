/** What people do to a broker while it works. */
import { ReasonCode } from "../../../src/codec/index.ts";
import { TOKENS } from "./ports.ts";
import type { World } from "./world.ts";

/** Begins with what the settings of the run have of it, and goes on until the calm. */
export function operate(world: World): void {
  const { features } = world.settings;
  if (features.has("revocation")) repeat(world, 15_000, () => revoke(world));
  if (features.has("kick")) repeat(world, 30_000, () => kick(world));
  if (features.has("crash")) repeat(world, 30_000, () => crash(world));
  if (features.has("slowCommits")) repeat(world, 10_000, () => stall(world));
  if (features.has("shutdown")) repeat(world, 60_000, () => shutDown(world));
}

function repeat(world: World, delayMsMax: number, act: () => void): void {
  world.later(world.random.between(1000, delayMsMax), () => {
    if (world.isCalm) return;
    act();
    repeat(world, delayMsMax, act);
  });
}

function revoke(world: World): void {
  const { model, broker, now, random } = world;
  const revoked = new Set(random.chance(0.3) ? TOKENS : [random.pick(TOKENS)]);
  const isMeant = (tokenId: string | undefined): boolean => tokenId !== undefined && revoked.has(tokenId);
  world.input(
    `revoked: ${[...revoked].join()}`,
    () => model.revoked(isMeant, now),
    () => broker.disconnectWhere(({ tokenId }) => isMeant(tokenId), ReasonCode.NotAuthorized, "revoked", now),
  );
}

function kick(world: World): void {
  const { model, broker, now, random } = world;
  const session = broker.sessions.get(random.pick(world.devices).clientId);
  if (session === undefined) return;
  const endsSession = random.chance(0.3);
  world.input(
    `${session.clientId} is kicked${endsSession ? ", its session ends" : ""}`,
    () => model.kicked(session.clientId, endsSession, now),
    () => broker.kick(session, endsSession, now),
  );
}

/** The disk is slow: what the broker has to say waits. */
function stall(world: World): void {
  if (world.isDoomed || world.isStalled) return;
  const { lifetime, random } = world;
  world.stall();
  world.later(random.below(random.pick([50, 500, 5000])), () => {
    if (world.lifetime === lifetime) world.commit();
  });
}

/**
 * The process dies: at once, or after a while in which nothing that it does is committed any more. While the disk is slow
 * everything may have been written all the same, although nobody was told.
 */
function crash(world: World): void {
  if (world.isDoomed) return;
  if (world.isStalled && world.random.chance(0.5)) {
    world.crash();
    return;
  }
  world.doom();
  world.later(world.random.below(world.random.pick([1, 50, 5000])), () => world.crash());
}

/** What is kept stays, as after a crash, but the clients are told. */
function shutDown(world: World): void {
  if (world.isDoomed) return;
  const { model, broker, now } = world;
  const code = ReasonCode.ServerShuttingDown;
  world.input(
    "shutdown",
    () => model.shutdown(code, now),
    () => {
      broker.stopKeeping();
      broker.shutdown(code, "shutdown", now);
      world.startAnew(world.journal);
    },
  );
  // A server that stops waits for its disk.
  world.commit();
}

/** Limits that would keep clients from coming back. */
export function liftLimits({ model, broker }: World): void {
  const limits = { ...broker.limits, packetsPerSecondMax: 0, connectionsMax: Infinity, sessionsMax: Infinity };
  broker.limits = limits;
  model.setLimits(limits);
}
