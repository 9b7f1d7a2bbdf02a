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
    }),
    errors: [],
  },
} as const;
