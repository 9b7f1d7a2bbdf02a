/** What people do to a broker while it works. */
import { ReasonCode } from "../../../src/codec/index.ts";
import { TOKENS } from "./ports.ts";
import type { World } from "./world.ts";

/** Begins with what the settings of the run have of it, and goes on until the calm. */
export function operate(world: World): void {
  const { features } = world.settings;
  if (features.has("revocation")) repeat(world, 15_000, () => revoke(world));
  if (features.has("kick")) repeat(world, 30_000, () => kick(world));
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

/** What the sessions have stays: the broker goes on, as if it had been started again from what it keeps. */
function shutDown(world: World): void {
  const { model, broker, now } = world;
  const code = ReasonCode.ServerShuttingDown;
  world.input(
    "shutdown",
    () => model.shutdown(code, now),
    () => broker.shutdown(code, "shutdown", now),
  );
}

/** Limits that would keep clients from coming back. */
export function liftLimits({ model, broker }: World): void {
  const limits = { ...broker.limits, packetsPerSecondMax: 0, connectionsMax: Infinity, sessionsMax: Infinity };
  broker.limits = limits;
  model.setLimits(limits);
}
