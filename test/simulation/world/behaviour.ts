/** What a device may do next. */
import { type Packet, PacketType, type Properties, type QoS, type Subscribe } from "../../../src/codec/index.ts";
import type { Device } from "./device.ts";
import { violate } from "./violations.ts";

type Action =
  | "publish"
  | "subscribe"
  | "unsubscribe"
  | "ping"
  | "disconnect"
  | "cut"
  | "vanish"
  | "halfClose"
  | "takeover"
  | "violate"
  | "stopReading"
  | "duplicate"
  | "reauthenticate"
  | "idle";

export function act(device: Device): void {
  const { random } = device.world;
  if (device.link === undefined) {
    device.connect();
    // [MQTT-3.1.4-5]: a client need not wait for CONNACK.
    if (random.chance(0.1))
      device.publish(random.pick(device.world.settings.topics), device.nextPayload(), 0, false, undefined);
    return;
  }
  if (!device.isReading) {
    if (random.chance(0.3)) goOnReading(device);
    return;
  }
  if (!device.isOnline) {
    if (random.chance(0.05)) device.drop("cut");
    return;
  }
  perform(device, drawAction(device));
}

function drawAction(device: Device): Action {
  const weight = (feature: Parameters<Device["has"]>[0], value: number): number => (device.has(feature) ? value : 0);
  return device.world.random.weighted<Action>({
    publish: 60,
    subscribe: 16,
    unsubscribe: 5,
    ping: 4,
    disconnect: 3,
    cut: weight("cuts", 3),
    vanish: weight("vanish", 1),
    halfClose: weight("halfClose", 1),
    takeover: weight("takeover", 2),
    violate: weight("violations", 1),
    stopReading: weight("slowReaders", 3),
    duplicate: weight("duplicates", 2),
    reauthenticate: weight("enhancedAuthentication", 8),
    idle: 6,
  });
}

function perform(device: Device, action: Action): void {
  switch (action) {
    case "publish":
      publish(device);
      return;
    case "subscribe":
      subscribe(device);
      return;
    case "unsubscribe":
      device.request((packetId) => ({ type: PacketType.UNSUBSCRIBE, packetId, topicFilters: drawFilters(device) }));
      return;
    case "ping":
      device.send({ type: PacketType.PINGREQ });
      return;
    case "disconnect":
      disconnect(device);
      return;
    case "cut":
    case "vanish":
    case "halfClose":
      device.drop(action);
      return;
    case "takeover":
      device.connect();
      return;
    case "violate":
      violate(device);
      return;
    case "stopReading":
      device.isReading = false;
      device.link?.stopReading();
      return;
    case "duplicate":
      if (device.version !== 5) device.resend();
      return;
    case "reauthenticate":
      device.authentication.begin();
      return;
    case "idle":
  }
}

function goOnReading(device: Device): void {
  device.isReading = true;
  device.link?.goOnReading();
}

function publish(device: Device): void {
  const { random, settings } = device.world;
  const topic = random.chance(0.02) ? random.pick(["$SYS/x", "secret/y"]) : random.pick(settings.topics);
  const retain = device.has("retain") && random.chance(0.3);
  const payload = retain && random.chance(0.2) ? Buffer.alloc(0) : device.nextPayload();
  const count = random.chance(0.1) ? random.between(2, 12) : 1;
  for (let i = 0; i < count; i++) {
    const properties = device.version === 5 ? drawPublishProperties(device) : undefined;
    device.publish(topic, i === 0 ? payload : device.nextPayload(), random.below(3) as QoS, retain, properties);
  }
}

function drawPublishProperties(device: Device): Properties | undefined {
  const { random } = device.world;
  const properties: Properties = {};
  if (device.has("expiry") && random.chance(0.3)) properties.messageExpiryInterval = random.pick([0, 1, 2, 10, 100]);
  if (random.chance(0.1)) properties.contentType = "text/plain";
  if (random.chance(0.1))
    properties.userProperties = [
      ["a", "1"],
      ["a", "2"],
    ];
  if (random.chance(0.1)) properties.payloadFormatIndicator = 1;
  if (random.chance(0.1)) properties.responseTopic = "answers";
  return Object.keys(properties).length === 0 ? undefined : properties;
}

function subscribe(device: Device): void {
  const { random } = device.world;
  const isV5 = device.version === 5;
  const subscriptions = drawFilters(device).map((topicFilter): Subscribe["subscriptions"][number] => ({
    topicFilter,
    qos: random.below(3) as QoS,
    noLocal: isV5 && device.has("noLocal") && !topicFilter.startsWith("$share/") && random.chance(0.3),
    retainAsPublished: isV5 && random.chance(0.4),
    retainHandling: isV5 ? random.pick([0, 1, 2] as const) : 0,
  }));
  const hasIdentifier = isV5 && device.has("identifiers") && random.chance(0.5);
  const properties: Properties = hasIdentifier ? { subscriptionIdentifiers: [random.between(1, 200)] } : {};
  device.request((packetId): Packet => ({ type: PacketType.SUBSCRIBE, packetId, subscriptions, properties }));
}

function drawFilters(device: Device): string[] {
  const { random, settings } = device.world;
  return Array.from({ length: random.chance(0.2) ? 3 : 1 }, () => {
    if (random.chance(0.02))
      return random.pick(["a/#/b", "$share//a", "$share/g", "a+", "1/2/3/4/5/6/7/8/9", "$share/g+/a"]);
    const filter = random.pick(settings.filters);
    const mayCrowd = device.has("crowdedGroups");
    if (!device.has("shared") || !random.chance(mayCrowd ? 0.5 : 0.3)) return filter;
    const isCrowded = mayCrowd && random.chance(0.8);
    return `$share/${isCrowded ? "g" : random.pick(["g", "h"])}/${isCrowded ? settings.filters[0] : filter}`;
  });
}

function disconnect(device: Device): void {
  const { random } = device.world;
  if (device.version !== 5) {
    device.disconnect(0);
    return;
  }
  // An interval after 0 in CONNECT is an error; the model knows.
  const properties = random.chance(0.3) ? { sessionExpiryInterval: random.pick([0, 2, 200]) } : undefined;
  device.disconnect(random.pick([0x00, 0x04]), properties);
}
