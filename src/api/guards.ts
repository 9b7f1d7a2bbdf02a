/** What every request has to pass before anything else looks at it. */
import type { MiddlewareHandler } from "hono";
import { type Caller, identify } from "./caller.ts";
import type { ApiDependencies } from "./dependencies.ts";
import { failWith } from "./envelope.ts";

const LOOPBACK_NAME = /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Refuses names that are not ours; see `ApiDependencies.allowedHosts`. */
export function guardHost(allowedHosts: readonly string[] | undefined): MiddlewareHandler {
  return async (context, next) => {
    const host = context.req.header("host") ?? new URL(context.req.url).host;
    const name = host.replace(/:\d+$/, "").replace(/\.$/, "").toLowerCase();
    if (allowedHosts !== undefined && !LOOPBACK_NAME.test(name) && !allowedHosts.includes(name)) {
      return failWith("host-not-allowed", [`${name || "an empty Host header"} is not a name of this server`]);
    }
    return await next();
  };
}

/** `Authorization: Bearer TOKEN`, or Cloudflare's older `X-Auth-Key` with any `X-Auth-Email`. */
export function guardToken(dependencies: ApiDependencies): MiddlewareHandler<{ Variables: { caller: Caller } }> {
  return async (context, next) => {
    const bearer = /^Bearer +(\S+) *$/i.exec(context.req.header("authorization") ?? "")?.[1];
    const key = context.req.header("x-auth-email") ? context.req.header("x-auth-key") : undefined;
    const token = bearer ?? key;
    if (token === undefined) return failWith("not-authenticated", undefined, { "www-authenticate": "Bearer" });
    const caller = identify(dependencies, token);
    if (caller === undefined) return failWith("wrong-api-token");
    context.set("caller", caller);
    return await next();
  };
}
