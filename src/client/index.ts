export { type Client, type StreamPosition, createClient } from "./client.ts";
export { ApiError } from "./errors.ts";
export { type Fetch, fetchOverHttp } from "./http.ts";
