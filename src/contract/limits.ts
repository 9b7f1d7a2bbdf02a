import { z } from "zod";
import { type LimitName, limitProfileNames, limitTable } from "./limit-table.ts";

function limitSchema(name: LimitName) {
  const { minimum, maximum, meaning } = limitTable[name];
  return z
    .int("must be a whole number")
    .min(minimum, `must be at least ${minimum}`)
    .max(maximum, `must be at most ${maximum}`)
    .optional()
    .describe(meaning);
}

const names = Object.keys(limitTable) as LimitName[];
const shape = Object.fromEntries(names.map((name) => [name, limitSchema(name)])) as {
  [Name in LimitName]: ReturnType<typeof limitSchema>;
};

/** The limits of a broker: a profile, and what differs from it. Replaces those before; `{}` is the default profile. */
export const limitsSchema = z
  .strictObject({ profile: z.enum(limitProfileNames).optional(), ...shape })
  .describe("a profile (default, cloudflare-beta), and limits that differ from it")
  .meta({ id: "Limits" });
