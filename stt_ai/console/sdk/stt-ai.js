// The client of an stt_ai service, for pages and for Node from 20 on. Its types stand in stt-ai.d.ts.
import { ConnectionFailed, errorOfMessage } from "./errors.js";
import { LiveStream } from "./live.js";
import { failed, fetched, randomName, repeated, serverEvents } from "./requests.js";
import { TranscriptEvents } from "./transcript-events.js";
import { openedFile, patient, uploaded } from "./uploads.js";
import { warningsOf } from "./warnings.js";

export * from "./errors.js";
export { Microphone } from "./microphone.js";

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
    this.maxRetries = maxRetries;
    /** What the last counted answer said is left: `{limit, remaining, resetsIn}`; null before. */
    this.allowance = null;
    this.keys = {
      list: async (options) => (await this.#json("/v1/account/keys", options)).keys,
      create: (name, options) => this.#post("/v1/account/keys", name === undefined ? {} : { name }, options),
      revoke: (id, options) =>
        this.#json(`/v1/account/keys/${encodeURIComponent(id)}`, { ...options, method: "DELETE" }),
    };
  }

  async transcribe(source, options = {}) {
    const { onProgress, onText, onTranscribed, onWarnings, signal, idempotencyKey = randomName() } = options;
    const file = await openedFile(source, options.filename);
    const headers = this.#headers({ "Idempotency-Key": idempotencyKey });
    const stream = Boolean(onText || onTranscribed);
    const told = stream ? new TranscriptEvents(options) : null;
    const onBody = told && ((piece) => told.read(piece));
    const body = { headers, fields: fieldsOf({ ...options, stream: stream || undefined }), file, onProgress, onBody, signal };
    const send = async () => {
      told?.begin();
      const answer = await uploaded(this.baseUrl + "/v1/transcribe", body);
      return told && answer.status < 400 ? told.end(answer) : answer;
    };
    const answer = await repeated(send, { again: file.again ? this.maxRetries : 0, signal });
    this.#noteAllowance(answer);
    const text = await answer.text();
    const result = (options.responseFormat ?? "json") === "json" ? JSON.parse(text) : text;
    const warnings = answer.warnings ?? result.warnings ?? warningsOf(answer.header("x-stt-warnings"));
    if (warnings.length) onWarnings?.(warnings);
    return result;
  }

  /** A promise of the summary; with `stream`, an async iterable of its pieces and then the summary. */
  summarize(text, { style, stream = false, signal, idempotencyKey } = {}) {
    const body = { text, style, stream };
    if (stream) return this.#told(body, signal);
    const headers = { "Idempotency-Key": idempotencyKey ?? randomName() };
    return this.#post("/v1/summarize", body, { signal, headers, repeat: true, by: patient });
  }

  async *#told(body, signal) {
    const answer = await this.#send("/v1/summarize", { method: "POST", json: body, signal });
    for await (const { event, data } of serverEvents(answer.response, this.baseUrl, signal)) {
      if (event === "error") throw errorOfMessage(data);
      if (event === "delta") yield { type: "delta", text: data.text };
      if (event === "summary") {
        yield { type: "summary", ...data };
        return;
      }
    }
    throw new ConnectionFailed("The connection broke before the summary was whole.");
  }

  /** Live speech: an async iterable of what is heard. See `LiveStream` in the types. */
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

  /** Sums by day, and single requests by pages: `cursor` is the `next_cursor` of the page before. */
  usage({ cursor, limit, days, ...options } = {}) {
    const query = new URLSearchParams(Object.entries({ cursor, limit, days }).filter(([, value]) => value != null));
    return this.#json(`/v1/account/usage?${query}`, options);
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

  /** `repeat`: it does no harm to carry it out twice. Only reading does none by itself. `by`: what sends it. */
  async #send(path, { method = "GET", json, headers, signal, repeat = method !== "POST", by = fetched } = {}) {
    const body = json === undefined ? undefined : JSON.stringify(json);
    const type = body === undefined ? {} : { "Content-Type": "application/json" };
    const request = { method, headers: this.#headers({ ...type, ...headers }), body, signal };
    const attempt = () => by(this.baseUrl + path, request);
    const answer = await repeated(attempt, { again: this.maxRetries, signal, onlyRefused: !repeat });
    this.#noteAllowance(answer);
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

function fieldsOf(options) {
  const { model, language, diarize, speakers, minSpeakers, maxSpeakers, responseFormat, strict, stream } = options;
  const { task, prompt, keywords, channels, start, end, track, lineWidth, lines, wordsPerCue } = options;
  if (typeof keywords === "string") throw new TypeError("`keywords` is an array of names and terms.");
  const given = { model, language, diarize, speakers, strict, stream, task, prompt, channels, start, end, track };
  const renamed = {
    line_width: lineWidth, lines, words_per_cue: wordsPerCue,
    min_speakers: minSpeakers, max_speakers: maxSpeakers, response_format: responseFormat,
    "keywords[]": keywords?.length ? keywords.join(",") : undefined,
  };
  return Object.fromEntries(
    Object.entries({ ...given, ...renamed })
      .filter(([, value]) => value != null)
      .map(([name, value]) => [name, String(value)]),
  );
}
