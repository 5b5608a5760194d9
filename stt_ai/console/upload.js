// From files to their transcripts: choosing, sending one after the other, waiting, and what can go wrong.

import { $, announce, count, failure, h, notice, warnBeforeLeaving } from "./dom.js";
import { inBackground, summaryStyle, valid, wanted } from "./options.js";
import { keepTranscript } from "./result.js";
import { randomName } from "./sdk/requests.js";
import { client, session, signedIn, spent } from "./session.js";
import { saveRecording } from "./store.js";
import { watch } from "./work.js";

const waiting = []; // {file, asked, key, background}; `background`: what else a job is asked for, or false
let running = null; // {controller, item}
let made = []; // {id, name, queued} of the files that were chosen together; `queued`: as a job
let chosen = 0;

export function startUploads() {
  const [drop, input] = [$("drop"), $("file")];
  input.addEventListener("change", () => choose([...input.files]));
  // A file that is dropped beside the field would take the place of the page.
  for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());
  addEventListener("drop", (event) => $("live").hidden && dropped(event.dataTransfer));
  for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, () => drop.classList.add("over"));
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  $("cancel").addEventListener("click", () => running?.controller.abort());
  $("more").addEventListener("click", () => input.click());
  const accountOnly = () => ($("background").hidden = $("background-summary").hidden = !signedIn());
  session.addEventListener("change", () => ($("file-failure").replaceChildren(), accountOnly()));
  accountOnly();
  warnBeforeLeaving(() => running !== null);
}

/** Which stage of the view is to be seen when no transcript is: that of choosing, or of waiting. */
export const idle = () => running === null;

/** A folder looks like a file that cannot be read. */
function dropped({ items, files }) {
  const entries = [...items].map((item) => item.webkitGetAsEntry?.());
  const folders = entries.filter((entry) => entry?.isDirectory).map(({ name }) => name);
  choose([...files].filter(({ name }) => !folders.includes(name)));
  for (const name of folders) {
    $("file-failure").append(failure(new Error(`${name} is a folder. Open it and drop the recordings in it.`)));
  }
}

function choose(files) {
  $("file").value = ""; // the same file may be chosen again
  if (!files.length || !valid()) return;
  const asked = wanted();
  if (!running) $("file-failure").replaceChildren();
  chosen += files.length;
  waiting.push(...files.map((file) => ({ file, asked, key: randomName(), background: inBackground(file) && { summary: summaryStyle() } })));
  if (location.hash && location.hash !== "#files") location.hash = "#files";
  if (running) {
    announce(`${count(waiting.length, "file")} waiting.`);
    queued();
  } else next();
}

/** One of the two stages of choosing and waiting. */
function stage(name) {
  if (!$("result").hidden) return; // somebody reads another one meanwhile
  for (const id of ["start", "work"]) $(id).hidden = id !== name;
}

async function next() {
  const item = waiting.shift();
  if (!item) return finish();
  running = { controller: new AbortController(), item };
  stage("work");
  queued();
  $("work-name").textContent = item.file.name;
  if (!$("work").hidden) $("work-name").focus();
  const watching = watch(item.file, item.asked.diarize !== false);
  let left;
  try {
    if (item.background) await queue(item, watching);
    else left = await transcribe(item, watching);
  } catch (error) {
    failed(item, error, watching);
  } finally {
    watching.end();
    spent(left);
    running = null;
  }
  next();
}

/** Waits for the transcript, and returns the allowance that it left. */
async function transcribe({ file, asked, key }, { sent: onProgress, transcribed: onTranscribed, text: onText }) {
  const { signal } = running.controller;
  const body = await client.transcribe(file, { ...asked, idempotencyKey: key, signal, onProgress, onTranscribed, onText });
  const left = client.allowance;
  made.push(await keepTranscript(file, body));
  announce(`Done: ${body.segments.length ? "the transcript is ready" : "no speech detected"}.`);
  return left;
}

/** Sends the file and leaves the rest to the service; this browser keeps the recording, to play it. */
async function queue({ file, asked, key, background }, { sent: onProgress }) {
  const { signal } = running.controller;
  const { id } = await client.jobs.create(file, { ...asked, ...background, idempotencyKey: key, signal, onProgress });
  await saveRecording(id, file);
  made.push({ id, name: file.name, queued: true });
  announce("Sent. It is transcribed in the background.");
}

function failed(item, error, watching) {
  if (running.controller.signal.aborted) {
    const charge = watching.anyText() ? "The audio that was transcribed is charged." : "Nothing was charged.";
    announce(`Cancelled. ${charge}`);
    $("file-failure").append(h("p", { class: "muted cancelled" }, `${item.file.name}: cancelled. ${charge}`));
    return;
  }
  const again = () => {
    notice.remove();
    waiting.push({ ...item, ...afresh(item) });
    if (running) return queued();
    chosen = 1;
    next();
  };
  const notice = failure(error, again, chosen > 1 ? item.file.name : "");
  $("file-failure").append(notice);
}

/** Asked for again as it was, a file is charged once even if its answer was lost. */
function afresh(item) {
  const asked = wanted();
  return JSON.stringify(asked) === JSON.stringify(item.asked) ? {} : { asked, key: randomName() };
}

function finish() {
  const [all, several] = [made, chosen > 1];
  [made, chosen] = [[], 0];
  queued();
  stage("start");
  const here = !$("files").hidden && $("result").hidden;
  const asJobs = all.some((one) => one.queued);
  const subject = several ? count(all.length, "file") : all[0]?.name;
  if (!here && all.length) notice("done", `${subject} ${asJobs ? "sent" : "transcribed"}: see Transcripts.`);
  else if (all.length) location.hash = several || asJobs ? "#library" : `#transcript-${all[0].id}`;
  else if (here) $("file").focus();
}

/** The files that wait for their turn. */
function queued() {
  const rows = waiting.map((item) => {
    const removing = h("button", { type: "button", class: "small", "aria-label": `Remove ${item.file.name}` }, "Remove");
    removing.addEventListener("click", () => {
      waiting.splice(waiting.indexOf(item), 1);
      queued();
      $("cancel").focus();
    });
    return h("li", { class: "row" }, h("span", { class: "name grow" }, item.file.name), removing);
  });
  $("queue").hidden = !rows.length;
  $("queue").querySelector("ul").replaceChildren(...rows);
}
