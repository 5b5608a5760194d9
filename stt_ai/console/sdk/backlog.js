// What was said and may have to be said again after a cut.

const KEPT_S = 120; // the service decides about everything that is older, at the latest
const AHEAD_S = 10; // a file is read this far before what is sent

/** Bytes of a stream by their positions in it. `rate` in bytes a second; 0: they cannot be said again. */
export class Backlog {
  #pieces = [];
  #waiting = new Set();
  #position = 0; // of what is sent next
  begin = 0;
  end = 0;
  finished = false;

  constructor(rate) {
    this.rate = rate;
  }

  /** Resolves when there is room for more. */
  async append(piece) {
    this.#pieces.push(piece);
    this.end += piece.length;
    this.nudge();
    while (!this.finished && this.end - this.#position > AHEAD_S * (this.rate || 16_000)) await this.#change();
  }

  finish() {
    this.finished = true;
    this.nudge();
  }

  /** Drops what lies before `position` and was sent. */
  forget(position) {
    position = Math.min(position, this.#position);
    while (this.#pieces.length && this.begin + this.#pieces[0].length <= position) {
      this.begin += this.#pieces.shift().length;
    }
    const rest = position - this.begin;
    if (rest > 0 && this.#pieces.length) {
      this.#pieces[0] = this.#pieces[0].subarray(rest);
      this.begin = position;
    }
  }

  /** From `begin` on, what there is and what comes, while `open()`. */
  async *pieces(open) {
    this.#position = this.begin;
    while (open()) {
      const piece = this.#at(this.#position);
      if (piece) {
        this.#position += piece.length; // before it is sent: its text may come before the sending is through
        yield piece;
        this.forget(this.#position - KEPT_S * this.rate);
        this.nudge();
      } else if (this.finished) return;
      else await this.#change();
    }
  }

  /** Lets everybody who waits look again. */
  nudge() {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  #at(position) {
    let start = this.begin;
    for (const piece of this.#pieces) {
      if (position < start + piece.length) return position <= start ? piece : piece.subarray(position - start);
      start += piece.length;
    }
    return null;
  }

  #change() {
    return new Promise((resolve) => this.#waiting.add(resolve));
  }
}
