/**
 * An on-publish hook as Cloudflare Pub/Sub has them: an ordinary module Worker. The broker posts every batch of messages
 * here before any subscriber sees them, and delivers what comes back.
 *
 * - transactions/<region>/<terminal>  counted per region; of the card number only the last four digits go on
 * - debug/#                           dropped: what is missing in the answer is not delivered
 * - everything else                   passed on unchanged
 *
 * Bindings: BROKER_PUBLIC_KEYS, the JSON of `pubsub broker public-keys --json`; TRANSACTIONS (optional), a dataset of
 * Workers Analytics Engine.
 */

/** Region → transactions, since this instance of the Worker started. */
const counts = new Map();

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (request.method === "GET" && pathname === "/counts") return Response.json(Object.fromEntries(counts));

    // Critical: anyone may send requests here; only the broker can sign them.
    const body = await request.text();
    if (!(await isFromBroker(request, body, env.BROKER_PUBLIC_KEYS))) {
      return new Response("not a valid broker request", { status: 403 });
    }
    return Response.json(onPublish(JSON.parse(body), env));
  },
};

/** From the messages of a batch to those that are delivered. */
function onPublish(messages, env) {
  const delivered = [];
  const sums = new Map();
  for (const message of messages) {
    const [kind, region] = message.topic.split("/");
    if (kind === "debug") continue;
    if (kind === "transactions") {
      const transaction = parse(message.payload);
      // What cannot be read cannot be redacted.
      if (transaction === undefined) continue;
      add(sums, region, transaction);
      if (transaction.card !== undefined) transaction.card = redact(String(transaction.card));
      message.payload = encode(transaction, message.payload);
    }
    delivered.push(message);
  }
  record(sums, env);
  return delivered;
}

/** Card numbers have up to 19 digits; the last four may be shown (PCI DSS 3.4.1). */
function redact(card) {
  const digits = card.replaceAll(/\D/g, "");
  return digits.slice(-4).padStart(digits.length, "*");
}

/** A payload is a string where the publisher said so (payloadFormatIndicator 1), and an array of bytes otherwise. */
function parse(payload) {
  try {
    const text = typeof payload === "string" ? payload : new TextDecoder().decode(new Uint8Array(payload));
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** In the form in which the payload came. */
function encode(value, payload) {
  const text = JSON.stringify(value);
  return typeof payload === "string" ? text : Array.from(new TextEncoder().encode(text));
}

function add(sums, region, { currency = "", amount }) {
  counts.set(region, (counts.get(region) ?? 0) + 1);
  const key = `${region}/${currency}`;
  const sum = sums.get(key) ?? { region, currency, transactions: 0, amount: 0 };
  sum.transactions++;
  sum.amount += Number(amount) || 0;
  sums.set(key, sum);
}

/** One data point per region and currency: a batch may hold 100 messages, a request may write 25 points. */
function record(sums, env) {
  for (const { region, currency, transactions, amount } of sums.values()) {
    env.TRANSACTIONS?.writeDataPoint({ indexes: [region], blobs: [region, currency], doubles: [transactions, amount] });
  }
}

/** True if the broker signed timestamp and body with one of its keys. */
async function isFromBroker(request, body, publicKeys) {
  const signature = request.headers.get("X-Signature-Ed25519");
  const timestamp = request.headers.get("X-Signature-Timestamp");
  const keyId = request.headers.get("X-Signature-Key-Id");
  if (request.method !== "POST" || !signature || !timestamp || !keyId || !publicKeys) return false;
  try {
    const jwk = JSON.parse(publicKeys).keys.find(({ kid }) => kid === keyId);
    if (jwk === undefined) return false;
    const key = await importedKey(jwk);
    const bytes = Uint8Array.from(atob(signature), (character) => character.charCodeAt(0));
    return await crypto.subtle.verify("Ed25519", key, bytes, new TextEncoder().encode(timestamp + body));
  } catch {
    return false;
  }
}

const importedKeys = new Map();

/** Imported once for all requests. */
function importedKey(jwk) {
  let key = importedKeys.get(jwk.x);
  if (key === undefined) {
    key = crypto.subtle.importKey("jwk", jwk, { name: "Ed25519" }, false, ["verify"]);
    importedKeys.set(jwk.x, key);
  }
  return key;
}
