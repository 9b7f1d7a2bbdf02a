import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { type CaOptions, addCaOptions, findCaFile } from "../../server/ca-file.ts";
import { defineCommand } from "../../command.ts";

/** For whom, and what to do: commands and settings with FILE for the certificate. */
const INSTRUCTIONS: readonly (readonly [client: string, lines: readonly string[]])[] = [
  ["mosquitto_pub, mosquitto_sub", ["--cafile FILE"]],
  ["MQTT.js", ['connect("mqtts://localhost:8883", { ca: readFileSync("FILE") })']],
  ["Paho (Python)", ['client.tls_set(ca_certs="FILE")']],
  ["Node programs", ["export NODE_EXTRA_CA_CERTS=FILE"]],
  ["curl, openssl s_client", ["curl --cacert FILE …", "openssl s_client -CAfile FILE …"]],
  ["Debian, Ubuntu", ["sudo cp FILE /usr/local/share/ca-certificates/pubsub-local.crt", "sudo update-ca-certificates"]],
  ["Fedora, RHEL", ["sudo cp FILE /etc/pki/ca-trust/source/anchors/pubsub-local.pem", "sudo update-ca-trust"]],
  ["Arch", ["sudo trust anchor FILE"]],
  ["macOS", ["security add-trusted-cert -k ~/Library/Keychains/login.keychain-db FILE"]],
  ["Windows", ["certutil -user -addstore Root FILE"]],
  ["Firefox", ["Settings, Certificates, View Certificates, Authorities, Import: FILE"]],
  ["Chrome on Linux", ["certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n pubsub-local -i FILE"]],
];

export default defineCommand<CaOptions>({
  examples: ["ca trust-instructions"],

  configure(command) {
    command.description(
      "Say how clients, browsers and systems get to trust the local certificate authority. It can vouch for localhost only, " +
        "so trusting it opens nothing else. This command changes nothing itself.",
    );
    addCaOptions(command);
  },

  async run(context, _args, options) {
    const path = findCaFile(context, options);
    const { fingerprint256: fingerprint, validTo } = new X509Certificate(readFileSync(path));
    const instructions = INSTRUCTIONS.map(([client, lines]) => ({
      client,
      lines: lines.map((line) => line.replace("FILE", () => quoteFor(line, path))),
    }));
    const end = new Date(validTo).toISOString();
    const text = [
      `certificate  ${path}`,
      `SHA-256      ${fingerprint}`,
      `ends         ${end}`,
      ...instructions.map(({ client, lines }) => `\n${client}\n${lines.map((line) => `  ${line}`).join("\n")}`),
    ];
    context.output.document({ path, fingerprint, expires_on: end, instructions }, `${text.join("\n")}\n`);
  },
});

/** As the shell needs it, where it is not between quotes already or for people. */
function quoteFor(line: string, path: string): string {
  return /"FILE"|: FILE$/.test(line) || /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}
