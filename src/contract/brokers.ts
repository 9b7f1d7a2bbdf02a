import { z } from "zod";
import { onPublishInputSchema, onPublishSchema } from "./hooks.ts";
import { limitsSchema } from "./limits.ts";
import {
  descriptionSchema,
  expirationSchema,
  idSchema,
  nameSchema,
  nothingSchema,
  pageQuerySchema,
  timestampSchema,
} from "./schemas.ts";

const authTypeSchema = z
  .enum(["TOKEN", "MTLS", "MTLS_AND_TOKEN"])
  .describe("how clients prove who they are: with a token, a certificate, or both for the same client id");

const brokerSchema = z
  .object({
    id: idSchema,
    name: nameSchema,
    description: z.string().describe("empty if there is none"),
    authType: authTypeSchema,
    auth_type: authTypeSchema.describe("the same: one client reads this name, another the other"),
    created_on: timestampSchema,
    modified_on: timestampSchema,
    expiration: expirationSchema
      .nullable()
      .describe("longest lifetime of a token in seconds; null if there is no limit"),
    endpoint: z.string().describe("URL for MQTT clients"),
    on_publish: onPublishSchema.optional().describe("absent without a hook and settings for one"),
    limits: limitsSchema.optional().describe("absent where all limits are the default ones"),
  })
  .meta({ id: "Broker" });

/** What create and update have in common. */
const settings = {
  description: descriptionSchema.optional(),
  expiration: expirationSchema.nullable().optional(),
  on_publish: onPublishInputSchema.optional(),
  limits: limitsSchema.optional(),
};

const creation = {
  ...settings,
  authType: authTypeSchema.optional(),
  auth_type: authTypeSchema.optional(),
};

export const brokerOperations = {
  listBrokers: {
    summary: "List the brokers of a namespace",
    query: pageQuerySchema,
    result: z.array(brokerSchema),
    errors: ["namespace-not-found"],
  },
  createBroker: {
    summary: "Create a broker",
    body: z.object({ name: nameSchema, ...creation }),
    result: brokerSchema,
    errors: ["namespace-not-found", "broker-exists", "too-many-brokers"],
  },
  ensureBroker: {
    summary: "Create a broker unless it exists; one that exists with other settings than those given is a conflict",
    body: z.object(creation),
    result: brokerSchema,
    errors: ["namespace-not-found", "broker-differs", "too-many-brokers"],
  },
  describeBroker: {
    summary: "Describe a broker",
    result: brokerSchema,
    errors: ["namespace-not-found", "broker-not-found"],
  },
  updateBroker: {
    summary: "Change the given settings of a broker",
    body: z.object(settings),
    result: brokerSchema,
    errors: ["namespace-not-found", "broker-not-found", "broker-changed"],
  },
  deleteBroker: {
    summary: "Delete a broker and disconnect its clients",
    result: nothingSchema,
    errors: ["namespace-not-found", "broker-not-found"],
  },
} as const;
