import { z } from "zod";
import { qosSchema } from "./content.ts";
import { anyClientIdSchema, cursorQuery, cursorSchema, timestampSchema } from "./schemas.ts";

const connectionSchema = z
  .object({
    remote: z.string().describe("address and port of the client"),
    transport: z
      .enum(["tcp", "tls", "unix", "websocket", "secure-websocket", "internal"])
      .describe("internal: a part of the server, such as a consumer of a Worker"),
    protocolVersion: z.int().describe("3: MQTT 3.1, 4: 3.1.1, 5: 5.0"),
    keepAlive: z.int().describe("seconds, as the client asked"),
    jti: z.string().optional().describe("id of the client's token"),
    connected_on: timestampSchema,
  })
  .meta({ id: "Connection" });

const session = {
  clientId: z.string(),
  connected: z.boolean(),
  connection: connectionSchema.optional().describe("absent while the client is away"),
  sessionExpiryInterval: z.int().describe("seconds that it outlives its connection; 4294967295 for ever"),
  expires_on: timestampSchema.optional().describe("when it ends, unless the client comes back"),
  subscriptions: z.int().describe("how many"),
  queuedMessages: z.int().describe("messages that wait for the client"),
  queuedBytes: z.int(),
  inflightMessages: z.int().describe("messages that the client has not yet acknowledged"),
  hasWill: z.boolean(),
};

const subscriptionSchema = z
  .object({
    topicFilter: z.string().describe("as in SUBSCRIBE, with $share/…"),
    qos: qosSchema,
    noLocal: z.boolean(),
    retainAsPublished: z.boolean(),
    subscriptionIdentifier: z.int().optional(),
  })
  .meta({ id: "Subscription" });

export const sessionOperations = {
  listSessions: {
    summary: "List the sessions of a broker by client id",
    query: z.object({
      connected: z.enum(["true", "false"]).optional().describe("only those whose client is there, or is away"),
      ...cursorQuery,
    }),
    result: z.object({ sessions: z.array(z.object(session)), cursor: cursorSchema }),
    errors: ["namespace-not-found", "broker-not-found"],
  },
  describeSession: {
    summary: "Describe the session of a client, with its subscriptions",
    query: z.object({ client: anyClientIdSchema.describe("client id"), ...cursorQuery }),
    result: z.object({
      ...session,
      filters: z.array(subscriptionSchema).describe("a page of its subscriptions"),
      cursor: cursorSchema,
    }),
    errors: ["namespace-not-found", "broker-not-found", "session-not-found"],
  },
  kickSession: {
    summary: "Disconnect a client with reason code 0x98, and end its session if wanted",
    body: z.object({
      client: anyClientIdSchema.describe("client id"),
      endSession: z
        .boolean()
        .default(false)
        .describe("end the session as well: its subscriptions and the messages that wait for the client are gone"),
    }),
    result: z.object({
      disconnected: z.boolean().describe("false where the client was away"),
      sessionEnded: z.boolean().describe("also true for a session that does not outlive its connection"),
    }),
    errors: ["namespace-not-found", "broker-not-found", "session-not-found"],
  },
} as const;
