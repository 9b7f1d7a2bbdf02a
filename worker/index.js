/**
 * For Workers that are on-publish hooks. Runs in workerd and in Node; needs nothing.
 */

/**
 * Tells whether a request is from the broker: anybody may send requests to a Worker, only its broker can sign them.
 * Leaves the request's body to be read by others.
 *
 * @param {Request} request
 * @param {string} publicKeys the broker's keys as JSON, `{"keys":[…]}`: `env.BROKER_PUBLIC_KEYS`
 * @returns {Promise<boolean>}
 */
export async function isValidBrokerRequest(request, publicKeys) {
  const signature = request.headers.get("X-Signature-Ed25519");
  const timestamp = request.headers.get("X-Signature-Timestamp");
  const keyId = request.headers.get("X-Signature-Key-Id");
  if (request.method !== "POST" || signature === null || timestamp === null || keyId === null) return false;
  try {
    const jwk = JSON.parse(publicKeys).keys.find(({ kid }) => kid === keyId);
    if (jwk === undefined) return false;
    const key = await crypto.subtle.importKey("jwk", jwk, { name: "Ed25519" }, false, ["verify"]);
    const signed = new TextEncoder().encode(timestamp + (await request.clone().text()));
    return await crypto.subtle.verify({ name: "Ed25519" }, key, bytesOf(signature), signed);
  } catch {
    // Neither base64 nor keys: nothing that a broker sent.
    return false;
  }
}

/** @param {string} base64 */
function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
