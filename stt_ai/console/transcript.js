// The words of a transcript: lit while they are played, and places to jump to.

import { clock, h } from "./dom.js";
import { latest, turns } from "./words.js";

const UNSURE = 0.6;
const LINGER = 0.4; // seconds for which a word stays lit in a pause
const STILL = 4000; // ms without scrolling by hand after which the page follows the sound again
const ARROWS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: "before", ArrowDown: "after" };

export class Transcript {
  /**
   * `seek(seconds, play)` and `toggle()` are asked of the player; `said` announces where the arrows are.
   * `corrected(place, text)` and `given(segments, speaker)` are called with what the visitor corrects.
   */
  constructor(root, { seek, toggle, said, corrected, given }) {
    Object.assign(this, { root, seek, toggle, said, corrected, given });
    Object.assign(this, { words: [], spans: [], now: -1, here: -1, scrolled: 0, editing: false });
    root.addEventListener("click", (event) => this.#clicked(event));
    root.addEventListener("keydown", (event) => this.#pressed(event));
    root.addEventListener("pointerover", (event) => this.#explain(event.target));
    for (const kind of ["wheel", "touchmove"]) addEventListener(kind, () => (this.scrolled = Date.now()), { passive: true });
  }

  render(body) {
    this.#light(-1);
    [this.words, this.spans, this.here, this.speakers] = [[], [], -1, body.speakers];
    const paragraphs = turns(body).map((turn) => this.#paragraph(turn, body.speakers));
    if (!paragraphs.length) paragraphs.push(h("p", { class: "muted" }, "No speech detected."));
    this.root.replaceChildren(...paragraphs);
    this.starts = Float64Array.from(this.words, (word) => word.start);
  }

  /** Lights the word that is spoken at `time`; keeps it in sight while the sound plays. */
  show(time, playing) {
    let index = latest(this.starts, time);
    if (index >= 0 && time > this.words[index].end + LINGER) index = -1;
    if (index === this.now) return;
    this.#light(index);
    if (playing && index >= 0 && Date.now() - this.scrolled > STILL) this.#reveal(this.spans[index]);
  }

  /** Whether a click on a word corrects it instead of playing from there. */
  edit(on) {
    this.editing = on;
    this.root.classList.toggle("editing", on);
  }

  #paragraph({ speaker, words, continued }, speakers) {
    const line = h("p");
    for (const word of words) {
      const blank = word.text.slice(0, word.text.length - word.word.length);
      const span = h("span", { class: word.confidence < UNSURE && "unsure" }, word.word);
      span.index = this.words.push(word) - 1;
      this.spans.push(span);
      line.append(blank, span);
    }
    const start = words[0].start;
    const jump = { type: "button", class: "at", "aria-label": `Play from ${clock(start)}`, onclick: () => this.seek(start, true) };
    const who = speaker && this.#who(speaker, words, speakers);
    const by = h("div", { class: "by" }, speaker && !continued && h("b", {}, speaker), h("button", jump, clock(start)), who);
    return h("div", { class: `turn s${voice(speaker, speakers)}` }, by, line);
  }

  /** While correcting: a menu that gives this paragraph to another speaker, or to a new one. */
  #who(speaker, words, speakers) {
    let number = 1;
    while (speakers.includes(`Speaker ${number}`)) number++;
    const names = [...speakers, `Speaker ${number}`];
    const options = names.map((name) => h("option", { value: name, selected: name === speaker }, name));
    const menu = h("select", { class: "who", "aria-label": `Speaker from ${clock(words[0].start)}` }, ...options);
    const segments = [...new Set(words.map((word) => word.at[0]))];
    menu.addEventListener("change", () => this.given(segments, menu.value));
    return menu;
  }

  /** The word becomes a field: Enter and leaving it correct, Escape does not, Tab goes on to the next word. */
  #correct(index) {
    const [span, word] = [this.spans[index], this.words[index]];
    if (!span || span.querySelector("input")) return;
    const label = `Correct “${word.word}” at ${clock(word.start)}`;
    const input = h("input", { type: "text", value: word.word, "aria-label": label, autocomplete: "off", spellcheck: "true" });
    input.style.width = `${Math.max(4, word.word.length + 2)}ch`;
    let ended = false;
    const end = (keeping, to) => {
      if (ended) return;
      ended = true;
      const text = input.value.trim().replace(/\s+/g, " ");
      const before = this.words.length;
      if (keeping && text !== word.word) this.corrected(word.at, text);
      else span.replaceChildren(word.word);
      if (to === undefined) return;
      const moved = to > index ? this.words.length - before : 0; // several words may stand in the place of one
      const other = Math.min(Math.max(to + moved, 0), this.words.length - 1);
      this.root.focus({ preventScroll: true });
      if (other >= 0) this.#point(other);
      if (to !== index) this.#correct(other);
    };
    input.addEventListener("blur", () => end(true));
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") end(true, index);
      else if (event.key === "Escape") end(false, index);
      else if (event.key === "Tab") end(true, index + (event.shiftKey ? -1 : 1));
      else return;
      event.preventDefault();
    });
    span.replaceChildren(input);
    input.focus({ preventScroll: true });
    input.select();
  }

  #light(index) {
    this.spans[this.now]?.classList.remove("now");
    this.spans[index]?.classList.add("now");
    this.now = index;
  }

  #clicked({ target }) {
    if (target.index === undefined || String(getSelection())) return;
    this.#point(target.index);
    if (this.editing) this.#correct(target.index);
    else this.seek(this.words[target.index].start, true);
  }

  #pressed(event) {
    if (event.target !== this.root || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " ") this.toggle();
    else if (event.key === "Enter" && this.here >= 0 && this.editing) this.#correct(this.here);
    else if (event.key === "Enter" && this.here >= 0) this.seek(this.words[this.here].start, true);
    else if (event.key in ARROWS && this.words.length) this.#move(ARROWS[event.key]);
    else return;
    event.preventDefault();
  }

  #move(step) {
    const from = this.here < 0 ? this.now : this.here;
    let to = from + (typeof step === "number" ? step : 0);
    if (typeof step === "string") {
      const paragraph = this.spans[Math.max(0, from)].closest(".turn");
      const other = step === "after" ? paragraph.nextElementSibling : paragraph.previousElementSibling;
      to = (other ?? paragraph).querySelector("p span").index;
    }
    to = Math.min(Math.max(to, 0), this.words.length - 1);
    this.#point(to);
    this.#reveal(this.spans[to]);
    this.said(`${this.words[to].word}, ${clock(this.words[to].start)}`);
  }

  #point(index) {
    this.spans[this.here]?.classList.remove("here");
    this.spans[index].classList.add("here");
    this.here = index;
  }

  #reveal(span) {
    const { top, bottom } = span.getBoundingClientRect();
    if (top > innerHeight * 0.15 && bottom < innerHeight * 0.75) return;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    span.scrollIntoView({ block: "center", behavior: calm ? "instant" : "smooth" });
  }

  #explain(span) {
    if (span.index === undefined || span.title) return;
    const { start, confidence } = this.words[span.index];
    span.title = `${clock(start)} · ${Math.round(confidence * 100)} % sure`;
  }
}

/** The number of a voice's colour, 1 to 8; 0 without a name. */
export const voice = (speaker, speakers) => (speaker ? (speakers.indexOf(speaker) % 8) + 1 : 0);
