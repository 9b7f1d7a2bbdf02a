export { type Client, type StreamPosition, createClient } from "./client.ts";
export { ApiError } from "./errors.ts";
