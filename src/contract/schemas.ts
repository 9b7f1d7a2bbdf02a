/** What several resources share. */
import { z } from "zod";

/** A namespace's or broker's name: a label of RFC 1035 §2.3.1, kept in lower case. */
export const nameSchema = z
  .string()
  .regex(
    /^[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/,
    "must be 1 to 63 letters, digits and hyphens, begin with a letter and not end with a hyphen",
  )
  .toLowerCase();

export const idSchema = z.string().regex(/^[0-9a-f]{32}$/, "must be 32 hexadecimal digits");

export const timestampSchema = z.iso.datetime({ precision: 3 }).describe("RFC 3339, UTC, with milliseconds");

export const descriptionSchema = z.string().max(1024, "must be at most 1,024 characters");

/** Longest lifetime of a token: 100 years. Keeps dates within what clients can represent. */
const EXPIRATION_SECONDS_MAX = 100 * 365 * 86_400;

export const expirationSchema = z
  .int("must be a whole number of seconds")
  .min(1, "must be at least 1 second")
  .max(EXPIRATION_SECONDS_MAX, "must be at most 100 years")
  .describe("seconds");

/** MQTT 5.0 §4.7.1; a share name (§4.8.2) has no meaning in a permission. */
export const topicFilterSchema = z
  .string()
  .min(1, "must not be empty")
  .max(65_535, "must be at most 65,535 characters")
  .regex(
    // The exclusion of U+0000 is that of [MQTT-1.5.4-2].
    // oxlint-disable-next-line no-control-regex
    /^(?!\$share\/)(?:(?:[^/+#\u0000]*|\+)\/)*(?:[^/+#\u0000]*|\+|#)$/,
    "must be a topic filter: + and # stand for whole levels, # only for the last one, without $share/",
  );

/** MQTT 5.0 §4.7: no wildcards. */
export const topicNameSchema = z
  .string()
  .min(1, "must not be empty")
  .max(65_535, "must be at most 65,535 characters")
  // The exclusion of U+0000 is that of [MQTT-1.5.4-2].
  // oxlint-disable-next-line no-control-regex
  .regex(/^[^+#\u0000]*$/, "must be a topic name, without + and #");

/** Of an existing session: whatever MQTT allows. */
export const anyClientIdSchema = z
  .string()
  .min(1, "must not be empty")
  .max(65_535, "must be at most 65,535 characters");

/** The query of a list. Without it everything comes at once, which the store's limits keep within one page. */
export const pageQuerySchema = z.object({
  page: z
    .int("must be a whole number")
    .min(1, "must be at least 1")
    .max(1_000_000, "must be at most 1000000")
    .default(1),
  per_page: z
    .int("must be a whole number")
    .min(1, "must be at least 1")
    .max(1000, "must be at most 1000")
    .default(1000),
});

/** The query of a list that is too long for one page, and changes while it is read. */
export const cursorQuery = {
  cursor: z.string().optional().describe("cursor of the page before; the first page where it is left out"),
  limit: z
    .int("must be a whole number")
    .min(1, "must be at least 1")
    .max(1000, "must be at most 1000")
    .default(100)
    .describe("entries of a page at most"),
};

export const cursorSchema = z.string().optional().describe("for the next page; absent on the last one");

/** What `{…}` in a path stands for. */
export const pathParameterSchemas = {
  account: idSchema,
  namespace: nameSchema,
  broker: nameSchema,
  apiToken: idSchema,
};

/** Deletions and the like have nothing to say. */
export const nothingSchema = z.null();
