// Plays the visitor's own file, which never comes back from the service.

import { clock, h, icon } from "./dom.js";
import { Timeline } from "./timeline.js";
import { toVtt } from "./sdk/subtitles.js";

const RATES = [0.5, 0.75, 1, 1.25, 1.5, 2];
const BACK = 5; // seconds

export class Player {
  /** `onTime(seconds, playing)` is called for each frame while it plays, and after each jump. */
  constructor(root, screen, onTime) {
    Object.assign(this, { root, screen, onTime, media: null, urls: [] });
  }

  /** `file` undefined: the recording is not there, and the transcript is only read. */
  load(file, body) {
    this.unload();
    this.body = body;
    if (!file) return this.#absent();
    const url = this.#url(file);
    // A video element plays sound too, and most containers may hold either.
    const track = { kind: "captions", srclang: body.language, label: "Transcript", default: true };
    this.track = h("track", track);
    this.#caption();
    this.media = h("video", { src: url, preload: "metadata", playsinline: true }, this.track);
    // Late events of a file that was put away do not concern the one that plays now.
    this.listening = new AbortController();
    const { signal } = this.listening;
    for (const name of ["play", "pause", "ended", "seeked", "timeupdate"]) {
      this.media.addEventListener(name, () => this.#changed(), { signal });
    }
    this.media.addEventListener("loadedmetadata", () => (this.screen.hidden = !this.media.videoWidth), { signal });
    this.media.addEventListener("error", () => this.#unplayable(), { signal });
    this.media.addEventListener("click", () => this.toggle(), { signal });
    this.screen.replaceChildren(this.media);
    this.#build(body);
    this.#changed();
  }

  unload() {
    this.listening?.abort();
    this.pause();
    cancelAnimationFrame(this.frame);
    this.media?.removeAttribute("src");
    this.media?.load(); // lets go of the file
    this.media = null;
    this.timeline?.end();
    this.screen.replaceChildren();
    this.screen.hidden = true;
    for (const url of this.urls.splice(0)) URL.revokeObjectURL(url);
  }

  /** After a change of the body. */
  redraw() {
    if (!this.media) return;
    this.#caption();
    this.timeline.draw();
    this.#changed();
  }

  seek(seconds, play = false) {
    if (!this.media || this.media.error) return;
    this.media.currentTime = seconds;
    this.onTime(seconds, false);
    if (play) this.media.play().catch(() => {});
  }

  toggle() {
    if (!this.media || this.media.error) return;
    if (this.media.paused) this.media.play().catch(() => {});
    else this.pause();
  }

  pause() {
    this.media?.pause();
  }

  #caption() {
    this.track.src = this.#url(new Blob([toVtt(this.body)], { type: "text/vtt" }));
  }

  #url(blob) {
    const url = URL.createObjectURL(blob);
    this.urls.push(url);
    return url;
  }

  #build(body) {
    const speed = { "aria-label": "Speed", onchange: (event) => (this.media.playbackRate = Number(event.target.value)) };
    const rates = RATES.map((rate) => h("option", { value: rate, selected: rate === 1 }, `${rate}×`));
    this.playing = h("button", { type: "button", class: "play", onclick: () => this.toggle() });
    this.back = h("button", { type: "button", class: "icon", "aria-label": `Back ${BACK} seconds` }, icon("back"));
    this.back.addEventListener("click", () => this.seek(Math.max(0, this.media.currentTime - BACK)));
    this.time = h("time");
    this.duration = body.duration;
    this.timeline = new Timeline(body, (seconds) => this.seek(seconds));
    this.root.replaceChildren(this.playing, this.back, this.timeline.root, this.time, h("select", speed, ...rates));
    this.timeline.draw();
  }

  #changed() {
    if (!this.media) return;
    const { paused, currentTime } = this.media;
    if (this.shown !== paused || !this.playing.firstChild) {
      this.playing.replaceChildren(icon(paused ? "play" : "pause"));
      this.playing.setAttribute("aria-label", paused ? "Play" : "Pause");
      this.shown = paused;
    }
    this.time.textContent = `${clock(currentTime)} / ${clock(this.duration)}`;
    this.timeline.show(currentTime);
    this.onTime(currentTime, !paused);
    cancelAnimationFrame(this.frame);
    if (!paused) this.frame = requestAnimationFrame(() => this.#changed());
  }

  #absent() {
    const message = "The recording is not kept in this browser, so it cannot be played.";
    this.root.replaceChildren(h("p", { class: "muted" }, message));
  }

  #unplayable() {
    this.root.replaceChildren(h("p", { class: "muted", role: "status" }, "Your browser cannot play this kind of file. The transcript is complete."));
  }
}
