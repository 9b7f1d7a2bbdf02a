/**
 * All commands: path, one line for the help, and the module to load when the command is called. Nothing else about a
 * command is known before that, so that starting costs the same however many there are.
 */
import type { CommandModule } from "./command.ts";

export interface CommandEntry {
  /** Words after `pubsub`, such as `broker create`. */
  readonly path: string;
  readonly summary: string;
  /** Works, and is in no help: wrangler's spelling of another command. */
  readonly hidden?: true;
  load(): Promise<{ default: CommandModule }>;
}

/** Commands that only group others. */
export const groups: Readonly<Record<string, string>> = {
  namespace: "Groups of brokers",
  broker: "Brokers and their settings",
  hook: "The code that sees each message first",
  token: "Credentials for MQTT clients",
  "api-token": "Credentials for the management API",
  retained: "Retained messages",
  session: "Clients and their sessions",
  config: "What commands work with here",
  bench: "Measure a broker",
  context: "Servers that are remembered",
  analytics: "What Workers have written to Analytics Engine",
  ca: "The local certificate authority, for TLS",
  data: "A server's data folder, while it does not run",
};

export const registry: readonly CommandEntry[] = [
  { path: "dev", summary: "Start a broker and its API here and now", load: () => import("./commands/dev.ts") },
  { path: "serve", summary: "Start the server as a service", load: () => import("./commands/serve.ts") },
  { path: "start", summary: "Start what dev starts, in the background", load: () => import("./commands/start.ts") },
  { path: "stop", summary: "End it", load: () => import("./commands/stop.ts") },
  { path: "status", summary: "Say whether the server runs, and where", load: () => import("./commands/status.ts") },
  { path: "wait", summary: "Wait until the server is ready", load: () => import("./commands/wait.ts") },
  { path: "pub", summary: "Publish messages", load: () => import("./commands/pub.ts") },
  { path: "sub", summary: "Subscribe and print messages", load: () => import("./commands/sub.ts") },
  {
    path: "request",
    summary: "Publish a request and print the answer",
    load: () => import("./commands/request.ts"),
  },
  { path: "record", summary: "Write messages to a file", load: () => import("./commands/record.ts") },
  { path: "replay", summary: "Publish recorded messages", load: () => import("./commands/replay.ts") },
  { path: "test", summary: "Test a broker with its hook", load: () => import("./commands/test.ts") },
  { path: "tail", summary: "Watch what happens in a broker", load: () => import("./commands/tail.ts") },

  { path: "logs", summary: "Print what the server has said", load: () => import("./commands/logs.ts") },

  { path: "namespace create", summary: "Create a namespace", load: () => import("./commands/namespace/create.ts") },
  { path: "namespace list", summary: "List namespaces", load: () => import("./commands/namespace/list.ts") },
  { path: "namespace describe", summary: "Show a namespace", load: () => import("./commands/namespace/describe.ts") },
  { path: "namespace delete", summary: "Delete a namespace", load: () => import("./commands/namespace/delete.ts") },

  { path: "broker create", summary: "Create a broker", load: () => import("./commands/broker/create.ts") },
  { path: "broker list", summary: "List the brokers of a namespace", load: () => import("./commands/broker/list.ts") },
  { path: "broker describe", summary: "Show a broker", load: () => import("./commands/broker/describe.ts") },
  { path: "broker update", summary: "Change a broker", load: () => import("./commands/broker/update.ts") },
  {
    path: "broker delete",
    summary: "Delete a broker and disconnect its clients",
    load: () => import("./commands/broker/delete.ts"),
  },
  {
    path: "broker public-keys",
    summary: "Show the keys that sign tokens and hook requests",
    load: () => import("./commands/broker/public-keys.ts"),
  },

  { path: "hook set", summary: "Give a broker its hook, or change it", load: () => import("./commands/hook/set.ts") },
  { path: "hook show", summary: "Show it", load: () => import("./commands/hook/show.ts") },
  { path: "hook clear", summary: "Take it away", load: () => import("./commands/hook/clear.ts") },

  { path: "token issue", summary: "Issue tokens for clients", load: () => import("./commands/token/issue.ts") },
  {
    path: "token revoke",
    summary: "Revoke tokens and disconnect their clients",
    load: () => import("./commands/token/revoke.ts"),
  },
  {
    path: "token unrevoke",
    summary: "Accept revoked tokens again",
    load: () => import("./commands/token/unrevoke.ts"),
  },
  { path: "token revocations", summary: "List revoked tokens", load: () => import("./commands/token/revocations.ts") },
  { path: "token inspect", summary: "Show what a token says", load: () => import("./commands/token/inspect.ts") },

  {
    path: "api-token create",
    summary: "Create a token for the API",
    load: () => import("./commands/api-token/create.ts"),
  },
  { path: "api-token list", summary: "List them", load: () => import("./commands/api-token/list.ts") },
  { path: "api-token delete", summary: "Delete one", load: () => import("./commands/api-token/delete.ts") },

  {
    path: "hook test",
    summary: "Ask a hook about messages, and compare with last time",
    load: () => import("./commands/hook/test.ts"),
  },
  {
    path: "hook replay",
    summary: "Ask a hook about recorded batches, and compare with then",
    load: () => import("./commands/hook/replay.ts"),
  },
  {
    path: "hook chaos",
    summary: "Call a hook as nobody should, or stand before it and misbehave",
    load: () => import("./commands/hook/chaos.ts"),
  },

  { path: "analytics query", summary: "Ask it in SQL", load: () => import("./commands/analytics/query.ts") },
  {
    path: "analytics datasets",
    summary: "List the datasets",
    load: () => import("./commands/analytics/datasets.ts"),
  },

  { path: "ca path", summary: "Print where its certificate is", load: () => import("./commands/ca/path.ts") },
  {
    path: "ca trust-instructions",
    summary: "Say how clients get to trust it",
    load: () => import("./commands/ca/trust-instructions.ts"),
  },

  { path: "retained list", summary: "List retained messages", load: () => import("./commands/retained/list.ts") },
  { path: "retained get", summary: "Print a retained message", load: () => import("./commands/retained/get.ts") },
  { path: "retained delete", summary: "Delete retained messages", load: () => import("./commands/retained/delete.ts") },

  { path: "session list", summary: "List sessions", load: () => import("./commands/session/list.ts") },
  {
    path: "session describe",
    summary: "Show a client's session",
    load: () => import("./commands/session/describe.ts"),
  },
  { path: "session kick", summary: "Disconnect a client", load: () => import("./commands/session/kick.ts") },

  { path: "bench pub", summary: "How fast it takes messages", load: () => import("./commands/bench/pub.ts") },
  { path: "bench sub", summary: "How fast it delivers them", load: () => import("./commands/bench/sub.ts") },
  { path: "bench conn", summary: "How fast it lets clients in", load: () => import("./commands/bench/conn.ts") },

  { path: "context list", summary: "List them", load: () => import("./commands/context/list.ts") },
  { path: "context use", summary: "Choose the one to work with", load: () => import("./commands/context/use.ts") },
  { path: "context show", summary: "Show one", load: () => import("./commands/context/show.ts") },
  {
    path: "config explain",
    summary: "Say where each setting comes from",
    load: () => import("./commands/config/explain.ts"),
  },
  { path: "explain", summary: "Say what a code means", load: () => import("./commands/explain.ts") },

  {
    path: "data check",
    summary: "Look whether a data folder is as it was written, and repair it",
    load: () => import("./commands/data/check.ts"),
  },
  { path: "data compact", summary: "Make a data folder smaller", load: () => import("./commands/data/compact.ts") },
  { path: "data export", summary: "Write all data as lines of JSON", load: () => import("./commands/data/export.ts") },
  { path: "data import", summary: "Make a data folder of an export", load: () => import("./commands/data/import.ts") },

  { path: "doctor", summary: "Look at everything that has to be right", load: () => import("./commands/doctor.ts") },
  {
    path: "completion",
    summary: "Print what a shell needs to complete commands and names",
    load: () => import("./commands/completion.ts"),
  },
  {
    path: "__complete",
    summary: "For the scripts of completion",
    hidden: true,
    load: () => import("./commands/complete.ts"),
  },

  // As `wrangler pubsub` has them.
  { path: "broker issue", summary: "Issue tokens", hidden: true, load: () => import("./commands/token/issue.ts") },
  { path: "broker revoke", summary: "Revoke tokens", hidden: true, load: () => import("./commands/token/revoke.ts") },
  {
    path: "broker unrevoke",
    summary: "Unrevoke tokens",
    hidden: true,
    load: () => import("./commands/token/unrevoke.ts"),
  },
  {
    path: "broker show-revocations",
    summary: "List revoked tokens",
    hidden: true,
    load: () => import("./commands/token/revocations.ts"),
  },
];
