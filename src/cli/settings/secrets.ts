/** Tokens from where they do not show in the list of processes or in the shell's history. */
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import type { CommandContext, InputStream } from "../context.ts";
import { usageError } from "../errors.ts";
import { UserError } from "../../errors.ts";

export interface TokenOptions {
  token?: string;
  tokenFile?: string;
  tokenStdin?: boolean;
}

export function addTokenOptions(command: Command): void {
  command
    .option("-P, --token <token>", "the client's token; others on this machine can see it there (better: PUBSUB_TOKEN)")
    .option("--token-file <file>", "file that has the token")
    .option("--token-stdin", "read the token from standard input");
}

/** The token that the options or the environment name; undefined where none is. */
export async function readToken(context: CommandContext, options: TokenOptions): Promise<string | undefined> {
  const { token, tokenFile, tokenStdin } = options;
  if ([token, tokenFile, tokenStdin].filter((source) => source !== undefined).length > 1) {
    throw usageError("--token, --token-file and --token-stdin exclude each other");
  }
  if (token !== undefined) {
    context.output.warn(
      "a token on the command line shows in the list of processes and in the shell's history",
      "better: PUBSUB_TOKEN, --token-file or --token-stdin",
    );
    return token;
  }
  if (tokenFile !== undefined) return requireText((await readFileOrExplain(tokenFile)).toString("utf8"), tokenFile);
  if (tokenStdin) return requireText((await readAll(context.stdin, context.signal)).toString("utf8"), "standard input");
  return context.env["PUBSUB_TOKEN"] || undefined;
}

function requireText(text: string, source: string): string {
  const trimmed = text.trim();
  if (trimmed === "") throw usageError(`there is no token in ${source}`);
  return trimmed;
}

/** @throws {UserError} `file-unreadable` */
export async function readFileOrExplain(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw unreadable(file, error);
  }
}

export function unreadable(file: string, error: unknown): UserError {
  const { code } = error as NodeJS.ErrnoException;
  const reason = { ENOENT: "there is no such file", EISDIR: "it is a folder", EACCES: "it may not be read" }[
    code ?? ""
  ];
  return new UserError("file-unreadable", `cannot read ${file}: ${reason ?? code}`, "check the path", { cause: error });
}

/** Everything that comes before the end of the input. @throws the signal's reason where it aborts before */
export async function readAll(input: InputStream, signal: AbortSignal): Promise<Buffer> {
  signal.throwIfAborted();
  const abort = () => input.destroy(signal.reason as Error);
  signal.addEventListener("abort", abort, { once: true });
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of input) chunks.push(Buffer.from(chunk as Buffer | string));
    return Buffer.concat(chunks);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
