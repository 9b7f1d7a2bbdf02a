/** `pub`, `sub` and `request` with a broker that is not ours: Debian's mosquitto. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { makeAuthority, makeCertificate } from "../../src/auth/certificate-maker.ts";
import { World } from "./world.ts";

const MOSQUITTO = "/usr/sbin/mosquitto";
const hasBroker = process.env["CI"] !== undefined || existsSync(MOSQUITTO);

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map((server) => {
      return new Promise<number>((resolve) => {
        server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
      });
    }),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

async function startMosquitto(world: World, configuration: string[]): Promise<void> {
  const file = join(world.folder, "mosquitto.conf");
  // As root it would give up its rights, and with them those to its files.
  writeFileSync(file, `${[`user ${userInfo().username}`, ...configuration].join("\n")}\n`);
  const running = world.spawn(MOSQUITTO, ["-c", file, "-v"]);
  await running.prints("stderr", "running");
}

/** Anonymous over TCP. */
async function plainMosquitto(world: World): Promise<string> {
  const [port] = await freePorts(1);
  const limits = ["max_queued_messages 0", "max_inflight_messages 0"];
  await startMosquitto(world, [`listener ${port} 127.0.0.1`, "allow_anonymous true", ...limits]);
  return `mqtt://127.0.0.1:${port}`;
}

describe.skipIf(!hasBroker)("with mosquitto", () => {
  test.each(["5", "311"])("messages at each quality of service arrive, with MQTT %s", async (version) => {
    const world = await World.create();
    const target = ["--url", await plainMosquitto(world), "-V", version];
    const subscriber = world.start("sub", "a/#", "-q", "2", "-C", "3", "-F", "%t %q %p", ...target);
    await subscriber.prints("stderr", "subscribed");
    for (const qos of ["0", "1", "2"]) {
      const { code, stderr } = await world.run(["pub", `a/${qos}`, "hello", "-q", qos, ...target]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    }
    const { code, stdout } = await subscriber.finished;
    expect({ code, stdout }).toEqual({ code: 0, stdout: "a/0 0 hello\na/1 1 hello\na/2 2 hello\n" });
  });

  test("a request is answered, with properties on both ways", async () => {
    const world = await World.create();
    const target = ["--url", await plainMosquitto(world)];
    const service = world.start("sub", "questions", "-C", "1", "--json", ...target);
    await service.prints("stderr", "subscribed");
    const asking = world.start("request", "questions", "how much?", "-F", "%p %C", ...target);
    const { properties } = JSON.parse((await service.finished).stdout) as {
      properties: { responseTopic: string; correlationData: string };
    };
    const { responseTopic, correlationData } = properties;
    const answer = { topic: responseTopic, payload: "42", properties: { correlationData, contentType: "text/plain" } };
    await world.run(["pub", "--ndjson", ...target], JSON.stringify(answer));
    expect(await asking.finished).toMatchObject({ code: 0, stdout: "42 text/plain\n" });
  });

  test("TLS with the broker's own authority, user name and password", async () => {
    const world = await World.create();
    const file = (name: string, text: string) => {
      writeFileSync(join(world.folder, name), text, { mode: 0o644 });
      return join(world.folder, name);
    };
    const validity = { notBefore: new Date(Date.now() - 3_600_000), notAfter: new Date(Date.now() + 3_600_000) };
    const authority = await makeAuthority("Test authority", validity);
    const server = await makeCertificate(authority, {
      ...validity,
      commonName: "localhost",
      purpose: "server",
      names: [{ type: "dns", value: "localhost" }],
    });
    const ca = file("ca.pem", authority.certificate);
    const passwords = file("passwords", "");
    execFileSync("mosquitto_passwd", ["-b", passwords, "me", "right"]);
    const [port] = await freePorts(1);
    await startMosquitto(world, [
      `listener ${port} 127.0.0.1`,
      "allow_anonymous false",
      `password_file ${passwords}`,
      `cafile ${ca}`,
      `certfile ${file("server.pem", server.certificate)}`,
      `keyfile ${file("server-key.pem", server.privateKey)}`,
    ]);
    const publish = (user: string, ...more: string[]) =>
      world.run(["pub", "a", "b", "--url", `mqtts://localhost:${port}`, "--username", user, ...more], "right");
    expect(await publish("me", "--token-stdin", "--ca", ca)).toMatchObject({ code: 0, stderr: "" });
    const refused = await publish("somebody", "--token-stdin", "--ca", ca);
    expect(refused).toMatchObject({ code: 4 });
    expect(refused.stderr).toContain("Not authorized (0x87)");
    const untrusted = await publish("me", "--token-stdin");
    expect(untrusted).toMatchObject({ code: 3 });
    expect(untrusted.stderr).toContain("self-signed certificate in certificate chain");
    expect(untrusted.stderr).toContain("--cafile");
  });

  test("30,000 lines go through pub -l and sub -C, and take no memory that grows with them", async () => {
    const world = await World.create();
    const target = ["--url", await plainMosquitto(world)];
    const count = 30_000;
    const subscriber = world.start("sub", "lines", "-q", "1", "-C", String(count), ...target);
    await subscriber.prints("stderr", "subscribed");
    const publisher = world.start("pub", "lines", "-l", "-q", "1", "--json", ...target);
    const lines = Array.from({ length: count }, (_, index) => `line ${index}`).join("\n");
    publisher.child.stdin!.end(lines);
    const status = (pid: number) => readFileSync(`/proc/${pid}/status`, "utf8");
    await subscriber.prints("stdout", "line 27000\n");
    const peakKib = Number(/VmHWM:\s+(\d+)/.exec(status(subscriber.child.pid!))?.[1]);
    expect(JSON.parse((await publisher.finished).stdout)).toMatchObject({ published: count });
    const { code, stdout } = await subscriber.finished;
    expect(code).toBe(0);
    expect(stdout).toBe(`${lines}\n`);
    expect(peakKib).toBeLessThan(200 * 1024);
  }, 60_000);
});
