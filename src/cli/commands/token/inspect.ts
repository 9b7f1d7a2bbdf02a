import { createPublicKey, verify } from "node:crypto";
import type { CommandContext } from "../../context.ts";
import { defineCommand } from "../../command.ts";
import { usageError } from "../../errors.ts";
import { type DecodedToken, decodeToken } from "../../settings/jwt.ts";
import { type TokenOptions, readAll, readToken } from "../../settings/secrets.ts";
import { formatFields, printable } from "../../output/table.ts";
import { type MomentOptions, addMomentOption, createMomentWithDistance } from "../../output/time-style.ts";

/** What the server knows about a token; undefined where it could not be asked. */
interface Standing {
  signature: "valid" | "invalid" | "unknown key";
  revoked: boolean;
}

export default defineCommand<TokenOptions & MomentOptions>({
  examples: ["token inspect --token-file terminal-7.jwt", "token inspect -      reads it from standard input"],

  configure(command) {
    command
      .description(
        "Show what a token says, without a server. Where its broker's server is reachable, also whether the signature is " +
          "right and whether it was revoked.",
      )
      .argument("[token]", "the token, or - to read it from standard input (default: PUBSUB_TOKEN)")
      .option("--token-file <file>", "file that has the token");
    addMomentOption(command);
  },

  async run(context, [argument], options) {
    const given = await tokenText(context, argument as string | undefined, options);
    const token = decodeToken(given);
    if (!token)
      throw usageError("this is not a token", "a token is three parts in base64url with a dot between each two");
    const standing = await askServer(context, given.trim(), token);
    const { header, claims } = token;
    const expired = isExpired(claims, context.now());
    const formatTime = createMomentWithDistance(context, options.time);
    const text = describe(context, token, expired, formatTime, standing);
    context.output.document({ header, claims, expired, ...standing }, text);
  },
});

async function tokenText(
  context: CommandContext,
  argument: string | undefined,
  options: TokenOptions,
): Promise<string> {
  if (argument === "-") return (await readAll(context.stdin, context.signal)).toString("utf8");
  const text = argument ?? (await readToken(context, options));
  if (text === undefined) throw usageError("no token is named", "name it, or write - to read it from standard input");
  return text;
}

function isExpired(claims: DecodedToken["claims"], now: Date): boolean {
  return typeof claims["exp"] === "number" && claims["exp"] * 1000 <= now.getTime();
}

/** Never fails: what a token says can be shown without a server. */
async function askServer(context: CommandContext, text: string, token: DecodedToken): Promise<Standing | undefined> {
  const { iss: namespace, aud: broker, jti } = token.claims;
  if (typeof namespace !== "string" || typeof broker !== "string") return undefined;
  try {
    const client = await context.client();
    const [{ keys }, revocations] = await Promise.all([
      client.listPublicKeys({ namespace, broker }),
      client.listRevocations({ namespace, broker }),
    ]);
    const key = keys.find(({ kid }) => kid === token.header["kid"]);
    const signature = !key ? "unknown key" : hasValidSignature(text, key) ? "valid" : "invalid";
    return { signature, revoked: typeof jti === "string" && revocations.includes(jti) };
  } catch {
    return undefined;
  }
}

/** Ed25519 (RFC 8037) over the first two parts as they are written. */
function hasValidSignature(text: string, { kty, crv, x }: { kty: string; crv: string; x: string }): boolean {
  const [header, claims, signature] = text.split(".") as [string, string, string];
  const key = createPublicKey({ key: { kty, crv, x }, format: "jwk" });
  return verify(null, Buffer.from(`${header}.${claims}`), key, Buffer.from(signature, "base64url"));
}

function describe(
  context: CommandContext,
  token: DecodedToken,
  expired: boolean,
  formatTime: (time: Date) => string,
  standing?: Standing,
): string {
  const { header, claims } = token;
  const { out } = context.output;
  const text = (value: unknown) => {
    if (value === undefined) return undefined;
    return printable(typeof value === "string" ? value : JSON.stringify(value));
  };
  const time = (value: unknown) => {
    if (typeof value !== "number") return text(value);
    return formatTime(new Date(value * 1000));
  };
  const known = ["sub", "iss", "aud", "jti", "topicAcl", "iat", "nbf", "exp"];
  const rest = Object.entries(claims).filter(([name]) => !known.includes(name));
  return formatFields([
    ["client id", text(claims["sub"])],
    ["namespace", text(claims["iss"])],
    ["broker", text(claims["aud"])],
    ["token id (jti)", text(claims["jti"])],
    ["topics", topicsText(claims["topicAcl"])],
    ["issued", time(claims["iat"])],
    ["not before", time(claims["nbf"])],
    ["expires", claims["exp"] === undefined ? "never" : time(claims["exp"])],
    ["state", expired ? out.red("expired") : out.green("not expired")],
    ["signature", standing && (standing.signature === "valid" ? out.green("valid") : out.red(standing.signature))],
    ["revoked", standing && (standing.revoked ? out.red("yes") : out.green("no"))],
    ["algorithm", text(header["alg"])],
    ["key id", text(header["kid"])],
    ...rest.map(([name, value]): [string, string | undefined] => [name, text(value)]),
  ]);
}

function topicsText(topicAcl: unknown): string | undefined {
  if (topicAcl === undefined) return undefined;
  return printable(typeof topicAcl === "string" ? topicAcl : JSON.stringify(topicAcl));
}
