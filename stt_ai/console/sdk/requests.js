// Requests and their repetition. Whoever may be charged sends an Idempotency-Key, so repeating never costs twice.
import { ConnectionFailed, SttAiError, errorOf } from "./errors.js";

const LONGEST_WAIT = 30; // seconds; a day's or month's allowance is not waited for
const RUNNING = "still_running";

/** One answer: `header(name)` gives a header or null. */
export async function fetched(url, { method = "GET", headers, body, signal } = {}) {
  let response;
  try {
    response = await fetch(url, { method, headers, body, signal });
  } catch (cause) {
    throw failed(url, signal, cause);
  }
  return { status: response.status, header: (name) => response.headers.get(name), response, text: () => text(response) };

  async function text() {
    try {
      return await response.text();
    } catch (cause) {
      throw failed(url, signal, cause);
    }
  }
}

/** What to throw when there was no answer: the caller's own reason when it was the caller who gave up. */
export function failed(url, signal, cause) {
  if (signal?.aborted) return signal.reason;
  return new ConnectionFailed(advice(new URL(url), codesOf(cause)), { cause });
}

/** What solves the usual mistakes. A page is not told what went wrong. */
function advice({ origin, host, protocol }, codes) {
  if (codes.includes("ENOTFOUND")) return `No service answers at ${origin}: no host has this name. Check the address.`;
  if (protocol === "https:" && (codes.includes("EPROTO") || codes.includes("ERR_SSL_WRONG_VERSION_NUMBER")))
    return `No service answers at ${origin}: it does not speak HTTPS. Try http://${host}.`;
  if (codes.includes("ECONNREFUSED"))
    return `No service answers at ${origin}: the connection was refused. Start the service (\`make serve\`), or name the address where it runs.`;
  return `${host} cannot be reached, or the connection broke. Check that the service runs, and try again.`;
}

/** Of an error and of what caused it. */
function codesOf(error) {
  return error ? [error.code, ...codesOf(error.cause), ...(error.errors ?? []).flatMap(codesOf)] : [];
}

/**
 * Calls `attempt()`, which resolves to an answer, until one is good. `again`: how often it is repeated after a 429 that
 * passes soon, a 503, or a broken connection (not these with `onlyRefused`: the request may have been carried out).
 * While an earlier attempt is still at work under the same key, its answer is waited for, however long it takes.
 */
export async function repeated(attempt, { again, signal, onlyRefused = false }) {
  for (let count = 0; ; ) {
    signal?.throwIfAborted();
    let error;
    try {
      const answer = await attempt();
      if (answer.status < 400) return answer;
      error = errorOf(answer.status, answer.header, await answer.text());
    } catch (thrown) {
      if (!(thrown instanceof SttAiError)) throw thrown; // the caller's own reason to leave, or file
      error = thrown;
    }
    const wait = waitAfter(error, count, onlyRefused);
    if (error.code !== RUNNING && count++ >= again) throw error;
    if (wait === null) throw error;
    await sleep(wait, signal);
  }
}

/** Seconds; null: this error stays. */
export function waitAfter(error, count, onlyRefused) {
  const passing = error.status === 503 || error.status === 429 || error.code === RUNNING;
  if (!passing && (onlyRefused || !(error instanceof ConnectionFailed))) return null;
  const wait = error.retryAfter ?? backoff(count);
  return wait <= LONGEST_WAIT ? wait : null;
}

/** Seconds: more each time, and not the same for all who were refused together. */
export function backoff(count) {
  return Math.min(8, 0.5 * 2 ** count) * (0.75 + Math.random() / 2);
}

/** 32 hexadecimal digits; in pages that did not come over HTTPS `crypto.randomUUID` does not exist. */
export function randomName() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function sleep(seconds, signal) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const leave = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", leave);
      resolve();
    }, seconds * 1000);
    signal?.addEventListener("abort", leave, { once: true });
  });
}

/** The `{event, data}` of a body of server-sent events. Throws `SttAiError` when it breaks off. */
export async function* serverEvents(response, url, signal) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (waiting + value).split("\n\n");
      waiting = blocks.pop();
      for (const block of blocks) {
        const lines = block.split("\n");
        const field = (name) => lines.filter((line) => line.startsWith(name)).map((line) => line.slice(name.length));
        const data = field("data: ").join("\n");
        if (data) yield { event: field("event: ")[0] ?? "message", data: JSON.parse(data) };
      }
    }
  } catch (cause) {
    throw cause instanceof SttAiError ? cause : failed(url, signal, cause);
  } finally {
    reader.cancel().catch(() => {}); // nobody reads on: the service stops writing
  }
}
