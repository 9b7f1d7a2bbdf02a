/** The limits of a broker, set through the API, as its clients meet them. */
import { connectAsync } from "mqtt";
import { expect, onTestFinished, test } from "vitest";
import { startServer } from "../../src/app.ts";
import { createClient } from "../../src/client/index.ts";

test("the profile cloudflare-beta is enforced; a change holds for the next client", async () => {
  const server = await startServer({ version: "test", port: 0, wsPort: 0, apiPort: 0 });
  onTestFinished(() => server.close());
  const api = createClient({ baseUrl: server.api, apiToken: server.apiToken });
  const at = { namespace: "local", broker: "dev" };
  await api.createNamespace({ name: "local" });
  await api.createBroker({ namespace: "local", name: "dev", limits: { profile: "cloudflare-beta" } });
  const open = async () => {
    const [clientId, password] = Object.entries(await api.issueCredentials(at))[0]!;
    const client = await connectAsync(server.mqtt, {
      protocolVersion: 5,
      clientId,
      username: "x",
      password,
      reconnectPeriod: 0,
    });
    onTestFinished(() => client.endAsync(true));
    return client;
  };
  const client = await open();
  const disconnected = new Promise((resolve) => client.on("disconnect", (packet) => resolve(packet.reasonCode)));
  for (let i = 0; i < 11; i++) client.publish("t", "x");
  expect(await disconnected).toBe(0x96);

  await api.updateBroker({ ...at, limits: { packetBytesMax: 1000 } });
  const second = await open();
  const tooLarge = new Promise((resolve) => second.on("disconnect", (packet) => resolve(packet.reasonCode)));
  for (let i = 0; i < 20; i++) second.publish("t", "x");
  second.publish("t", Buffer.alloc(2000));
  expect(await tooLarge).toBe(0x95);
});
