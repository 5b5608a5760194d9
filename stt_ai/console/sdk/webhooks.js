// Whether a webhook comes from the service, by the Standard Webhooks specification (standardwebhooks.com).

const TOLERANCE = 300; // seconds
const [PREFIX, VERSION] = ["whsec_", "v1,"];
const SHA256 = { name: "HMAC", hash: "SHA-256" };

/** It is not the service's, has been changed on its way, or is too old: answer 400 and do nothing. */
export class InvalidWebhook extends Error {
  name = "InvalidWebhook";
}

/**
 * The event in `body`, exactly as it came, if it was signed with `secret` (`whsec_…`). Throws `InvalidWebhook`.
 * `tolerance`: seconds that the message's time may differ from this machine's, against replays.
 */
export async function verifyWebhook(headers, body, secret, { tolerance = TOLERANCE } = {}) {
  const [id, timestamp, signatures] = ["id", "timestamp", "signature"].map((name) => header(headers, `webhook-${name}`));
  if (!id || !timestamp || !signatures) {
    throw new InvalidWebhook("The headers webhook-id, webhook-timestamp and webhook-signature are needed.");
  }
  checkTime(timestamp, tolerance);
  const content = typeof body === "string" ? new TextEncoder().encode(body) : new Uint8Array(body.buffer ?? body, body.byteOffset, body.byteLength);
  const signed = joined(new TextEncoder().encode(`${id}.${timestamp}.`), content);
  const key = await crypto.subtle.importKey("raw", keyOf(secret), SHA256, false, ["verify"]);
  // While a secret is changed, a message is signed with the old one and the new one. `verify` takes constant time.
  const checks = signatures.split(" ").map((one) => {
    const signature = one.startsWith(VERSION) ? fromBase64(one.slice(VERSION.length)) : null;
    return signature !== null && crypto.subtle.verify("HMAC", key, signature, signed);
  });
  if (!(await Promise.all(checks)).includes(true)) throw new InvalidWebhook("The webhook was not signed with this secret.");
  return JSON.parse(new TextDecoder().decode(content));
}

/** Of a `Headers`, or of an object such as Node's `request.headers`. */
function header(headers, name) {
  if (typeof headers.get === "function") return headers.get(name);
  const found = Object.entries(headers).find(([one]) => one.toLowerCase() === name);
  return found && String(found[1]);
}

function checkTime(timestamp, tolerance) {
  if (!/^\d{1,15}$/.test(timestamp)) throw new InvalidWebhook("The header webhook-timestamp is not a number of seconds.");
  const age = Date.now() / 1000 - Number(timestamp);
  if (Math.abs(age) > tolerance) {
    throw new InvalidWebhook(`The webhook is ${Math.round(age)} seconds old, or this machine's clock is wrong.`);
  }
}

function keyOf(secret) {
  const key = fromBase64(secret.trim().replace(PREFIX, ""));
  if (!key?.length) throw new TypeError("A webhook's secret is whsec_ followed by base64.");
  return key;
}

/** Null: it is none. */
function fromBase64(text) {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}

function joined(first, second) {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}
