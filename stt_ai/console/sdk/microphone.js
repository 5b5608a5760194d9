import { Queue } from "./queue.js";

const RATE = 16_000;
const WORKLET = new URL("./microphone-worklet.js", import.meta.url).href;
const SPEECH = { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/**
 * What a page's microphone records, for `Client.stream`: an async iterable of 16-bit mono samples. It asks the visitor
 * when it is opened, and ends with `stop()`. `onLevel(level)`, ten times a second: how loud it is, 0 to 1.
 */
export class Microphone {
  #pieces = new Queue();
  #opening = null;
  #stream = null;
  #context = null;
  #node = null;
  sampleRate = RATE;

  constructor({ constraints = SPEECH, onLevel, workletUrl = WORKLET } = {}) {
    this.constraints = constraints;
    this.onLevel = onLevel;
    this.workletUrl = workletUrl;
  }

  /** Throws the browser's own errors, such as NotAllowedError when the visitor refuses. */
  open() {
    return (this.#opening ??= this.#open());
  }

  stop() {
    if (this.#node) this.#node.port.postMessage("stop");
    else this.#pieces.close();
  }

  async *[Symbol.asyncIterator]() {
    try {
      await this.open();
      yield* this.#pieces;
    } finally {
      this.#release();
    }
  }

  async #open() {
    if (!globalThis.navigator?.mediaDevices) throw unavailable();
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({ audio: this.constraints });
      await this.#connect();
    } catch (error) {
      this.#release();
      this.#opening = null;
      throw error;
    }
    this.#stream.getAudioTracks()[0].addEventListener("ended", () => this.stop()); // it was pulled out
  }

  async #connect() {
    const source = this.#source();
    this.sampleRate = this.#context.sampleRate;
    await this.#context.audioWorklet.addModule(this.workletUrl);
    this.#node = new AudioWorkletNode(this.#context, "stt-ai-recorder", { numberOfOutputs: 0 });
    this.#node.port.onmessage = ({ data }) => this.#take(data);
    source.connect(this.#node);
    await this.#context.resume();
  }

  /** At the service's own rate where the browser converts microphones, as Firefox does not; else at the device's. */
  #source() {
    try {
      this.#context = new AudioContext({ sampleRate: RATE });
      return this.#context.createMediaStreamSource(this.#stream);
    } catch {
      this.#context?.close();
      this.#context = new AudioContext();
      return this.#context.createMediaStreamSource(this.#stream);
    }
  }

  #take(piece) {
    if (piece === null) {
      this.#pieces.close();
      this.#release();
      return;
    }
    this.#pieces.push(piece);
    if (this.onLevel) {
      let power = 0;
      for (const sample of piece) power += (sample / 32768) ** 2;
      this.onLevel(Math.sqrt(power / piece.length));
    }
  }

  #release() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#context?.close().catch(() => {});
    this.#context = null;
  }
}

function unavailable() {
  const where = typeof document === "undefined"
    ? "`Microphone` works in web pages. In Node, pass a file or an async iterable of 16-bit mono samples to `stream`."
    : "The browser offers a microphone only to pages on HTTPS or localhost.";
  return new Error(where);
}
