/** How messages stand in JSON. */
import { z } from "zod";

/** Those that travel with a message (MQTT 5.0 §3.3.2.3). */
export const propertiesSchema = z
  .object({
    payloadFormatIndicator: z.int().min(0).max(1).optional(),
    messageExpiryInterval: z.int().min(0).max(0xffffffff).optional().describe("seconds, as published"),
    contentType: z.string().optional(),
    responseTopic: z.string().optional(),
    correlationData: z.base64().optional(),
    userProperties: z.array(z.tuple([z.string(), z.string()])).optional(),
  })
  .meta({ id: "MessageProperties" });

/** What a message carries. */
export const content = {
  payload: z.string(),
  payloadEncoding: z.enum(["utf8", "base64"]).describe("base64 where the bytes are not UTF-8"),
  payloadBytes: z.int().describe("size of the whole payload"),
  payloadTruncated: z.literal(true).optional().describe("payload holds only its beginning"),
  properties: propertiesSchema.optional(),
};
export const contentSchema = z.object(content).meta({ id: "Content" });

export const qosSchema = z.union([z.literal(0), z.literal(1), z.literal(2)]);
