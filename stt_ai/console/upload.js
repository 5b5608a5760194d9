// From a file to its transcript: choosing, sending, waiting, and what can go wrong.

import { $, announce, bytes, clock, failure } from "./dom.js";
import { clear, show } from "./result.js";
import { randomName } from "./sdk/requests.js";
import { client, session, spent } from "./session.js";

let running = null;

export function startUploads() {
  const [drop, input] = [$("drop"), $("file")];
  input.addEventListener("change", () => choose(input.files));
  // A file that is dropped beside the field would take the place of the page.
  for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());
  addEventListener("drop", (event) => choose(event.dataTransfer.files));
  for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, () => drop.classList.add("over"));
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  $("cancel").addEventListener("click", () => running?.abort());
  $("again").addEventListener("click", restart);
  session.addEventListener("change", () => $("file-failure").replaceChildren());
}

function choose(files) {
  if (!files.length || running || !$("live").hidden || !$("account").hidden) return;
  transcribe(files[0]);
  $("file").value = ""; // the same file may be chosen again
}

function restart() {
  clear();
  stage("start");
  $("file").focus();
}

/** Shows one of the three stages of this view. */
function stage(name) {
  for (const id of ["start", "work", "result"]) $(id).hidden = id !== name;
}

/** `last`, of an attempt at the same file: asked for again as it was, it is charged once even if its answer was lost. */
async function transcribe(file, last) {
  const asked = wanted();
  const key = last && JSON.stringify(last.asked) === JSON.stringify(asked) ? last.key : randomName();
  running = new AbortController();
  clear();
  $("file-failure").replaceChildren();
  stage("work");
  $("work-name").textContent = file.name;
  $("work-name").focus();
  const watching = watch(file);
  let left;
  try {
    const options = { ...asked, idempotencyKey: key, signal: running.signal, onProgress: watching.sent };
    const body = await client.transcribe(file, options);
    left = client.allowance;
    stage("result");
    show(file, body);
    announce(`Done: ${body.segments.length ? "the transcript is ready" : "nobody speaks in this file"}.`);
  } catch (error) {
    stage("start");
    if (running.signal.aborted) announce("Cancelled. Nothing was charged.");
    else $("file-failure").replaceChildren(failure(error, () => transcribe(file, { asked, key })));
    $("file").focus();
  } finally {
    watching.end();
    spent(left);
    running = null;
  }
}

function wanted() {
  const { language, model, speakers, keywords } = Object.fromEntries(new FormData($("wanted")));
  const special = { none: { diarize: false }, channels: { channels: "separate" } };
  const people = special[speakers] ?? { speakers: Number(speakers) };
  const names = keywords.split(",").map((name) => name.trim()).filter(Boolean);
  return { language, ...(model && { model }), ...(names.length && { keywords: names }), ...people };
}

/** Shows how far it is: what is sent, and then for how long the service has worked on how much sound. */
function watch(file) {
  const bar = $("work-bar");
  const probe = document.createElement("video");
  const url = URL.createObjectURL(file);
  let [begun, told, length] = [0, 0, ""];
  probe.preload = "metadata";
  probe.addEventListener("loadedmetadata", () => {
    if (Number.isFinite(probe.duration)) length = ` ${clock(probe.duration)} of sound`;
  });
  probe.src = url;
  sent(0, file.size);
  const ticking = setInterval(() => begun && hearing(), 500);

  function sent(done, total) {
    const part = Math.min(1, total ? done / total : 0);
    if (begun && part === 1) return;
    begun = 0; // it may be sent again after a while, where the service had no room for it
    step("step-up");
    bar.setAttribute("aria-label", "Upload");
    bar.value = part;
    $("work-state").textContent = `${bytes(part * file.size)} of ${bytes(file.size)}`;
    const quarter = Math.floor(part * 4);
    if (quarter > told && part < 1) announce(`${quarter * 25} % sent`);
    told = Math.max(told, quarter);
    if (part < 1) return;
    begun = Date.now();
    step("step-hear");
    bar.removeAttribute("value");
    bar.setAttribute("aria-label", "Transcription");
    announce("Sent. The service is listening to it.");
    hearing();
  }

  function hearing() {
    $("work-state").textContent = `Listening${length && ` to${length}`} · ${clock((Date.now() - begun) / 1000)}`;
  }

  function end() {
    clearInterval(ticking);
    probe.removeAttribute("src");
    probe.load(); // lets go of the file
    URL.revokeObjectURL(url);
  }

  return { sent, end };
}

function step(current) {
  const [up, hear] = [$("step-up"), $("step-hear")];
  for (const item of [up, hear]) {
    if (item.id === current) item.setAttribute("aria-current", "step");
    else item.removeAttribute("aria-current");
  }
  up.classList.toggle("done", current === hear.id);
}
