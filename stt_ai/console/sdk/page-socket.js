import { ConnectionFailed } from "./errors.js";
import { Queue } from "./queue.js";
import { sleep } from "./requests.js";

const FULL = 262_144; // bytes that may wait to be sent

/** A browser's WebSocket as an async iterable of the texts that come. `closeCode` once it has ended. */
export class PageSocket {
  #socket;
  #texts = new Queue();
  closeCode = null;

  static open(url, signal) {
    return new Promise((resolve, reject) => {
      const made = new PageSocket();
      const socket = (made.#socket = new WebSocket(url));
      signal?.addEventListener("abort", () => socket.close(), { once: true });
      socket.onopen = () => resolve(made);
      socket.onmessage = ({ data }) => made.#texts.push(data);
      socket.onclose = ({ code }) => {
        made.closeCode = code;
        made.#texts.close();
        // Browsers do not tell pages how a WebSocket was refused.
        const why = "it cannot be reached, or the allowance or the streams at once are used up";
        reject(new ConnectionFailed(`${new URL(url).host} did not take the stream: ${why}.`));
      };
    });
  }

  get isOpen() {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  async send(data) {
    while (this.isOpen && this.#socket.bufferedAmount > FULL) await sleep(0.05);
    if (this.isOpen) this.#socket.send(data);
  }

  close() {
    this.#texts.close();
    this.#socket.close();
  }

  [Symbol.asyncIterator]() {
    return this.#texts[Symbol.asyncIterator]();
  }
}
