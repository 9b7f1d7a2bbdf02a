/**
 * Records of the journal as JSON objects: payloads and correlation data in base64, null for times that never come, what is
 * undefined left out.
 */
import { z } from "zod";
import type { JournalRecord, RecordId } from "../../broker/ports.ts";

const bytes = z.base64().transform((text) => Buffer.from(text, "base64"));
const timeMs = z
  .number()
  .nullable()
  .transform((value) => value ?? Infinity);
const recordId = z.int().min(1);
const count = z.int().min(0);
const qos = z.union([z.literal(0), z.literal(1), z.literal(2)]);

const properties = z.strictObject({
  payloadFormatIndicator: z.int().min(0).max(1).optional(),
  contentType: z.string().optional(),
  responseTopic: z.string().optional(),
  correlationData: bytes.optional(),
  userProperties: z.array(z.tuple([z.string(), z.string()])).optional(),
});

const publication = {
  topic: z.string(),
  payload: bytes,
  qos,
  retain: z.boolean(),
  properties: properties.optional(),
  publisherId: z.string(),
  tokenId: z.string().optional(),
};

const will = z.strictObject({
  delaySeconds: count,
  expiryIntervalSeconds: count.optional(),
  message: z.strictObject(publication),
});

const head = { broker: z.string(), id: recordId };

const recordSchema = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("session"),
    ...head,
    clientId: z.string(),
    expiryIntervalSeconds: count,
    endsAtMs: timeMs.optional(),
    will: will.optional(),
    willDueAtMs: timeMs.optional(),
  }),
  z.strictObject({
    type: z.literal("subscription"),
    ...head,
    session: recordId,
    key: z.string(),
    qos,
    noLocal: z.boolean(),
    retainAsPublished: z.boolean(),
    identifier: count,
  }),
  z.strictObject({
    type: z.literal("message"),
    ...head,
    message: z.strictObject({ ...publication, id: count, receivedAtMs: z.number(), expiresAtMs: timeMs }),
  }),
  z.strictObject({ type: z.literal("retained"), ...head, message: recordId }),
  z.strictObject({
    type: z.literal("delivery"),
    ...head,
    session: recordId,
    message: recordId,
    qos,
    retain: z.boolean(),
    subscriptionIdentifiers: z.array(count).optional(),
    packetId: z.int().min(0).max(0xffff),
    released: z.boolean(),
  }),
  z.strictObject({ type: z.literal("received"), ...head, session: recordId, packetId: z.int().min(1).max(0xffff) }),
]);

export interface ImportedRecord {
  readonly brokerId: string;
  readonly id: RecordId;
  readonly record: JournalRecord;
}

export function isRecordType(type: unknown): boolean {
  return recordSchema.options.some((option) => option.shape.type.value === type);
}

/** @returns the record, or what is wrong with the object */
export function recordFromJson(json: unknown): ImportedRecord | string {
  const parsed = recordSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return `${issue?.path.join(".") || "the object"}: ${issue?.message}`;
  }
  const { broker, id, ...record } = parsed.data;
  // What is left out is undefined, whether it is a key of the object or not.
  return { brokerId: broker, id, record: record as unknown as JournalRecord };
}

export function recordToJson(brokerId: string, id: RecordId, record: JournalRecord): object {
  return { type: record.type, broker: brokerId, id, ...(plain(record) as object) };
}

function plain(value: unknown): unknown {
  if (value === Infinity) return null;
  if (Buffer.isBuffer(value)) return value.toString("base64");
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]));
}
