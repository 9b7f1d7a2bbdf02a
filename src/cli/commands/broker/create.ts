import type { Broker } from "../../../contract/types.ts";
import { defineCommand } from "../../command.ts";
import { parseExpiration } from "../../duration.ts";
import { addNamespaceOption, checkName, resolveNamespace } from "../../settings/names.ts";
import { oneOf } from "../../option-parsers.ts";
import { type PrefixedHookOptions, addHookOptions, hookOf } from "../../server/hook-options.ts";
import { type LimitOptions, addLimitOptions, limitsOfOptions } from "../../server/limit-options.ts";
import { type MomentOptions, addMomentOption, createMomentFormat } from "../../output/time-style.ts";
import { brokerFields } from "./describe.ts";

interface Options extends LimitOptions, PrefixedHookOptions, MomentOptions {
  namespace?: string;
  description?: string;
  expiration?: string;
  onPublishUrl?: string;
  authType?: Broker["authType"];
  ifNotExists?: boolean;
}

export default defineCommand<Options>({
  examples: [
    "broker create orders",
    "broker create orders --namespace shop --on-publish-url http://127.0.0.1:8787/ --expiration 48h",
    "broker create orders --if-not-exists      for scripts that run again",
  ],

  configure(command) {
    command.argument("<name>", "letters, digits and hyphens; upper and lower case are the same");
    addNamespaceOption(command);
    command
      .option("--description <text>", "what it is for")
      .option(
        "--exp, --expiration <duration>",
        "how long its tokens are good for at most: 90s, 48h, 7d, 1mo, 1y (default: for ever)",
      )
      .option("--on-publish-url <url>", "HTTP endpoint that sees every message before subscribers do")
      .option(
        "--auth-type <type>",
        "how clients prove who they are: TOKEN, MTLS (with a certificate) or MTLS_AND_TOKEN (default: TOKEN)",
        oneOf("--auth-type", ["TOKEN", "MTLS", "MTLS_AND_TOKEN"]),
      )
      .option(
        "--if-not-exists",
        "be content with one of that name that is there; one with other settings than those named is an error",
      );
    addHookOptions(command, "hook-");
    addLimitOptions(command);
    addMomentOption(command);
  },

  async run(context, [name], options) {
    const { description, expiration, onPublishUrl, authType } = options;
    const limits = limitsOfOptions(options);
    const hook = hookOf(onPublishUrl, options);
    const checked = checkName(name as string, "broker");
    const settings = {
      ...(limits && { limits }),
      ...(description !== undefined && { description }),
      ...(expiration !== undefined && { expiration: parseExpiration(expiration) }),
      ...(authType !== undefined && { authType }),
      ...(hook !== undefined && { on_publish: hook }),
    };
    const client = await context.client();
    const namespace = await resolveNamespace(context, client, options.namespace);
    const broker = options.ifNotExists
      ? await client.ensureBroker({ namespace, broker: checked, ...settings })
      : await client.createBroker({ namespace, name: checked, ...settings });
    context.output.document(broker, brokerFields(broker, namespace, createMomentFormat(context, options.time)));
  },
});
