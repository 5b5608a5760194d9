// The microphone: what is being said in grey, what stands in black.

import { $, announce, clock, failure, icon } from "./dom.js";
import { exportButtons } from "./export.js";
import { Level } from "./level.js";
import { Microphone } from "./sdk/stt-ai.js";
import { client, spent } from "./session.js";

const REFUSED = {
  NotAllowedError: "The microphone is not allowed for this page. Allow it in the browser’s address bar, then start again.",
  NotFoundError: "No microphone was found.",
  NotReadableError: "The microphone is used by another program.",
};
let level;
let running = null; // {microphone, begun, lost, stopping}

export function startLive() {
  level = new Level($("level"));
  $("talk").addEventListener("click", () => (running ? stop() : talk()));
  addEventListener("hashchange", () => $("live").hidden && running && stop());
}

async function talk() {
  const microphone = new Microphone({ onLevel: (loud) => level.hear(loud) });
  running = { microphone, begun: 0, lost: false, stopping: false };
  const finals = [];
  let warnings;
  const ticking = setInterval(elapsed, 500);
  reset();
  button(true);
  state("Asking for the microphone…");
  try {
    await opened(microphone);
    const { language, model } = Object.fromEntries(new FormData($("live-wanted")));
    state("Connecting…");
    for await (const event of client.stream(microphone, { language, ...(model && { model }) })) {
      if (event.type === "ready") {
        running.begun ||= Date.now();
        running.lost = false;
        elapsed();
        warnings = event.warnings;
        if (warnings) $("live-serving").textContent = warnings.map(({ message }) => message).join(" ");
      } else if (event.type === "reconnecting") {
        running.lost = true;
        state("The connection broke. Connecting again…");
      } else if (event.type === "partial") guess(event.text);
      else if (event.type === "final" && event.text) finals.push(heard(event));
    }
  } catch (error) {
    $("live-failure").replaceChildren(failure(error));
  } finally {
    clearInterval(ticking);
    microphone.stop();
    const seconds = running.begun ? (Date.now() - running.begun) / 1000 : 0;
    running = null;
    guess("");
    button(false);
    state(seconds ? `Stopped after ${clock(seconds)}` : "Ready when you are");
    if (finals.length) offer(finals, seconds, warnings);
    spent();
  }
}

function stop() {
  if (running.stopping) return;
  running.stopping = true;
  state("Finishing…");
  $("talk").setAttribute("aria-disabled", "true"); // really disabled it would lose the focus
  running.microphone.stop();
}

async function opened(microphone) {
  if (!navigator.mediaDevices) throw new Error("Browsers give the microphone to pages over HTTPS only, or on this very machine.");
  try {
    await microphone.open();
  } catch (error) {
    throw new Error(REFUSED[error.name] ?? `The microphone cannot be opened: ${error.message}`);
  }
}

function reset() {
  level.reset();
  $("heard").replaceChildren();
  $("live-failure").replaceChildren();
  $("live-exports").hidden = true;
  guess("");
}

function heard(final) {
  $("heard").append(`${final.text} `);
  guess("");
  return final;
}

/** Beside the log, which tells listeners only what stands. Kept in sight for who is reading there. */
function guess(text) {
  const below = document.documentElement.scrollHeight - innerHeight - scrollY;
  $("guess").textContent = text;
  if (below < 80) scrollTo(0, document.documentElement.scrollHeight);
}

function elapsed() {
  if (running?.begun && !running.lost && !running.stopping) $("live-state").textContent = clock((Date.now() - running.begun) / 1000);
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

/** What was heard, as if it were a file's. */
function offer(finals, seconds, warnings) {
  const segments = finals.map(({ text, start, end, words }) => ({ text, start, end, words: words ?? [] }));
  const duration = Math.max(seconds, segments.at(-1).end);
  const text = finals.map((final) => final.text).join(" ");
  const body = { text, language: finals[0].language, duration, segments, speakers: [], warnings };
  $("live-exports").replaceChildren(...exportButtons(body, "live"));
  $("live-exports").hidden = false;
}
