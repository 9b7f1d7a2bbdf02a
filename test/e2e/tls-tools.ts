/** TLS clients for tests: MQTT.js with certificates, and certificates of authorities that nobody knows. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type IClientOptions, type MqttClient, connectAsync } from "mqtt";
import { onTestFinished } from "vitest";
import { type CertificateAndKey, makeAuthority, makeCertificate } from "../../src/auth/certificate-maker.ts";
import { type Ready, type ReadyServer, type World, callApi } from "./world.ts";

export interface ClientCertificate extends CertificateAndKey {
  id: string;
  ca: string;
  expires_on: string;
}

/** Connects with MQTT.js, trusting the server's authority; rejects where the broker refuses. */
export async function connectSecurely(
  ready: ReadyServer,
  options: IClientOptions = {},
  url: string = ready.mqtts,
): Promise<MqttClient> {
  const client = await connectAsync(
    url,
    {
      protocolVersion: 5,
      username: "anything",
      reconnectPeriod: 0,
      ...(ready.ca !== undefined && { ca: readFileSync(ready.ca) }),
      ...options,
    },
    false,
  );
  client.on("error", () => {});
  onTestFinished(() => client.endAsync(true));
  return client;
}

/** MQTT.js names a certificate's parts thus. */
export const shown = ({ certificate, privateKey }: CertificateAndKey): IClientOptions => ({
  cert: certificate,
  key: privateKey,
});

/** What a refused connection is told: reason code and text. */
export async function refusal(connecting: Promise<MqttClient>): Promise<[code: number, reason: string]> {
  const result = await connecting.then(
    () => undefined,
    (error: Error & { code?: number; packet?: { properties?: { reasonString?: string } } }) => error,
  );
  if (result === undefined) throw new Error("the broker let the client in");
  if (typeof result.code !== "number") throw result;
  return [result.code, result.message];
}

/** Resolves with the reason code of the server's DISCONNECT. */
export function disconnected(client: MqttClient): Promise<number> {
  return new Promise((resolve) => {
    client.once("disconnect", (packet) => resolve(packet.reasonCode ?? 0));
  });
}

/** Sends one message from one client to another, at QoS 1. */
export async function exchange(from: MqttClient, to: MqttClient, topic = "t"): Promise<string> {
  const arrived = new Promise<string>((resolve) => {
    to.once("message", (_topic, payload) => resolve(payload.toString()));
  });
  await to.subscribeAsync(topic, { qos: 1 });
  await from.publishAsync(topic, "over TLS", { qos: 1 });
  return await arrived;
}

export async function createBroker(ready: Ready, name: string, authType: string): Promise<Ready> {
  await callApi(ready, "POST", `/${ready.namespace}/brokers`, { name, authType });
  return { ...ready, broker: name };
}

export async function issueCertificate(ready: Ready, clientId: string, query = ""): Promise<ClientCertificate> {
  const path = `/${ready.namespace}/brokers/${ready.broker}/credentials?type=MTLS&clientid=${clientId}${query}`;
  return (await callApi<Record<string, ClientCertificate>>(ready, "GET", path))[clientId]!;
}

const DAY_MS = 86_400_000;
const validity = () => ({ notBefore: new Date(Date.now() - DAY_MS), notAfter: new Date(Date.now() + DAY_MS) });

export async function makeOtherAuthority(): Promise<CertificateAndKey> {
  return await makeAuthority("somebody else", validity());
}

export async function makeServerCertificate(authority: CertificateAndKey): Promise<CertificateAndKey> {
  const names = [
    { type: "dns" as const, value: "localhost" },
    { type: "ip" as const, value: "127.0.0.1" },
  ];
  return await makeCertificate(authority, { ...validity(), commonName: "localhost", purpose: "server", names });
}

export async function makeClientCertificate(
  authority: CertificateAndKey,
  clientId: string,
): Promise<CertificateAndKey> {
  const names = [{ type: "dns" as const, value: "localhost" }];
  return await makeCertificate(authority, { ...validity(), commonName: clientId, purpose: "client", names });
}

/** Writes a file into the world's folder. */
export function writeTo(world: World, name: string, text: string): string {
  const file = join(world.folder, name);
  writeFileSync(file, text);
  return file;
}
