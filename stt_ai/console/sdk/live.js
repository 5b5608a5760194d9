// Live speech: one WebSocket, or several one after the other when the connection is cut.
import { Backlog } from "./backlog.js";
import { ConnectionFailed, StreamClosed, errorOfMessage } from "./errors.js";
import { configOf, eventOf } from "./messages.js";
import { PageSocket } from "./page-socket.js";
import { backoff, sleep } from "./requests.js";
import { speech } from "./sources.js";
import { forNode, inPage } from "./uploads.js";

const LONGEST_WAIT = 30; // seconds
const KEEPALIVE_MS = 10_000;

export class LiveStream {
  #source;
  #options;
  #backlog = null;
  #socket = null;
  #lastSegment = -1;
  #failure = null;
  #stopped = false;
  /** Of the service; null before it was ready. */
  sessionId = null;

  constructor(source, options) {
    this.#source = source;
    this.#options = options;
  }

  /** No more sound comes; what was said still comes, and the iteration ends by itself. */
  stop() {
    this.#stopped = true;
    if (typeof this.#source?.stop === "function") this.#source.stop();
    else this.#backlog?.finish();
  }

  /** Ends the utterance now. */
  finalize() {
    this.#say({ action: "finalize" });
  }

  async *[Symbol.asyncIterator]() {
    const { signal } = this.#options;
    const sound = await speech(this.#source, this.#options);
    this.#backlog = new Backlog(sound.rate);
    if (this.#stopped) this.stop();
    const leave = () => this.#socket?.close();
    signal?.addEventListener("abort", leave);
    const reading = this.#readSound(sound.pieces);
    try {
      yield* this.#whole(sound);
    } finally {
      signal?.removeEventListener("abort", leave);
      this.#stopped = true;
      this.#backlog.finish();
      this.#source?.stop?.();
      reading.catch(() => {});
    }
  }

  async #readSound(pieces) {
    try {
      for await (const piece of pieces) {
        if (this.#backlog.finished) return;
        await this.#backlog.append(piece);
        if (this.#stopped && this.#source?.stop === undefined) return;
      }
    } catch (error) {
      this.#failure = error;
      this.#socket?.close();
    } finally {
      this.#backlog.finish();
    }
  }

  async *#whole(sound) {
    const { signal, maxRetries } = this.#options;
    for (let cuts = 0; ; ) {
      try {
        for await (const event of this.#connection(sound)) {
          if (this.#failure) throw this.#failure;
          if (event.type === "final" || event.type === "partial") cuts = 0;
          yield event;
          if (event.type === "ended") return;
        }
        return;
      } catch (thrown) {
        signal?.throwIfAborted();
        if (this.#failure) throw this.#failure;
        const wait = thrown.retryAfter ?? backoff(cuts);
        if (!this.#canGoOn(thrown) || cuts++ >= maxRetries || wait > LONGEST_WAIT) throw thrown;
        yield { type: "reconnecting", reason: thrown.message, attempt: cuts };
        await sleep(wait, signal);
      }
    }
  }

  #canGoOn(error) {
    const passing = error instanceof ConnectionFailed || error.status === 503 || error.status === 429;
    return (passing || error.retryable === true) && (this.#backlog.rate > 0 || this.#backlog.begin === 0);
  }

  async *#connection(sound) {
    const socket = (this.#socket = await this.#connect());
    const beat = setInterval(() => this.#say({ action: "keepalive" }), KEEPALIVE_MS);
    try {
      await socket.send(JSON.stringify(this.#config(sound)));
      for await (const text of socket) {
        const message = JSON.parse(text);
        if (message.error) throw errorOfMessage(message, socket.closeCode);
        if (message.status === "ready") {
          this.sessionId = message.session_id;
          this.#speak(socket).catch(() => socket.close());
        }
        const event = this.#eventOf(message, sound);
        if (event) yield event;
      }
    } finally {
      clearInterval(beat);
      socket.close();
      this.#backlog.nudge();
    }
    const error = new StreamClosed("The connection broke.", { code: "connection_lost", closeCode: socket.closeCode });
    throw Object.assign(error, { retryable: true });
  }

  async #connect() {
    const { client, signal } = this.#options;
    signal?.throwIfAborted();
    const url = `${client.baseUrl.replace(/^http/, "ws")}/v1/stream`;
    const token = await this.#token();
    signal?.throwIfAborted();
    const address = token ? `${url}?token=${encodeURIComponent(token)}` : url;
    if (inPage) return PageSocket.open(address, signal);
    const headers = client.apiKey && !token ? { Authorization: `Bearer ${client.apiKey}` } : {};
    return (await forNode()).NodeSocket.open(address, headers, signal);
  }

  /** Each opens one stream. Pages need one, since they cannot set headers; null: anonymous, or the key goes itself. */
  async #token() {
    const { client, signal, token } = this.#options;
    if (token !== undefined) return typeof token === "function" ? token() : token;
    return client.apiKey && inPage ? (await client.streamToken({ signal })).token : null;
  }

  async #speak(socket) {
    for await (const piece of this.#backlog.pieces(() => socket.isOpen)) await socket.send(piece);
    if (this.#backlog.finished) await socket.send(JSON.stringify({ action: "stop" }));
  }

  #say(message) {
    if (this.#socket?.isOpen) this.#socket.send(JSON.stringify(message));
  }

  #config(sound) {
    const begin = this.#backlog.begin;
    const resumed = { session_id: this.sessionId, offset: begin / sound.rate, last_segment_id: this.#lastSegment };
    return { ...configOf(this.#options, sound), ...(this.sessionId && sound.rate ? resumed : {}) };
  }

  /** Null: it came before. */
  #eventOf(message, sound) {
    const event = eventOf(message);
    // The service counts from where the last connection went on.
    if (event?.type === "ended" && sound.rate) event.duration = Math.round((100 * this.#backlog.end) / sound.rate) / 100;
    if (event?.type === "final") {
      if (event.segment_id <= this.#lastSegment) return null;
      this.#lastSegment = event.segment_id;
      // What has its text need not be said again; whole samples, and never more than the service has transcribed.
      const width = sound.rate / sound.sampleRate;
      if (width) this.#backlog.forget(Math.floor(event.end * sound.sampleRate) * width);
    }
    return event;
  }
}
