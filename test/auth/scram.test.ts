import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { ScramExchange, createScramVerifier } from "../../src/auth/index.ts";

const hmac = (key: Buffer, text: string) => createHmac("sha256", key).update(text).digest();

/** The client's side, written from RFC 5802 §3. */
function clientFinal(password: string, clientFirstBare: string, serverFirst: string, header = "n,,"): string {
  const [, nonce, salt, iterations] = /^r=([^,]*),s=([^,]*),i=(\d+)$/.exec(serverFirst)!;
  const salted = pbkdf2Sync(password, Buffer.from(salt!, "base64"), Number(iterations), 32, "sha256");
  const clientKey = hmac(salted, "Client Key");
  const storedKey = createHash("sha256").update(clientKey).digest();
  const withoutProof = `c=${Buffer.from(header).toString("base64")},r=${nonce}`;
  const signature = hmac(storedKey, `${clientFirstBare},${serverFirst},${withoutProof}`);
  const proof = Buffer.from(clientKey.map((byte, i) => byte ^ signature[i]!)).toString("base64");
  return `${withoutProof},p=${proof}`;
}

const verifier = await createScramVerifier("pencil");
const exchange = (known = "user") => new ScramExchange((name) => (name === known ? verifier : undefined));

describe("SCRAM-SHA-256", () => {
  test("the example of RFC 7677 §3", async () => {
    const given = await createScramVerifier("pencil", Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64"));
    const scram = new ScramExchange(() => given, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
    expect(scram.begin(Buffer.from("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"))?.toString()).toBe(
      "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    );
    const final =
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    const outcome = scram.finish(Buffer.from(final));
    expect(outcome.ok && outcome.data.toString()).toBe("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  });

  test("the right password gets in, a wrong one and a wrong name do not", () => {
    for (const [name, password, ok] of [
      ["user", "pencil", true],
      ["user", "pen", false],
      ["nobody", "pencil", false],
    ] as const) {
      const scram = exchange();
      const bare = `n=${name},r=abc`;
      const serverFirst = scram.begin(Buffer.from(`n,,${bare}`))!.toString();
      expect(scram.finish(Buffer.from(clientFinal(password, bare, serverFirst))).ok).toBe(ok);
    }
  });

  test("escaped user names, and the header y,,", () => {
    const scram = exchange("a=b,c");
    const bare = "n=a=3Db=2Cc,r=abc";
    const serverFirst = scram.begin(Buffer.from(`y,,${bare}`))!.toString();
    expect(scram.finish(Buffer.from(clientFinal("pencil", bare, serverFirst, "y,,")))).toMatchObject({
      ok: true,
      userName: "a=b,c",
    });
  });

  test("a name that does not exist has the same salt each time", () => {
    const salt = () => /s=([^,]*)/.exec(exchange().begin(Buffer.from("n,,n=nobody,r=abc"))!.toString())?.[1];
    expect(salt()).toBe(salt());
  });

  test.each(["", "n,,", "p=tls-unique,,n=user,r=abc", "n,,n=user", "n,,r=abc,n=user", "n,,n=user,r=", "\xff"])(
    "client-first-message %j is not understood",
    (text) => {
      expect(exchange().begin(Buffer.from(text, "latin1"))).toBeUndefined();
    },
  );

  test("a nonce or a header of another exchange is refused, and so is what is no message", () => {
    const bare = "n=user,r=abc";
    const other = exchange();
    const replayed = clientFinal("pencil", bare, other.begin(Buffer.from(`n,,${bare}`))!.toString());
    for (const text of [replayed, "", "c=biws,r=x", "c=biws,r=x,p=!"]) {
      const scram = exchange();
      scram.begin(Buffer.from(`n,,${bare}`));
      expect(scram.finish(Buffer.from(text)).ok).toBe(false);
    }
    const scram = exchange();
    const serverFirst = scram.begin(Buffer.from(`n,,${bare}`))!.toString();
    expect(scram.finish(Buffer.from(clientFinal("pencil", bare, serverFirst, "y,,"))).ok).toBe(false);
  });
});
