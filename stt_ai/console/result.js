// A finished transcript and what stands beside it.

import { $, announce, clock, count, failure, h, notice } from "./dom.js";
import { renameSpeaker, correctWord, giveTo } from "./edits.js";
import { exportCard } from "./export.js";
import { correctInJob, giveInJob, messageState, openedJob, renameInJob } from "./jobs.js";
import { languageName } from "./languages.js";
import { Player } from "./player.js";
import { randomName } from "./sdk/requests.js";
import { placed } from "./serving.js";
import { owner, session } from "./session.js";
import { found, save, saveRecording } from "./store.js";
import { startSummary } from "./summary.js";
import { Transcript, voice } from "./transcript.js";

let player, transcript, summary;
let shown = null; // the record
let saving = Promise.resolve(); // what is corrected in the account's jobs, one after the other

export function startResults() {
  player = new Player($("player"), $("screen"), (time, playing) => transcript.show(time, playing));
  const [seek, toggle] = [(seconds, play) => player.seek(seconds, play), () => player.toggle()];
  transcript = new Transcript($("words"), { seek, toggle, said: announce, corrected, given });
  summary = startSummary($("summarize"), $("summary"));
  $("edit").addEventListener("click", () => edit(!transcript.editing));
  addEventListener("hashchange", () => player.pause());
  session.addEventListener("change", () => {
    if (!shown?.owner || shown.owner === owner()) return;
    clear(); // it is somebody else's
    transcript.render({ text: "", segments: [], speakers: [] });
  });
}

/** A record of the transcript of a file, kept before it is shown. */
export async function keepTranscript(file, body) {
  const record = { id: randomName(), name: file.name, at: Date.now(), owner: owner(), body };
  await keep(record);
  await saveRecording(record.id, file);
  return record;
}

/** Keeps the record in this browser, or says that it cannot. */
export async function keep(record) {
  try {
    await save(record);
    notice("kept", null);
  } catch {
    notice("kept", "This browser has no room to keep the transcript: export it before you leave the page.");
  }
}

/** Shows the transcript with this id; false: there is none. */
export async function open(id) {
  const kept = await found(id);
  if (!kept || (kept.record.owner && kept.record.owner !== owner())) return false;
  if (shown?.id === id) return true;
  try {
    show(kept.record, kept.file);
    return true;
  } catch (error) {
    $("words").replaceChildren(failure(error));
    return true;
  }
}

/** Shows the job with this id; throws what the service says where it cannot. */
export async function openJob(id) {
  if (shown?.id === id) return;
  const { record, file } = await openedJob(id);
  show(record, file);
}

function show(record, file) {
  shown = record;
  const { body } = record;
  $("result-name").textContent = record.name;
  const warnings = placed(body.warnings);
  $("warnings").hidden = !warnings.text.length;
  $("warnings").replaceChildren(...warnings.text.map(warning));
  $("speakers").querySelector(".serving").textContent = warnings.speakers.map(({ message }) => message).join(" ");
  edit(false);
  transcript.render(body);
  player.load(file, body);
  $("exports").replaceChildren(...exportCard(body, record.name));
  speakers(body);
  $("edit").hidden = !body.segments.length;
  $("details").replaceChildren(...details(body, warnings.model));
  if (record.webhook) messageState(record).then((text) => showDelivery(record, text), () => {}); // who misses it asks the API
  summary.offer(body.text, body.summary);
}

/** What became of the message about the job. */
function showDelivery(record, text) {
  if (shown === record) $("details").append(h("dt", {}, "Webhook"), h("dd", {}, text));
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
  shown = null;
  player.unload();
  summary.offer("");
}

function edit(on) {
  transcript.edit(on);
  $("edit").setAttribute("aria-pressed", String(on));
  $("edit").textContent = on ? "Done" : "Correct";
  $("edit-help").hidden = !on;
}

/** The word at this place of the body is to read `text`. */
function corrected(place, text) {
  const { id } = shown.body.segments[place[0]];
  correctWord(shown.body, place, text);
  inJob((record) => correctInJob(record, [id]));
  changed();
  announce(text ? `Corrected: ${text}` : "Word removed.");
}

/** What these segments say is said by `speaker`. */
function given(segments, speaker) {
  const ids = segments.map((index) => shown.body.segments[index].id);
  giveTo(shown.body, segments, speaker);
  inJob((record) => giveInJob(record, ids, speaker));
  changed();
  announce(`Now spoken by ${speaker}.`);
}

/** Everything that shows the body is drawn again, and it is kept; a job is kept by the service. */
function changed() {
  transcript.render(shown.body);
  player.redraw();
  speakers(shown.body);
  summary.offer(shown.body.text, shown.body.summary);
  if (!shown.names) keep(shown);
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
  // A click into the name selects it, as the Tab key does.
  input.addEventListener("mousedown", (event) => {
    if (document.activeElement === input) return;
    event.preventDefault();
    input.focus();
    input.select();
  });
  // Once the focus, which is on its way to the next name, has arrived there.
  input.addEventListener("change", () => setTimeout(() => {
    const given = input.value.trim().replace(/\s+/g, " ");
    if (!input.isConnected) return; // another file is shown
    if (given && given !== name) rename(body, name, given);
    else input.value = name;
  }));
  return h("li", { class: `s${voice(name, body.speakers)}` }, input, merging(name, body), h("small", {}, clock(seconds)));
}

/** A menu that makes this speaker one with another. */
function merging(name, body) {
  const others = body.speakers.filter((other) => other !== name);
  if (!others.length) return null;
  const menu = h("select", { class: "merge", "aria-label": `Merge ${name} with` },
    h("option", { value: "" }, "Merge"), ...others.map((other) => h("option", { value: other }, `with ${other}`)));
  menu.addEventListener("change", () => menu.value && rename(body, name, menu.value));
  return menu;
}

/** Everywhere, in what is saved too. Two speakers with one name are one from then on. */
function rename(body, from, to) {
  const renamed = body.speakers.map((name) => (name === from ? to : name));
  renameSpeaker(body, from, to);
  const held = document.activeElement;
  const focused = renamed[inputs().indexOf(held)];
  inJob((record) => renameInJob(record, from, to));
  changed();
  const next = inputs()[body.speakers.indexOf(focused)];
  next?.focus({ preventScroll: true });
  next?.setSelectionRange(held.selectionStart, held.selectionEnd);
  announce(`${from} is ${to} now.`);
}

/** Does `work(record)` where a job of the account is shown, after what was corrected before. */
function inJob(work) {
  const record = shown;
  if (!record.names) return;
  const failed = ({ message }) => notice("job", `The service did not save the correction: ${message}`);
  saving = saving.then(() => work(record)).then(() => notice("job", null), failed);
}

function details(body, substituted) {
  const spoken = body.segments.reduce((sum, segment) => sum + segment.words.length, 0);
  const rows = {
    ...(spoken && { Language: language(body) }),
    Length: clock(body.duration),
    Words: spoken,
    Model: body.model,
    ...(body.usage && { "Counts as": count(body.usage.credits, "minute") }),
  };
  const request = body.request_id ? [h("dt", {}, "Request"), h("dd", { class: "mono" }, body.request_id)] : [];
  const notes = substituted.map(({ message }) => h("dd", { class: "note" }, message));
  const entries = Object.entries(rows).flatMap(([term, text]) => {
    return [h("dt", {}, term), h("dd", {}, String(text)), ...(term === "Model" ? notes : [])];
  });
  return [...entries, ...request];
}

function language({ text, language, language_confidence: confidence }) {
  const sure = confidence === undefined || !text ? "" : `, ${Math.round(confidence * 100)} %`;
  return languageName(language) + sure;
}
