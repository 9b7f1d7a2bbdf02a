import type { Handlers } from "../handler.ts";

const ACCOUNT_NAME = "pubsub-cli";

// One account with one membership: its id stands for both.
export const accountHandlers: Handlers<"listMemberships" | "listAccounts" | "verifyApiToken"> = {
  listMemberships: (_, { catalogue: { accountId: id } }) => [
    { id, status: "accepted", account: { id, name: ACCOUNT_NAME } },
  ],
  listAccounts: (_, { catalogue: { accountId: id } }) => [{ id, name: ACCOUNT_NAME }],
  verifyApiToken: (_, __, { id }) => ({ id, status: "active" }),
};
