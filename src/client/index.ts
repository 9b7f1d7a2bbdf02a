export { type Client, createClient } from "./client.ts";
export { ApiError } from "./errors.ts";
