import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { configurationFolder } from "../../src/cli/settings/configuration.ts";
import { resolveSettings } from "../../src/cli/settings/settings.ts";
import { temporaryFolder } from "../setup/temporary-folder.ts";
import { devContext, pubsub } from "./world.ts";

function folderWith(configuration: unknown): string {
  const folder = temporaryFolder();
  const text = typeof configuration === "string" ? configuration : JSON.stringify(configuration);
  writeFileSync(path.join(folder, "config.json"), text);
  return folder;
}
const configured = () => ({ PUBSUB_CONFIG_DIR: folderWith({ current: "dev", contexts: { dev: devContext } }) });

describe("settings", () => {
  it("come from the configuration", () => {
    expect(resolveSettings({}, configured())).toMatchObject({
      api: devContext.api,
      apiToken: "api-token",
      accountId: devContext.accountId,
      namespace: "local",
      broker: "dev",
      context: devContext,
    });
  });

  it("come from the environment before that, from flags before both", () => {
    const env = { ...configured(), PUBSUB_NAMESPACE: "env-ns", PUBSUB_BROKER: "env-b", PUBSUB_API_TOKEN: "env-token" };
    expect(resolveSettings({}, env)).toMatchObject({ namespace: "env-ns", broker: "env-b", apiToken: "env-token" });
    const flags = { namespace: "flag-ns", broker: "flag-b", apiToken: "flag-token" };
    expect(resolveSettings(flags, env)).toMatchObject(flags);
  });

  it("are defaults where nobody says anything", () => {
    const settings = resolveSettings({}, { PUBSUB_CONFIG_DIR: temporaryFolder() });
    expect(settings).toMatchObject({ api: "http://127.0.0.1:8880/client/v4", apiIsDefault: true });
    expect(settings.apiToken).toBeUndefined();
  });

  it("give the token of one server to no other", () => {
    const settings = resolveSettings({ apiUrl: "http://other:8880/client/v4" }, configured());
    expect(settings.api).toBe("http://other:8880/client/v4");
    expect([settings.apiToken, settings.accountId, settings.namespace, settings.broker]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect(resolveSettings({ apiUrl: `${devContext.api}/` }, configured()).apiToken).toBe("api-token");
  });

  it("do not take the broker of another namespace", () => {
    expect(resolveSettings({ namespace: "shop" }, configured()).broker).toBeUndefined();
    expect(resolveSettings({ namespace: "LOCAL" }, configured()).broker).toBe("dev");
    const env = { ...configured(), PUBSUB_BROKER: "orders" };
    expect(resolveSettings({ namespace: "shop" }, env).broker).toBe("orders");
    expect(resolveSettings({ namespace: "shop" }, { ...env, PUBSUB_NAMESPACE: "other" }).broker).toBeUndefined();
  });
});

describe("a configuration file", () => {
  it.each([
    ["{", "is not JSON"],
    ["[]", "is not a JSON object"],
    ['{"contexts":{"dev":{}}}', "does not have the form"],
    ['{"current":1}', "does not have the form"],
  ])("%s that is wrong is said with a remedy", async (text, message) => {
    const folder = folderWith(text);
    const { code, stderr } = await pubsub(["namespace", "list"], { env: { PUBSUB_CONFIG_DIR: folder } });
    expect(code).toBe(1);
    expect(stderr).toContain(message);
    expect(stderr).toContain(path.join(folder, "config.json"));
    expect(stderr).toContain("delete it");
    expect(stderr.trimEnd().split("\n")).toHaveLength(2);
  });

  it("that cannot be read is said too", async () => {
    const folder = temporaryFolder();
    mkdirSync(path.join(folder, "config.json"));
    const { code, stderr } = await pubsub(["namespace", "list"], { env: { PUBSUB_CONFIG_DIR: folder } });
    expect(code).toBe(1);
    expect(stderr).toContain("EISDIR");
  });

  it("without contexts is no mistake", () => {
    expect(resolveSettings({}, { PUBSUB_CONFIG_DIR: folderWith({}) }).apiIsDefault).toBe(true);
  });

  it.each<[NodeJS.Platform, Record<string, string>, string]>([
    ["linux", { HOME: "/home/u" }, "/home/u/.config/pubsub"],
    ["linux", { HOME: "/home/u", XDG_CONFIG_HOME: "/x" }, "/x/pubsub"],
    ["darwin", { HOME: "/Users/u" }, "/Users/u/Library/Preferences/pubsub"],
    ["linux", { HOME: "/home/u", PUBSUB_CONFIG_DIR: "/y" }, "/y"],
  ])("is on %s with %o in %s", (platform, env, folder) => {
    expect(configurationFolder(env, platform)).toBe(folder);
  });
});
