import { PacketType } from "../../src/codec/index.ts";
import { describe } from "./model/state.ts";
import { fail } from "./violation.ts";
import { Device } from "./world/device.ts";
import { checkNothingKept } from "./world/durability.ts";
import { liftLimits } from "./world/operator.ts";
import type { World } from "./world/world.ts";

/**
 * The end of a run: nothing goes wrong any more, every client comes back, and everything that is owed must arrive. Then
 * all leave, and nothing of them may stay behind.
 */
export function finish(world: World): void {
  world.trace.add("the calm");
  world.isCalm = true;
  liftLimits(world);
  world.runAll();

  const { sessions, retained } = world.model.state;
  for (const clientId of sessions.keys()) {
    if (!world.devices.some((device) => device.clientId === clientId)) world.devices.push(new Device(world, clientId));
  }
  for (const device of world.devices) device.connect();
  world.runAll();
  checkComplete(world);

  // Somebody new gets exactly the retained messages; the model sees to that.
  const inspector = new Device(world, "inspector-1");
  inspector.connect();
  world.runAll();
  for (const topicFilter of ["#", "$own/#"]) {
    const request = {
      topicFilter,
      qos: 2 as const,
      noLocal: false,
      retainAsPublished: true,
      retainHandling: 0 as const,
    };
    inspector.request((packetId) => ({ type: PacketType.SUBSCRIBE, packetId, subscriptions: [request] }));
  }
  world.runAll();
  checkComplete(world);
  for (const topic of retained.keys()) {
    inspector.publish(topic, Buffer.alloc(0), 0, true, undefined);
    world.runAll();
  }
  for (const device of [...world.devices, inspector]) device.disconnect(0, { sessionExpiryInterval: 0 });
  world.runAll();
  // Who vanished amid authentication is waited for a while.
  world.later(world.settings.limits.connectTimeoutMs, () => undefined);
  world.runAll();
  world.model.compare(world.broker);
  world.model.finish(world.broker);
  checkNothingKept(world.journal);
}

function checkComplete({ model, devices, broker }: World): void {
  for (const { clientId, owed, inflight } of model.state.sessions.values()) {
    const who = JSON.stringify(clientId);
    if (owed.length > 0) fail("lost", `${who} never got ${describe(owed[0]!.content)}`);
    if (inflight.length > 0) fail("incomplete", `${who} still has ${inflight.length} in flight`);
    const { inflight: left, queue, resend, publishing } = broker.sessions.get(clientId)!;
    const sizes = [left.size, queue.length, resend?.length ?? 0, publishing.length];
    if (sizes.some((size) => size > 0))
      fail("left-behind", `in flight, queue, to resend, with hooks of ${who}: ${sizes.join()}`);
  }
  for (const { clientId, outbound, isOnline } of devices) {
    if (!isOnline) fail("incomplete", `${clientId} is not connected`);
    if (outbound.size > 0) fail("incomplete", `${clientId} has ${outbound.size} messages unacknowledged`);
  }
}
