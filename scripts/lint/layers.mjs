/**
 * Which layer of src/ may import what: ARCHITECTURE.md's import rules as one table. The linter's rule
 * `layers/imports` reads it, and test/lint/layers.test.ts plants a violation of each kind.
 *
 * A layer is a folder or a single file of src/. `imports` names what it may import: a layer, or one module of a
 * layer such as `broker/ports`. `types` names what it may import with `import type` only. `packages` and `node` say
 * whether npm packages and Node's own modules are open to it: all (true), none (left out), or those in the list.
 * `pure` layers also do without clock, timers, randomness and `await` (rule `layers/pure`).
 */
export const layers = {
  codec: { pure: true },
  expression: { pure: true },
  broker: { imports: ["codec", "expression"], pure: true },

  errors: {},
  lazy: {},
  "signal-handlers": { node: true },
  listen: { imports: ["errors"], node: true },
  contract: { packages: ["zod"] },

  "analytics/sql": { pure: true },
  analytics: { imports: ["analytics/sql"], node: true },
  auth: { imports: ["errors"], types: ["broker/ports", "codec"], packages: true, node: true },
  store: { imports: ["errors"], types: ["broker/ports", "codec", "auth", "hooks"], packages: true, node: true },
  hooks: {
    imports: ["auth/topic-filter", "broker/queue", "errors", "signal-handlers"],
    types: ["broker/ports", "codec"],
    packages: true,
    node: true,
  },
  transport: { imports: ["errors", "lazy", "listen"], packages: true, node: true },

  runtime: {
    imports: ["broker", "codec", "errors"],
    types: ["auth", "hooks", "store", "transport"],
    packages: true,
    node: true,
  },
  api: {
    imports: ["auth", "contract", "errors", "lazy", "listen", "store"],
    types: ["broker/ports", "hooks", "runtime"],
    packages: true,
    node: true,
  },

  "hook-testing": {
    imports: ["api/content", "auth", "errors", "hooks", "listen"],
    types: ["broker/ports", "contract"],
    packages: true,
    node: true,
  },

  client: { imports: ["contract", "errors"], packages: true, node: true },
  cli: { imports: ["client", "codec", "contract", "errors", "signal-handlers"], packages: true, node: true },
  // The commands that run a server in their own process, and nothing else, may reach it.
  "cli/commands/dev": { imports: ["app", "cli", "client", "contract", "errors"], packages: true, node: true },
  "cli/commands/serve": { imports: ["app", "cli", "client", "contract", "errors"], packages: true, node: true },
  "cli/server/dev-worker": { imports: ["cli", "errors"], types: ["app"], packages: true, node: true },
  "cli/server/server-command": { imports: ["cli", "errors"], types: ["app"], packages: true, node: true },
  // test and replay ask a hook without a broker.
  "cli/commands/hook": { imports: ["cli", "client", "contract", "errors", "hook-testing"], packages: true, node: true },
  // It starts brokers of its own.
  "cli/commands/test": { imports: ["cli", "errors", "testing"], packages: true, node: true },
  "cli/hook": { imports: ["cli", "contract", "errors", "hook-testing"], packages: true, node: true },
  // They work on a data folder, without a server.
  "cli/commands/data": { imports: ["cli", "errors", "store"], packages: true, node: true },

  // Part of the composition root: joins tokens, catalogue and broker for each CONNECT.
  admission: { imports: ["auth", "codec", "errors"], types: ["broker/ports", "runtime", "store"] },
  // Likewise: joins settings, keys and hooks for each broker.
  "broker-hooks": { imports: ["auth", "hooks"], types: ["admission", "runtime", "store"] },
  // Likewise: the broker that `pubsub dev` works with.
  "own-broker": { imports: ["api", "auth"], types: ["contract", "store"], packages: true },
  // Likewise: a broker for tests, and everything around it.
  testing: { imports: "everything", packages: true, node: true },
  // Likewise: TLS.
  secure: { imports: ["auth", "errors", "transport"], types: ["broker", "store"] },
  // The composition root.
  app: { imports: "everything", packages: true, node: true },
};
