/** The local authority's folder, with a clock of the test's. */
import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { LocalCa } from "../../src/auth/local-ca.ts";
import { LocalCertificates } from "../../src/auth/server-certificates.ts";
import { temporaryFolder } from "../setup/temporary-folder.ts";

const DAY_MS = 86_400_000;
const NOW_MS = Date.UTC(2030, 0, 1);

function newFolder(): string {
  return join(temporaryFolder("with blanks "), "below", "ca");
}

test("of several processes that make it at the same time, one wins", async () => {
  const folder = newFolder();
  const all = await Promise.all(Array.from({ length: 5 }, () => LocalCa.open(folder, NOW_MS)));
  const again = await LocalCa.open(folder, NOW_MS);
  expect(new Set([...all, again].map((ca) => ca.pem)).size).toBe(1);
  expect(readdirSync(join(folder, ".."))).toEqual(["ca"]);
});

test("ten years, and for the loopback only", async () => {
  const { certificate, file } = await LocalCa.open(newFolder(), NOW_MS);
  const years = (Date.parse(certificate.validTo) - NOW_MS) / DAY_MS / 365.25;
  expect(years).toBeCloseTo(10, 1);
  expect(certificate.ca).toBe(true);
  expect(existsSync(file)).toBe(true);
});

test("a server certificate is good for at most 397 days, kept, and renewed a month before it ends", async () => {
  const folder = newFolder();
  const ca = await LocalCa.open(folder, NOW_MS);
  const first = new X509Certificate((await ca.serverCertificate(undefined, NOW_MS)).certificate);
  expect(first.subjectAltName).toBe("DNS:localhost, DNS:*.localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1");
  expect(Date.parse(first.validTo) - Date.parse(first.validFrom)).toBeLessThanOrEqual(397 * DAY_MS);
  const serialAt = async (nowMs: number) => {
    const { certificate } = await (await LocalCa.open(folder, nowMs)).serverCertificate(undefined, nowMs);
    return new X509Certificate(certificate).serialNumber;
  };
  expect(await serialAt(NOW_MS + 360 * DAY_MS)).toBe(first.serialNumber);
  const renewed = await serialAt(NOW_MS + 370 * DAY_MS);
  expect(renewed).not.toBe(first.serialNumber);
  expect(await serialAt(NOW_MS + 371 * DAY_MS)).toBe(renewed);
});

test("nothing that it signs outlives it", async () => {
  const ca = await LocalCa.open(newFolder(), NOW_MS);
  const { certificate } = await ca.serverCertificate("ns", NOW_MS + 3600 * DAY_MS);
  expect(new X509Certificate(certificate).validTo).toBe(ca.certificate.validTo);
});

test.each([
  ["ca.pem", undefined, "ca.pem is missing"],
  ["ca-key.pem", undefined, "ca-key.pem is missing"],
  ["ca.pem", "nonsense", "cannot be used"],
  ["ca-key.pem", "nonsense", "cannot be used"],
])("%s with %j is said", async (file, text, message) => {
  const folder = newFolder();
  await LocalCa.open(folder, NOW_MS);
  if (text === undefined) rmSync(join(folder, file));
  else writeFileSync(join(folder, file), text);
  await expect(LocalCa.open(folder, NOW_MS)).rejects.toMatchObject({
    code: "ca-unusable",
    message: expect.stringContaining(message),
  });
});

test("one that has ended, or whose key is another's, is said", async () => {
  const [folder, other] = [newFolder(), newFolder()];
  await LocalCa.open(folder, NOW_MS);
  await LocalCa.open(other, NOW_MS);
  await expect(LocalCa.open(folder, NOW_MS + 3653 * DAY_MS)).rejects.toMatchObject({ code: "ca-unusable" });
  writeFileSync(join(folder, "ca-key.pem"), readFileSync(join(other, "ca-key.pem")));
  await expect(LocalCa.open(folder, NOW_MS)).rejects.toMatchObject({
    message: expect.stringContaining("is not the key of"),
  });
});

test("a spoilt server certificate is replaced", async () => {
  const folder = newFolder();
  const ca = await LocalCa.open(folder, NOW_MS);
  await ca.serverCertificate(undefined, NOW_MS);
  writeFileSync(join(folder, "server.pem"), "nonsense");
  const { certificate } = await ca.serverCertificate(undefined, NOW_MS);
  expect(new X509Certificate(certificate).verify(ca.certificate.publicKey)).toBe(true);
});

test("a running server's certificate is renewed in time, and made for namespaces that exist only", async () => {
  let nowMs = NOW_MS;
  const ca = await LocalCa.open(newFolder(), nowMs);
  const logged: string[] = [];
  const certificates = await LocalCertificates.create({
    ca,
    clientCaFile: undefined,
    hasNamespace: (name) => name === "local",
    log: (line) => logged.push(line),
    now: () => nowMs,
  });
  onTestFinished(() => certificates.close());
  let changes = 0;
  certificates.watch(() => changes++);
  expect(certificates.context.ca).toEqual([ca.pem]);
  const forLocal = await certificates.contextFor("dev.Local.localhost");
  expect(forLocal).toBeDefined();
  expect(await certificates.contextFor("other.local.localhost")).toBe(forLocal);
  for (const host of [
    "dev.nowhere.localhost",
    "localhost",
    "local.localhost",
    "a.dev.local.localhost",
    "dev.local.example",
  ]) {
    expect([host, await certificates.contextFor(host)]).toEqual([host, undefined]);
  }
  await certificates.reload();
  expect(changes).toBe(0);
  nowMs += 380 * DAY_MS;
  await certificates.reload();
  expect(changes).toBe(1);
  expect(await certificates.contextFor("dev.local.localhost")).not.toBe(forLocal);
  expect(logged).toEqual(["TLS: new connections get the certificate that is there now"]);
});
