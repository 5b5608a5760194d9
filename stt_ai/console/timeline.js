// Who speaks when, as a strip that is also the player's slider.

import { clock, h } from "./dom.js";
import { voice } from "./transcript.js";
import { spelled } from "./sdk/spelling.js";

export class Timeline {
  constructor(body, seek) {
    this.body = body;
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.head = h("i");
    this.range = h("input", {
      type: "range", min: 0, max: body.duration, step: 0.01, value: 0, "aria-label": "Position",
      oninput: () => seek(Number(this.range.value)),
      onkeydown: (event) => this.#pressed(event, seek),
    });
    this.root = h("div", { class: "line" }, this.canvas, this.head, this.range);
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.root);
    this.scheme = matchMedia("(prefers-color-scheme: dark)");
    this.again = () => requestAnimationFrame(() => this.draw());
    this.scheme.addEventListener("change", this.again);
    addEventListener("themed", this.again);
  }

  end() {
    this.resized.disconnect();
    this.scheme.removeEventListener("change", this.again);
    removeEventListener("themed", this.again);
  }

  show(time) {
    this.head.style.left = `${(100 * Math.min(time, this.body.duration)) / (this.body.duration || 1)}%`;
    this.range.value = time;
    this.range.setAttribute("aria-valuetext", `${clock(time)} of ${clock(this.body.duration)}`);
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width) return;
    const scale = devicePixelRatio || 1;
    Object.assign(this.canvas, { width: width * scale, height: height * scale });
    const pen = this.canvas.getContext("2d");
    pen.scale(scale, scale);
    const colours = Array.from({ length: 9 }, (_, number) => this.#colour(number));
    const lanes = Math.max(1, this.body.speakers.length);
    const lane = (height - 8) / lanes;
    for (const { speaker, words } of spelled(this.body)) {
      if (!words.length) continue;
      const [start, end] = [words[0].start, words.at(-1).end].map((time) => (time / this.body.duration) * width);
      const row = speaker ? this.body.speakers.indexOf(speaker) : 0;
      pen.fillStyle = colours[voice(speaker, this.body.speakers)];
      pen.beginPath();
      pen.roundRect(start, 4 + row * lane + 1, Math.max(1.5, end - start), Math.max(2, lane - 2), 2);
      pen.fill();
    }
  }

  /** A canvas takes no `light-dark()`, so an element says what it comes to. */
  #colour(number) {
    this.head.className = `s${number}`;
    this.head.style.color = "var(--voice)";
    const colour = getComputedStyle(this.head).color;
    this.head.removeAttribute("class");
    this.head.style.color = "";
    return colour;
  }

  #pressed(event, seek) {
    const step = { ArrowLeft: -5, ArrowDown: -5, ArrowRight: 5, ArrowUp: 5 }[event.key];
    if (!step) return;
    event.preventDefault();
    seek(Math.min(Math.max(0, Number(this.range.value) + step), this.body.duration));
  }
}
