import { z } from "zod";
import { idSchema, timestampSchema } from "./schemas.ts";

export const statusOperations = {
  status: {
    summary: "The running server",
    result: z.object({
      version: z.string(),
      pid: z.int(),
      started_on: timestampSchema,
      account_id: idSchema,
      mqtt: z.string().describe("URL for MQTT over TCP"),
      ws: z.string().describe("URL for MQTT over WebSocket"),
      mqtts: z.string().optional().describe("URL for MQTT over TLS; absent where TLS is off"),
      wss: z.string().optional().describe("URL for MQTT over secure WebSocket"),
      ca: z.string().optional().describe("path, on the server's machine, of the certificate of its local authority"),
      data: z
        .object({
          folder: z.string().describe("path on the server's machine"),
          full: z.boolean().describe("there is no room on the disk: what would have to be kept is refused with 0x97"),
          records: z.int().describe("sessions, subscriptions, messages and the like that are kept"),
          bytes: z.int().describe("size of the journal on the disk"),
        })
        .optional()
        .describe("what is kept; absent where everything is in memory only"),
    }),
    errors: [],
  },
} as const;
