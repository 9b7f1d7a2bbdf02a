/** Mutual TLS: clients that prove with certificates who they are. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  connectSecurely,
  createBroker,
  disconnected,
  exchange,
  issueCertificate,
  makeClientCertificate,
  makeOtherAuthority,
  refusal,
  shown,
  writeTo,
} from "./tls-tools.ts";
import { type Ready, World, brokerPath, callApi, hasMosquitto, issueToken, portOf } from "./world.ts";

const NOT_AUTHORIZED = 0x87;
const CLIENT_ID_NOT_VALID = 0x85;
const BAD_USER_NAME_OR_PASSWORD = 0x86;

async function startWith(authType: string): Promise<Ready & { world: World }> {
  const world = await World.create();
  return { ...(await createBroker(await world.dev(), "secure", authType)), world };
}

const revoke = (ready: Ready, id: string) => callApi(ready, "POST", `${brokerPath(ready)}/revocations?jti=${id}`);
const open = (ready: Ready, options = {}, url = ready.mqtts) =>
  connectSecurely(ready, { username: "x", ...options }, url);

describe("a broker with the authType MTLS", () => {
  test("lets in who has a certificate of it, over TLS and secure WebSocket, without a password", async () => {
    const ready = await startWith("MTLS");
    const one = await open(ready, { clientId: "meter", ...shown(await issueCertificate(ready, "meter")) });
    const other = await issueCertificate(ready, "other");
    const two = await open(ready, { clientId: "other", ...shown(other) }, ready.wss);
    expect(await exchange(one, two)).toBe("over TLS");
  });

  test("nobody else", async () => {
    const ready = await startWith("MTLS");
    const mine = await issueCertificate(ready, "meter");
    const neighbour = await createBroker(ready, "neighbour", "MTLS");
    const foreign = await makeClientCertificate(await makeOtherAuthority(), "meter");
    const servername = "secure.local.localhost";
    const outcome = (options: object) => refusal(open(ready, { servername, clientId: "meter", ...options }));
    expect((await outcome({}))[0]).toBe(NOT_AUTHORIZED);
    expect((await outcome({ password: await issueToken(ready, "meter") }))[0]).toBe(NOT_AUTHORIZED);
    expect((await outcome(shown(foreign)))[0]).toBe(NOT_AUTHORIZED);
    expect((await outcome(shown(await issueCertificate(neighbour, "meter"))))[0]).toBe(NOT_AUTHORIZED);
    expect((await outcome({ ...shown(mine), clientId: "somebody" }))[0]).toBe(CLIENT_ID_NOT_VALID);
    await open(ready, { servername, clientId: "meter", ...shown(mine) });
    expect((await refusal(open(ready, { password: "secret" })))[0]).toBe(BAD_USER_NAME_OR_PASSWORD);
  });

  test("a broker of the same name that is made anew takes no old certificates", async () => {
    const ready = await startWith("MTLS");
    const old = await issueCertificate(ready, "meter");
    await callApi(ready, "DELETE", brokerPath(ready));
    await createBroker(ready, "secure", "MTLS");
    expect((await refusal(open(ready, { clientId: "meter", ...shown(old) })))[0]).toBe(NOT_AUTHORIZED);
  });

  test("revoking disconnects at once and keeps out; unrevoking lets in again", async () => {
    const ready = await startWith("MTLS");
    const certificate = await issueCertificate(ready, "meter");
    const options = { clientId: "meter", ...shown(certificate) };
    const client = await open(ready, options);
    const bystander = await open(ready, { clientId: "b", ...shown(await issueCertificate(ready, "b")) });
    const gone = disconnected(client);
    await revoke(ready, certificate.id);
    expect(await gone).toBe(NOT_AUTHORIZED);
    expect((await refusal(open(ready, options)))[0]).toBe(NOT_AUTHORIZED);
    await bystander.publishAsync("t", "still here", { qos: 1 });
    await callApi(ready, "DELETE", `${brokerPath(ready)}/revocations?jti=${certificate.id}`);
    await open(ready, options);
  });

  test("a certificate that ends takes the connection with it, and lets nobody in again", async () => {
    const ready = await startWith("MTLS");
    const certificate = await issueCertificate(ready, "meter", "&expiration=2");
    const options = { clientId: "meter", ...shown(certificate) };
    const client = await open(ready, options);
    expect(await disconnected(client)).toBe(NOT_AUTHORIZED);
    expect((await refusal(open(ready, { servername: "secure.local.localhost", ...options })))[0]).toBe(NOT_AUTHORIZED);
  });

  test("the topics that a certificate allows", async () => {
    const ready = await startWith("MTLS");
    const certificate = await issueCertificate(ready, "meter", `&topicAcl=${encodeURIComponent("a/+/,'b")}&topicAcl=c`);
    const client = await open(ready, { clientId: "meter", ...shown(certificate) });
    await client.publishAsync("a/1/,'b", "", { qos: 1 });
    await client.publishAsync("c", "", { qos: 1 });
    await expect(client.publishAsync("a/1", "", { qos: 1 })).rejects.toMatchObject({ code: NOT_AUTHORIZED });
  });

  test("client ids of any kind", async () => {
    const ready = await startWith("MTLS");
    for (const clientId of ["meter.example.com", "ü, URI:mqtts://x/?client=y", "x".repeat(256), 'a"b\\c+d=e&f']) {
      const path = `${brokerPath(ready)}/credentials?type=MTLS&clientid=${encodeURIComponent(clientId)}`;
      const issued = await callApi<Record<string, { certificate: string; privateKey: string }>>(ready, "GET", path);
      await open(ready, { clientId, ...shown(issued[clientId]!) });
      expect((await refusal(open(ready, { clientId: "y", ...shown(issued[clientId]!) })))[0]).toBe(CLIENT_ID_NOT_VALID);
    }
  });
});

describe("a broker with the authType MTLS_AND_TOKEN", () => {
  test("asks for both, for the same client", async () => {
    const ready = await startWith("MTLS_AND_TOKEN");
    const certificate = shown(await issueCertificate(ready, "meter"));
    const password = await issueToken(ready, "meter");
    await open(ready, { clientId: "meter", password, ...certificate });
    const outcome = async (options: object) => (await refusal(open(ready, { clientId: "meter", ...options })))[0];
    expect(await outcome({ password })).toBe(NOT_AUTHORIZED);
    expect(await outcome(certificate)).toBe(NOT_AUTHORIZED);
    expect(await outcome({ ...certificate, password: "secret" })).toBe(BAD_USER_NAME_OR_PASSWORD);
    const otherToken = await issueToken(ready, "other");
    expect(await outcome({ ...certificate, password: otherToken })).toBe(NOT_AUTHORIZED);
    expect(await outcome({ clientId: "other", ...certificate, password: otherToken })).toBe(NOT_AUTHORIZED);
  });

  test("revoking either disconnects, and topics need the leave of both", async () => {
    const ready = await startWith("MTLS_AND_TOKEN");
    for (const which of ["certificate", "token"]) {
      const certificate = await issueCertificate(ready, "meter", "&topicAcl=a&topicAcl=b");
      const password = await issueToken(ready, "meter", "&topicAcl=b&topicAcl=c");
      const options = { clientId: "meter", password, ...shown(certificate) };
      const client = await open(ready, options);
      await client.publishAsync("b", "", { qos: 1 });
      await expect(client.publishAsync("a", "", { qos: 1 })).rejects.toMatchObject({ code: NOT_AUTHORIZED });
      await expect(client.publishAsync("c", "", { qos: 1 })).rejects.toMatchObject({ code: NOT_AUTHORIZED });
      const claims = JSON.parse(Buffer.from(password.split(".")[1]!, "base64url").toString()) as { jti: string };
      const gone = disconnected(client);
      await revoke(ready, which === "token" ? claims.jti : certificate.id);
      expect(await gone).toBe(NOT_AUTHORIZED);
      expect((await refusal(open(ready, options)))[0]).toBe(NOT_AUTHORIZED);
    }
  });
});

test("a broker with the authType TOKEN takes no notice of certificates", async () => {
  const ready = await startWith("MTLS");
  const { id, ...certificate } = await issueCertificate(ready, "meter");
  const plain: Ready = { ...ready, broker: "dev" };
  const foreign = await makeClientCertificate(await makeOtherAuthority(), "meter");
  for (const options of [shown(certificate), shown(foreign)]) {
    const password = await issueToken(plain, "a");
    const client = await open(plain, { clientId: "a", password, ...options });
    await revoke(plain, id);
    await client.publishAsync("t", "still here", { qos: 1 });
  }
  expect((await refusal(open(plain, { servername: "dev.local.localhost", ...shown(certificate) })))[0]).toBe(
    NOT_AUTHORIZED,
  );
});

describe("serve --ca", () => {
  test("clients with certificates of one's own authority, by common name", async () => {
    const world = await World.create();
    const authority = await makeOtherAuthority();
    const ca = writeTo(world, "devices.pem", authority.certificate);
    const server = await world.serve("--ca", ca);
    await callApi(server, "POST", "", { name: "plant" });
    await callApi(server, "POST", "/plant/brokers", { name: "roof", authType: "MTLS" });
    const certificate = shown(await makeClientCertificate(authority, "meter"));
    const servername = "roof.plant.localhost";
    await connectSecurely(server, { servername, clientId: "meter", ...certificate });
    const other = connectSecurely(server, { servername, clientId: "other", ...certificate });
    expect((await refusal(other))[0]).toBe(CLIENT_ID_NOT_VALID);
    const unnamed = connectSecurely(server, { clientId: "meter", ...certificate });
    expect((await refusal(unnamed))[0]).toBe(NOT_AUTHORIZED);
    const foreign = shown(await makeClientCertificate(await makeOtherAuthority(), "meter"));
    expect((await refusal(connectSecurely(server, { servername, clientId: "meter", ...foreign })))[0]).toBe(
      NOT_AUTHORIZED,
    );
  });
});

describe("the command line", () => {
  test("token issue --type mtls gives one file for everything", async () => {
    const { world, ...ready } = await startWith("MTLS");
    const issued = await world.run(["token", "issue", "secure", "--type", "mtls", "--client-id", "meter"]);
    expect(issued).toMatchObject({ code: 0, stderr: "" });
    const file = writeTo(world, "meter.pem", issued.stdout);
    expect(await world.run(["pub", "a", "hello", "--cert", file, "-q", "1"])).toMatchObject({ code: 0 });
    if (hasMosquitto) {
      const address = ["-h", "localhost", "-p", portOf(ready.mqtts), "--cafile", ready.ca, "-i", "meter"];
      const args = [...address, "--cert", file, "--key", file, "-t", "a", "-m", "b", "-q", "1"];
      expect(await world.spawn("mosquitto_pub", args).finished).toMatchObject({ code: 0, stderr: "" });
    }
    const [, id] = /^# id: ([0-9A-F]+)$/m.exec(issued.stdout)!;
    expect(await world.run(["token", "revoke", "secure", "--jti", id!])).toMatchObject({ code: 0 });
    const refused = await world.run(["pub", "a", "hello", "--cert", file, "-q", "1"]);
    expect(refused).toMatchObject({ code: 4, stderr: expect.stringContaining("revoked") });
  });

  test("broker create --auth-type, and what is said where certificates are of no use", async () => {
    const world = await World.create();
    await world.dev("--no-tls");
    const created = await world.run(["broker", "create", "secure", "--auth-type", "mtls_and_token", "--json"]);
    expect(JSON.parse(created.stdout)).toMatchObject({ authType: "MTLS_AND_TOKEN", auth_type: "MTLS_AND_TOKEN" });
    const issue = async (broker: string) => await world.run(["token", "issue", broker, "--type", "MTLS"]);
    expect(await issue("secure")).toMatchObject({ code: 1, stderr: expect.stringContaining("--no-tls") });
    expect(await issue("dev")).toMatchObject({ code: 2, stderr: expect.stringContaining("tokens only") });
  });

  test("a certificate is what OpenSSL takes it for", async () => {
    const { world, ...ready } = await startWith("MTLS");
    const { id, certificate, ca, expires_on: end } = await issueCertificate(ready, "meter", "&expiration=3600");
    expect(ca).toBe(readFileSync(ready.ca, "utf8"));
    const file = writeTo(world, "meter.pem", certificate);
    const openssl = async (...args: string[]) => (await world.spawn("openssl", args).finished).stdout.trim();
    expect(await openssl("verify", "-CAfile", ready.ca, "-purpose", "sslclient", file)).toBe(`${file}: OK`);
    expect(await openssl("x509", "-in", file, "-noout", "-serial")).toBe(`serial=${id}`);
    expect(await openssl("x509", "-in", file, "-noout", "-subject")).toBe("subject=CN = meter");
    expect(Date.parse(end) - Date.now()).toBeLessThanOrEqual(3_600_000);
  });
});
