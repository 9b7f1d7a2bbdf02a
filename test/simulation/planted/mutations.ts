/** A bug to plant: an exact piece of the broker's source and what stands there instead. See README.md. */
export interface Mutation {
  readonly name: string;
  /** Below src/. */
  readonly file: string;
  /** Must stand in the file exactly once. */
  readonly source: string;
  readonly replacement: string;
}

export const mutations: readonly Mutation[] = [
  {
    name: "DUP is missing when a message is sent again",
    file: "broker/delivery.ts",
    source: "packetId, qos, retain, true, subscriptionIdentifiers, now);",
    replacement: "packetId, qos, retain, false, subscriptionIdentifiers, now);",
  },
  {
    name: "a resumed session forgets which QoS 2 messages it has received",
    file: "broker/handlers/connect.ts",
    source: "  session.connection = connection;\n",
    replacement: "  session.connection = connection;\n  session.receivedQos2.clear();\n",
  },
  {
    name: "DISCONNECT with reason code 0 publishes the will",
    file: "broker/lifecycle.ts",
    source: "const discardWill = reasonCode === ReasonCode.Success;",
    replacement: "const discardWill = false && reasonCode === ReasonCode.Success;",
  },
  {
    name: "DISCONNECT with reason code 4 discards the will",
    file: "broker/lifecycle.ts",
    source: "const discardWill = reasonCode === ReasonCode.Success;",
    replacement: "const discardWill = reasonCode < 0x80;",
  },
  {
    name: "a will is not published when its session ends before its delay is over",
    file: "broker/lifecycle.ts",
    source: "  session.forgetSubscriptions();\n  publishWill(broker, session, now);",
    replacement: "  session.forgetSubscriptions();\n  broker.deadlines.clear(session.willDelay);",
  },
  {
    name: "the send quota is not restored",
    file: "broker/handlers/acknowledgements.ts",
    source: "if (entry.countsAgainstQuota) connection.sendQuota++;",
    replacement: "if (entry.countsAgainstQuota && entry.qos === 1) connection.sendQuota++;",
  },
  {
    name: "an empty payload leaves the retained message",
    file: "broker/retained.ts",
    source: "if (message.payload.length === 0) return this.delete(message.topic);",
    replacement: "if (message.payload.length === 0) return;",
  },
  {
    name: "No Local is ignored",
    file: "broker/delivery.ts",
    source: "if (message.publisherId !== entry.session.clientId) {",
    replacement: "if (entry.session !== undefined) {",
  },
  {
    name: "a takeover loses what waits in the session",
    file: "broker/handlers/connect.ts",
    source: "  broker.deadlines.clear(session.expiry);\n  cancelWill(broker, session);",
    replacement:
      "  broker.deadlines.clear(session.expiry);\n  while (session.dequeue() !== undefined);\n  cancelWill(broker, session);",
  },
  {
    name: "messages are delivered at the granted QoS",
    file: "broker/delivery.ts",
    source: "const qos = message.qos < entry.qos ? message.qos : entry.qos;",
    replacement: "const qos = entry.qos;",
  },
  {
    name: "the cache of routes outlives an UNSUBSCRIBE",
    file: "broker/subscription-tree.ts",
    source: "      prune(nodes, levels);\n    }\n    this.#forgetRoutes(subscription.topicFilter);",
    replacement: "      prune(nodes, levels);\n    }",
  },
  {
    name: "a verdict that comes early overtakes",
    file: "broker/publish-queue.ts",
    source: "if (this.peek()?.verdict === undefined) return undefined;",
    replacement: `
      const all = [];
      for (let one = this.shift(); one !== undefined; one = this.shift()) all.push(one);
      all.sort((a, b) => Number(b.verdict !== undefined) - Number(a.verdict !== undefined));
      for (const one of all) this.push(one);
      if (this.peek()?.verdict === undefined) return undefined;`,
  },
  {
    name: "the client's Receive Maximum is taken to be one more",
    file: "broker/connection.ts",
    source: "connect.properties?.receiveMaximum ?? 65_535",
    replacement: "(connect.properties?.receiveMaximum ?? 65_534) + 1",
  },
  {
    name: "the end of a session leaves its subscriptions in the tree",
    file: "broker/lifecycle.ts",
    source: "  for (const subscription of session.subscriptions.values()) broker.subscriptions.remove(subscription);\n",
    replacement: "",
  },
  {
    name: "a queued message is sent after it expired",
    file: "broker/delivery.ts",
    source:
      "    session.dequeue();\n    const { message, qos, retain, subscriptionIdentifiers } = head;\n    if (message.expiresAtMs <= now) {",
    replacement:
      "    session.dequeue();\n    const { message, qos, retain, subscriptionIdentifiers } = head;\n    if (message.expiresAtMs <= 0) {",
  },
  {
    name: "every second message for a group goes to two of its members",
    file: "broker/delivery.ts",
    source: "    if (member !== undefined) deliverEntry(broker, message, routeEntry([member]), now);",
    replacement: `
      const members = message.id % 2 === 0 ? [member, groups[i]!.pick()] : [member];
      for (const one of members) if (one !== undefined) deliverEntry(broker, message, routeEntry([one]), now);`,
  },
  {
    name: "a group goes on with members that left it",
    file: "broker/shared.ts",
    source: "    this.#members.splice(index, 1);",
    replacement: "    if (this.#members.length === 1) this.#members.splice(index, 1);",
  },
  {
    name: "a message for a group is lost while its members are busy",
    file: "broker/shared.ts",
    source: "const index = busy === -1 ? offline : busy;",
    replacement: "const index = offline;",
  },
  {
    name: "a message for a group waits for a member that is away while others are there",
    file: "broker/shared.ts",
    source: "const index = busy === -1 ? offline : busy;",
    replacement: "const index = offline === -1 ? busy : offline;",
  },
  {
    name: "who authenticates again keeps the end of the first token",
    file: "broker/handlers/connect.ts",
    source: "  setTokenExpiry(broker, connection, principal.expiresAtMs);",
    replacement:
      "  if (connection.tokenExpiry === undefined) setTokenExpiry(broker, connection, principal.expiresAtMs);",
  },
  {
    name: "a shutdown publishes the wills",
    file: "broker/broker.ts",
    source: "      if (connection.session !== undefined) connection.session.will = undefined;\n",
    replacement: "",
  },
  {
    name: "packets are counted over the whole connection",
    file: "broker/connection.ts",
    source: "if (now - this.#secondBeganMs >= 1000) {",
    replacement: "if (this.#secondBeganMs === 0) {",
  },
  {
    name: "a challenged client may take as long as it likes",
    file: "broker/handlers/auth.ts",
    source: '  connection.state = "challenged";\n',
    replacement: '  connection.state = "challenged";\n  connection.silenceMaxMs = Infinity;\n',
  },
  {
    name: "PUBREC is not kept",
    file: "broker/handlers/acknowledgements.ts",
    source: "    if (entry !== undefined) session.kept?.release(entry);\n",
    replacement: "",
  },
  {
    name: "a message that is complete stays in the journal",
    file: "broker/handlers/acknowledgements.ts",
    source: "    session.kept?.removeDelivery(entry);\n",
    replacement: "",
  },
  {
    name: "a will that is published stays in the journal",
    file: "broker/lifecycle.ts",
    source: "  session.will = undefined;\n  session.kept?.update();\n",
    replacement: "  session.will = undefined;\n",
  },
  {
    name: "after a crash, a QoS 2 message that is sent again is routed again",
    file: "broker/restore.ts",
    source: "      session?.receivedQos2.set(record.packetId, undefined);\n",
    replacement: "",
  },
  {
    name: "after a crash, the clients who were connected have their wills for ever",
    file: "broker/restore.ts",
    source: "willDueAtMs ?? now + will.delaySeconds * 1000",
    replacement: "willDueAtMs ?? Infinity",
  },
];
