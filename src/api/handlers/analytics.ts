import type { ApiDependencies } from "../dependencies.ts";
import type { Handlers } from "../handler.ts";

/** As Cloudflare answers: what came of the query as it is, or a text with the status 422. */
async function respond({ queryAnalytics }: ApiDependencies, query: string): Promise<Response> {
  const answer = await queryAnalytics(query);
  if ("refused" in answer) {
    return new Response(`Input was invalid: ${answer.refused}\n`, {
      status: 422,
      headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" },
    });
  }
  const { body, contentType, remarks } = answer;
  const headers = { "content-type": contentType, "cache-control": "no-store" };
  return new Response(body, {
    headers: remarks.length === 0 ? headers : { ...headers, "x-pubsub-remarks": remarks.join(", ") },
  });
}

export const analyticsHandlers: Handlers<"queryAnalytics" | "getAnalytics"> = {
  queryAnalytics: async ({ body }, dependencies) => await respond(dependencies, body),
  getAnalytics: async ({ query: { query } }, dependencies) => await respond(dependencies, query),
};
