/** Values that one side puts in whenever it has them and the other takes out, in order, until it is closed. */
export class Queue {
  #values = [];
  #closed = false;
  #wake = () => {};

  push(value) {
    if (this.#closed) return;
    this.#values.push(value);
    this.#wake();
  }

  close() {
    this.#closed = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator]() {
    for (;;) {
      while (this.#values.length) yield this.#values.shift();
      if (this.#closed) return;
      await new Promise((resolve) => (this.#wake = resolve));
    }
  }
}
