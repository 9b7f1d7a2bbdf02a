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
    }),
    errors: [],
  },
} as const;
