import { z } from "zod";
import { expirationSchema, timestampSchema, topicFilterSchema } from "./schemas.ts";

const CREDENTIALS_MAX = 100;

/** MQTT lets a server bound client ids (5.0 §3.1.3.1). Control characters and lone surrogates only make trouble. */
const clientIdSchema = z
  .string()
  .regex(/^[^\p{Cc}\p{Cs}]{1,256}$/u, "must be 1 to 256 characters, none of them a control character");

const clientCertificateSchema = z
  .object({
    id: z.string().describe("what revokes it: the serial number of the certificate, in hexadecimal digits"),
    certificate: z.string().describe("PEM"),
    privateKey: z.string().describe("PEM; kept nowhere else"),
    ca: z
      .string()
      .describe("PEM: the authority that has signed it, and the server's certificate too unless it has its own"),
    expires_on: timestampSchema,
  })
  .meta({ id: "ClientCertificate" });

export const credentialOperations = {
  issueCredentials: {
    summary: "Issue tokens or certificates",
    query: z.object({
      number: z
        .int("must be a whole number")
        .min(1, "must be at least 1")
        .max(CREDENTIALS_MAX, "must be at most 100")
        .optional()
        .describe("how many; 1 or the number of client ids where it is left out"),
      type: z
        .enum(["TOKEN", "MTLS"])
        .default("TOKEN")
        .describe("tokens, or certificates for brokers with the authType MTLS or MTLS_AND_TOKEN"),
      clientid: z
        .array(clientIdSchema)
        .min(1)
        .max(CREDENTIALS_MAX)
        .refine((ids) => new Set(ids).size === ids.length, "must differ from each other")
        .optional()
        .describe("client ids to issue for; new ULIDs where they are left out"),
      expiration: z
        .union([z.literal(-1), expirationSchema], "must be -1 or a whole number of seconds from 1 to 100 years")
        .optional()
        .describe("lifetime in seconds, cut to the broker's; -1: never, whatever the broker says"),
      topicAcl: z
        .array(z.string())
        .transform((filters) => (filters.length === 1 && filters[0] === "" ? ["#"] : filters))
        .pipe(z.array(topicFilterSchema).min(1).max(100))
        .default(["#"])
        .describe(
          "topic filters that the token may publish and subscribe to; # is everything, as is nothing: `topicAcl=#` loses its # in a URL",
        ),
      scram: z
        .enum(["true", "false"])
        .default("false")
        .describe("true: the clients may also prove with SCRAM-SHA-256 that they have their tokens"),
    }),
    result: z.union([
      z.record(z.string(), z.string()).describe("of the type TOKEN: client id → token"),
      z.record(z.string(), clientCertificateSchema).describe("of the type MTLS: client id → certificate"),
    ]),
    errors: ["namespace-not-found", "broker-not-found", "too-many-scram-credentials", "tls-is-off"],
  },
} as const;
