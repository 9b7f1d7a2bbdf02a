import { Hono } from "hono";
import { openApiDocument } from "../contract/openapi.ts";
import { type Operation, operations } from "../contract/operations.ts";
import { BASE_PATH, type OperationName, type Route, routes } from "../contract/routes.ts";
import { type ErrorName, apiErrors } from "../contract/errors.ts";
import { CatalogueError } from "../store/index.ts";
import { type Caller, authorize } from "./caller.ts";
import type { ApiDependencies } from "./dependencies.ts";
import { failWith, paginate, succeed } from "./envelope.ts";
import { etagOf } from "./etag.ts";
import { ApiFailure } from "./failure.ts";
import { guardHost, guardToken } from "./guards.ts";
import { Created, type Handlers } from "./handler.ts";
import { accountHandlers } from "./handlers/accounts.ts";
import { analyticsHandlers } from "./handlers/analytics.ts";
import { apiTokenHandlers } from "./handlers/api-tokens.ts";
import { brokerHandlers } from "./handlers/brokers.ts";
import { credentialHandlers } from "./handlers/credentials.ts";
import { eventHandlers } from "./handlers/events.ts";
import { hookHandlers } from "./handlers/hooks.ts";
import { logHandlers } from "./handlers/logs.ts";
import { messageHandlers } from "./handlers/messages.ts";
import { namespaceHandlers } from "./handlers/namespaces.ts";
import { publicKeyHandlers } from "./handlers/public-keys.ts";
import { retainedHandlers } from "./handlers/retained.ts";
import { revocationHandlers } from "./handlers/revocations.ts";
import { sessionHandlers } from "./handlers/sessions.ts";
import { statusHandlers } from "./handlers/status.ts";
import { type LooseInput, readInput } from "./input.ts";
import { METRICS_TYPE, renderMetrics } from "./metrics.ts";

const handlers: Handlers = {
  ...namespaceHandlers,
  ...brokerHandlers,
  ...hookHandlers,
  ...credentialHandlers,
  ...revocationHandlers,
  ...publicKeyHandlers,
  ...messageHandlers,
  ...retainedHandlers,
  ...sessionHandlers,
  ...eventHandlers,
  ...logHandlers,
  ...analyticsHandlers,
  ...accountHandlers,
  ...apiTokenHandlers,
  ...statusHandlers,
};

export type Application = Hono<{ Variables: { caller: Caller } }>;

/** The management API as an HTTP application: the contract's operations under `/client/v4`. */
export function createApi(dependencies: ApiDependencies): Application {
  const app: Application = new Hono({ strict: false });
  app.use(guardHost(dependencies.allowedHosts));
  // Says nothing about this server, and tools fetch it without a token.
  app.get("/openapi.json", () => Response.json(openApiDocument()));
  app.use(guardToken(dependencies));
  for (const name of Object.keys(routes) as OperationName[]) addOperation(app, name, dependencies);
  app.get("/metrics", (context) => {
    const headers = { "content-type": METRICS_TYPE, "cache-control": "no-store" };
    return new Response(renderMetrics(dependencies, context.get("caller")), { headers });
  });
  for (const [path, methods] of methodsByPath()) {
    const message = `this URI takes ${methods.join(", ")}`;
    app.all(path, () => failWith("method-not-allowed", [message], { allow: methods.join(", ") }));
  }
  app.notFound((context) => failWith("no-such-route", [`no route for ${new URL(context.req.url).pathname}`]));
  app.onError((error) => failureResponse(error, dependencies.log));
  return app;
}

/** In Hono's notation. */
function honoPath(route: Route): string {
  return BASE_PATH + route.path.replace(/\{(\w+)\}/g, ":$1");
}

function methodsByPath(): Map<string, string[]> {
  const methods = new Map<string, string[]>();
  for (const route of Object.values<Route>(routes)) {
    const path = honoPath(route);
    methods.set(path, [...(methods.get(path) ?? []), route.method]);
  }
  return methods;
}

/** What all operations have in common once their types are checked: see `Handlers`. */
type LooseHandler = (input: LooseInput, dependencies: ApiDependencies, caller: Caller) => unknown;

function addOperation(app: Application, name: OperationName, dependencies: ApiDependencies): void {
  const route: Route = routes[name];
  const operation: Operation = operations[name];
  const handle = handlers[name] as LooseHandler;
  app.on(route.method, honoPath(route), async (context, next) => {
    // Hono answers HEAD like GET and throws the body away, which would leave a stream that nobody ends.
    if (context.req.raw.method === "HEAD") return await next();
    const caller = context.get("caller");
    const input = await readInput(context, route, operation);
    requireAccount(input.params, dependencies);
    authorize(caller, route, input.params, dependencies.catalogue);
    const outcome = await handle(input, dependencies, caller);
    const [result, status] = outcome instanceof Created ? [outcome.result, 201 as const] : [outcome, 200 as const];
    if (route.stream || route.text) return result as Response;
    if (route.query === undefined || !("page" in route.query)) {
      return succeed(result, undefined, route.etag ? { etag: etagOf(result) } : {}, status);
    }
    const { page, per_page: perPage } = input.query as { page: number; per_page: number };
    const { result: entries, resultInfo } = paginate(result as readonly unknown[], page, perPage);
    return succeed(entries, resultInfo);
  });
}

function requireAccount(params: LooseInput["params"], { catalogue }: ApiDependencies): void {
  const { account } = params;
  if (account !== undefined && account !== catalogue.accountId) {
    throw new ApiFailure("account-not-found", `no account ${account}`);
  }
}

function failureResponse(error: Error, log: ApiDependencies["log"]): Response {
  if (error instanceof ApiFailure) return failWith(error.errorName, error.messages);
  if (error instanceof CatalogueError) {
    // The codes of the catalogue are names of the contract.
    const name: ErrorName = error.code;
    if (apiErrors[name].status >= 500) log(`${error.message}: ${String(error.cause)}`);
    return failWith(name, [error.message]);
  }
  log(`a request to the API failed: ${error.stack ?? error.message}`);
  return failWith("internal-error");
}
