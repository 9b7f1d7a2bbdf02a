import type { Handlers } from "../handler.ts";

export const statusHandlers: Handlers<"status"> = {
  status: (_, { status, catalogue }) => {
    const { version, pid, startedAtMs, ...addresses } = status();
    const startedOn = new Date(startedAtMs).toISOString();
    return { version, pid, started_on: startedOn, account_id: catalogue.accountId, ...addresses };
  },
};
