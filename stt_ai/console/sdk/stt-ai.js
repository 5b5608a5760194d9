// The client of an stt_ai service, for pages and for Node from 20 on. Its types stand in stt-ai.d.ts.
import { ConnectionFailed, errorOf, errorOfMessage } from "./errors.js";
import { checkNames, fieldsOf } from "./fields.js";
import { Jobs, remoteOf } from "./jobs.js";
import { LiveStream } from "./live.js";
import { failed, fetched, randomName, repeated, serverEvents } from "./requests.js";
import { Uploads } from "./resumable.js";
import { TranscriptEvents } from "./transcript-events.js";
import { openedFile, patient, uploaded } from "./uploads.js";
import { warningsOf } from "./warnings.js";

export * from "./errors.js";
export { Microphone } from "./microphone.js";
export { InvalidWebhook, verifyWebhook } from "./webhooks.js";
export { toSrt, toTsv, toTxt, toVtt } from "./subtitles.js";

const here = new URL(import.meta.url);
const environment = globalThis.process?.env ?? {};

export class Client {
  /** `apiKey` null: anonymous. `baseUrl`: where the service is; by default where this module came from. */
  constructor({ apiKey = environment.STT_AI_API_KEY, baseUrl, maxRetries = 3 } = {}) {
    const local = here.protocol.startsWith("http") ? here.origin : "http://127.0.0.1:8000";
    this.apiKey = apiKey?.trim() || null;
    // The runtime's own error would show the key.
    if (/[^\x20-\x7e]/.test(this.apiKey ?? "")) throw new TypeError("The API key has characters that no key has.");
    this.baseUrl = String(baseUrl ?? (environment.STT_AI_BASE_URL || local)).replace(/\/+$/, "");
    if (!/^https?:\/\//.test(this.baseUrl))
      throw new TypeError(`The service’s address must begin with http:// or https://, and ${this.baseUrl} does not.`);
    this.maxRetries = maxRetries;
    /** What the last counted answer said is left: `{limit, remaining, resetsIn}`; null before. */
    this.allowance = null;
    this.keys = {
      list: async (options) => (await this.#json("/v1/account/keys", options)).keys,
      create: (name, options) => this.#post("/v1/account/keys", name === undefined ? {} : { name }, options),
      revoke: (id, options) =>
        this.#json(`/v1/account/keys/${encodeURIComponent(id)}`, { ...options, method: "DELETE" }),
    };
    this.uploads = new Uploads((path, options) => this.#once(path, options), () => this.maxRetries);
    this.jobs = new Jobs({
      uploads: this.uploads,
      hasKey: () => this.apiKey !== null,
      json: (path, options) => this.#json(path, options),
      send: (path, options) => this.#send(path, options),
      form: (path, source, fields, options) => this.#form(path, source, fields, options),
      transcript,
    });
  }

  async transcribe(source, options = {}) {
    checkNames(options);
    const { onText, onTranscribed, responseFormat } = options;
    const stream = onText || onTranscribed ? "true" : undefined;
    const events = stream ? new TranscriptEvents(options) : null;
    const fields = { ...fieldsOf(options), ...(responseFormat && { response_format: responseFormat }), ...(stream && { stream }) };
    return transcript(await this.#form("/v1/transcribe", source, fields, options, events), options);
  }

  /** A promise of the summary; with `stream`, an async iterable of its pieces and then the summary. */
  summarize(text, { style, stream = false, signal, idempotencyKey = randomName() } = {}) {
    const body = { text, style, stream };
    if (stream) return this.#summaryEvents(body, signal);
    return this.#post("/v1/summarize", body, { signal, idempotencyKey, by: patient });
  }

  async *#summaryEvents(body, signal) {
    const answer = await this.#send("/v1/summarize", { method: "POST", json: body, signal });
    for await (const { event, data } of serverEvents(answer.response, this.baseUrl, signal)) {
      if (event === "error") throw errorOfMessage(data);
      if (event === "delta") yield { type: "delta", text: data.text };
      if (event === "summary") {
        yield { type: "summary", ...data };
        return;
      }
    }
    throw new ConnectionFailed("The connection broke before the summary was complete.");
  }

  /** Live speech: an async iterable of what is said. See `LiveStream` in the types. */
  stream(source, options = {}) {
    return new LiveStream(source, { ...options, maxRetries: this.maxRetries, client: this });
  }

  /** A token that opens one stream: for pages, by a server that keeps the key. */
  streamToken(options) {
    return this.#post("/v1/stream/token", undefined, options);
  }

  async models(options) {
    return (await this.#json("/v1/models", options)).models;
  }

  async languages(options) {
    return (await this.#json("/v1/languages", options)).languages;
  }

  /** What each plan allows, and where credits can be bought. */
  plans(options) {
    return this.#json("/v1/plans", options);
  }

  health(options) {
    return this.#json("/health", options);
  }

  /** A free account; its `key.key` is shown in this answer only, and is used by this client from now on. */
  async signUp(name, options) {
    const account = await this.#post("/v1/account", name === undefined ? {} : { name }, options);
    this.apiKey = account.key.key;
    return account;
  }

  account(options) {
    return this.#json("/v1/account", options);
  }

  /** What signs the account's webhooks, for `verifyWebhook`; made when it is first asked for. */
  webhookSecret(options) {
    return this.#json("/v1/account/webhook-secret", options);
  }

  /** A new one. For `overlapHours`, else 24, messages are signed with the old one as well. */
  rotateWebhookSecret({ overlapHours, ...options } = {}) {
    return this.#post("/v1/account/webhook-secret/rotate", { overlap_hours: overlapHours }, options);
  }

  /** Sums by day, and single requests by pages: `cursor` is the `next_cursor` of the previous page. */
  usage({ cursor, limit, days, ...options } = {}) {
    const query = new URLSearchParams(Object.entries({ cursor, limit, days }).filter(([, value]) => value != null));
    return this.#json(`/v1/account/usage?${query}`, options);
  }

  /** Sends a recording and `fields` as a form, again where that does no harm. */
  async #form(path, source, fields, { filename, idempotencyKey = randomName(), onProgress, signal }, events = null) {
    const remote = remoteOf(source);
    if (remote?.headers) throw new TypeError("Only jobs take `headers` for a `url`.");
    const file = remote ? null : await openedFile(source, filename);
    const headers = this.#headers({ "Idempotency-Key": idempotencyKey });
    const onBody = events && ((piece) => events.read(piece));
    const body = { headers, fields: { ...fields, ...remote }, file, onProgress, onBody, signal };
    const send = async () => {
      events?.begin();
      const answer = await uploaded(this.baseUrl + path, body);
      return events && answer.status < 400 ? events.end(answer) : answer;
    };
    const answer = await repeated(send, { again: file?.again === false ? 0 : this.maxRetries, signal });
    this.#noteAllowance(answer);
    return answer;
  }

  #headers(more = {}) {
    return this.apiKey ? { Authorization: `Bearer ${this.apiKey}`, ...more } : { ...more };
  }

  #post(path, json, options) {
    return this.#json(path, { ...options, method: "POST", json });
  }

  async #json(path, options) {
    const answer = await this.#send(path, options);
    const text = await answer.text();
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw failed(this.baseUrl, null, cause);
    }
  }

  /** `repeat`: it does no harm to carry it out twice; with an `idempotencyKey` it never does. `by`: what sends it. */
  async #send(path, { method = "GET", json, idempotencyKey, signal, by = fetched, ...options } = {}) {
    const { repeat = method !== "POST" || idempotencyKey !== undefined } = options;
    const body = json === undefined ? undefined : JSON.stringify(json);
    const type = body === undefined ? {} : { "Content-Type": "application/json" };
    const key = idempotencyKey === undefined ? {} : { "Idempotency-Key": idempotencyKey };
    const request = { method, headers: this.#headers({ ...type, ...key }), body, signal };
    const attempt = () => by(this.baseUrl + path, request);
    const answer = await repeated(attempt, { again: this.maxRetries, signal, onlyRefused: !repeat });
    this.#noteAllowance(answer);
    return answer;
  }

  /** One request, which is not repeated. */
  async #once(path, { headers, ...options }) {
    const answer = await fetched(this.baseUrl + path, { ...options, headers: this.#headers(headers) });
    if (answer.status >= 400) throw errorOf(answer.status, answer.header, await answer.text());
    return answer;
  }

  #noteAllowance({ header }) {
    const [limit, remaining, resetsIn] = ["limit", "remaining", "reset"].map((name) => {
      const value = header(`ratelimit-${name}`);
      return value === null ? null : Number(value);
    });
    if (limit !== null) this.allowance = { limit, remaining, resetsIn };
  }
}

/** What an answer has: an object, or text where the format is another one. */
async function transcript(answer, { responseFormat = "json", onWarnings }) {
  const text = await answer.text();
  const result = responseFormat === "json" ? JSON.parse(text) : text;
  const warnings = answer.warnings ?? result.warnings ?? warningsOf(answer.header("x-stt-warnings"));
  if (warnings.length) onWarnings?.(warnings);
  return result;
}
