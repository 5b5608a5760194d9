// A finished transcript and what stands beside it.

import { $, announce, clock, count, h } from "./dom.js";
import { exportButtons } from "./export.js";
import { Player } from "./player.js";
import { placed } from "./serving.js";
import { startSummary } from "./summary.js";
import { Transcript, voice } from "./transcript.js";

const names = new Intl.DisplayNames(["en"], { type: "language" });
let player, transcript, summary;

export function startResults() {
  player = new Player($("player"), $("screen"), (time, playing) => transcript.show(time, playing));
  const [seek, toggle] = [(seconds, play) => player.seek(seconds, play), () => player.toggle()];
  transcript = new Transcript($("words"), { seek, toggle, said: announce });
  summary = startSummary($("summarize"), $("summary"));
  addEventListener("hashchange", () => $("files").hidden && player.pause());
}

export function show(file, body) {
  $("result-name").textContent = file.name;
  const warnings = placed(body.warnings);
  $("warnings").hidden = !warnings.text.length;
  $("warnings").replaceChildren(...warnings.text.map(warning));
  $("speakers").querySelector(".serving").textContent = warnings.speakers.map(({ message }) => message).join(" ");
  transcript.render(body);
  player.load(file, body);
  $("exports").replaceChildren(...exportButtons(body, file.name));
  speakers(body);
  $("details").replaceChildren(...details(body, warnings.model));
  summary.offer(body.text);
  $("result-name").focus({ preventScroll: true });
  scrollTo(0, 0);
}

/** A sentence, and the place in the recording that it is about. */
function warning({ message, start, end }) {
  if (start === undefined) return h("li", {}, message);
  const name = end === undefined ? clock(start) : `${clock(start)} to ${clock(end)}`;
  const jump = { type: "button", class: "at", "aria-label": `Play ${name}`, onclick: () => player.seek(start, true) };
  return h("li", {}, message, " ", h("button", jump, name));
}

/** Lets go of the file and its sound. */
export function clear() {
  player.unload();
  summary.offer("");
}

function speakers(body) {
  $("speakers").hidden = !body.speakers.length;
  $("speakers").querySelector("ul").replaceChildren(...body.speakers.map((name) => speaker(name, body)));
}

const inputs = () => [...$("speakers").querySelectorAll("input")];

function speaker(name, body) {
  const own = body.segments.filter((segment) => segment.speaker === name);
  const seconds = own.reduce((sum, { start, end }) => sum + end - start, 0);
  const input = h("input", { type: "text", value: name, maxlength: 60, "aria-label": `Name of ${name}`, autocomplete: "off" });
  // Once the focus, which is on its way to the next name, has arrived there.
  input.addEventListener("change", () => setTimeout(() => {
    const given = input.value.trim().replace(/\s+/g, " ");
    if (!input.isConnected) return; // another file is shown
    if (given && given !== name) rename(body, name, given);
    else input.value = name;
  }));
  return h("li", { class: `s${voice(name, body.speakers)}` }, input, h("small", {}, clock(seconds)));
}

/** Everywhere, in what is saved too. Two voices with one name are one from then on. */
function rename(body, from, to) {
  const all = [...body.segments, ...body.segments.flatMap((segment) => segment.words)];
  for (const part of all) if (part.speaker === from) part.speaker = to;
  const renamed = body.speakers.map((name) => (name === from ? to : name));
  body.speakers = [...new Set(renamed)];
  transcript.render(body);
  player.redraw();
  const held = document.activeElement;
  const focused = renamed[inputs().indexOf(held)];
  speakers(body);
  const next = inputs()[body.speakers.indexOf(focused)];
  next?.focus({ preventScroll: true });
  next?.setSelectionRange(held.selectionStart, held.selectionEnd);
  announce(`${from} is ${to} now.`);
}

function details(body, substituted) {
  const rows = {
    Language: `${languageName(body.language)}, ${Math.round(body.language_confidence * 100)} %`,
    Length: clock(body.duration),
    Words: body.segments.reduce((sum, segment) => sum + segment.words.length, 0),
    Model: body.model,
    "Counts as": count(body.usage.credits, "minute"),
  };
  const request = [h("dt", {}, "Request"), h("dd", { class: "mono" }, body.request_id)];
  const notes = substituted.map(({ message }) => h("dd", { class: "note" }, message));
  const entries = Object.entries(rows).flatMap(([term, text]) => {
    return [h("dt", {}, term), h("dd", {}, String(text)), ...(term === "Model" ? notes : [])];
  });
  return [...entries, ...request];
}

export function languageName(code) {
  try {
    return names.of(code);
  } catch {
    return code;
  }
}
