// The microphone: what is being said in grey, what stands in black.

import { $, announce, clock, failure, h, icon, warnBeforeLeaving } from "./dom.js";
import { Level } from "./level.js";
import { namesIn } from "./options.js";
import { keep } from "./result.js";
import { randomName } from "./sdk/requests.js";
import { Microphone } from "./sdk/stt-ai.js";
import { client, owner, spent } from "./session.js";
import { save } from "./store.js";

const REFUSED = {
  NotAllowedError: "The microphone is not allowed for this page. Allow it in the browser’s address bar, then start again.",
  NotFoundError: "No microphone was found. Connect one, then start again.",
  NotReadableError: "Another program is using the microphone. Close it, then start again.",
};
let level;
const LATE_SECONDS = 3; // without text for what is being said, after which the page says so
const when = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
let running = null; // {microphone, begun, lost, stopping, stopped, spoken}

export function startLive() {
  level = new Level($("level"));
  $("talk").addEventListener("click", () => (running ? stop() : talk()));
  addEventListener("hashchange", () => location.hash !== "#live" && running && stop());
  warnBeforeLeaving(() => running !== null);
}

async function talk() {
  const microphone = new Microphone({ onLevel: (loud) => (level.show(loud), spoken(loud)) });
  running = { microphone, begun: 0, lost: false, stopping: false, stopped: 0, spoken: 0 };
  const finals = [];
  const record = { id: randomName(), name: `Live, ${when.format(Date.now())}`, at: Date.now(), owner: owner() };
  let ready = {};
  const ticking = setInterval(elapsed, 500);
  reset();
  button(true);
  state("Asking for the microphone…");
  try {
    await opened(microphone);
    const { language, model, keywords } = Object.fromEntries(new FormData($("live-wanted")));
    const options = { language, keywords: namesIn(keywords), ...(model && { model }) };
    state("Connecting…");
    for await (const event of client.stream(microphone, options)) {
      if (event.type === "ready") {
        running.begun ||= Date.now();
        running.lost = false;
        elapsed();
        ready = event;
        const { warnings } = event;
        if (warnings) $("live-serving").textContent = warnings.map(({ message }) => message).join(" ");
      } else if (event.type === "reconnecting") {
        running.lost = true;
        state("The connection broke. Connecting again…");
      } else if (event.type === "partial") {
        running.spoken = 0;
        guess(event.text);
      } else if (event.type === "final" && event.text) {
        running.spoken = 0;
        finals.push(appendFinal(event));
        save({ ...record, body: bodyOf(finals, ready) }).catch(() => {}); // said below when it stays so
      }
    }
  } catch (error) {
    $("live-failure").replaceChildren(failure(error));
  } finally {
    clearInterval(ticking);
    microphone.stop();
    const seconds = running.begun ? ((running.stopped || Date.now()) - running.begun) / 1000 : 0;
    running = null;
    guess("");
    button(false);
    state(seconds ? `Stopped after ${clock(seconds)}` : "Ready when you are");
    if (finals.length) await offer({ ...record, body: bodyOf(finals, ready, seconds) });
    spent();
  }
}

function stop() {
  if (running.stopping) return;
  running.stopping = true;
  running.stopped = Date.now();
  state("Finishing…");
  $("talk").setAttribute("aria-disabled", "true"); // really disabled it would lose the focus
  running.microphone.stop();
}

async function opened(microphone) {
  if (!navigator.mediaDevices) throw new Error("Browsers allow the microphone only on HTTPS pages and on localhost. Open this page over HTTPS.");
  try {
    await microphone.open();
  } catch (error) {
    throw new Error(REFUSED[error.name] ?? `The microphone cannot be opened: ${error.message}`);
  }
}

function reset() {
  level.reset();
  $("live-text").replaceChildren();
  $("live-failure").replaceChildren();
  $("live-done").hidden = true;
  guess("");
}

function appendFinal(final) {
  $("live-text").append(`${final.text} `);
  guess("");
  return final;
}

/** Beside the log, which announces only what is final. Kept in sight for who is reading there. */
function guess(text) {
  const below = document.documentElement.scrollHeight - innerHeight - scrollY;
  $("guess").textContent = text;
  if (below < 80) scrollTo(0, document.documentElement.scrollHeight);
}

/** Since when somebody speaks whose words are not on the screen yet. */
function spoken(loud) {
  if (running && loud > 0.1) running.spoken ||= Date.now();
}

function elapsed() {
  if (!running?.begun || running.lost || running.stopping) return;
  const late = running.spoken && Date.now() - running.spoken > LATE_SECONDS * 1000;
  $("live-state").textContent = clock((Date.now() - running.begun) / 1000) + (late ? " · catching up" : "");
}

function state(text) {
  $("live-state").textContent = text;
  announce(text);
}

function button(on) {
  $("talk").removeAttribute("aria-disabled");
  $("talk").classList.toggle("on", on);
  $("talk").replaceChildren(icon(on ? "stop" : "mic"));
  $("talk").setAttribute("aria-label", on ? "Stop" : "Start the microphone");
}

/** What was said, as if it were a file's. */
function bodyOf(finals, { model, language, warnings }, seconds = 0) {
  const segments = finals.map(({ text, start, end, words = [] }) => ({ text, start, end, words }));
  const text = finals.map((final) => final.text).join(" ");
  const spoken = finals[0].language ?? language;
  return { text, language: spoken, duration: Math.max(seconds, segments.at(-1).end), segments, speakers: [], model, warnings };
}

/** It is kept, and opened from here. */
async function offer(record) {
  await keep(record);
  $("live-done").replaceChildren("Saved as ", h("a", { href: `#transcript-${record.id}` }, record.name));
  $("live-done").hidden = false;
}
