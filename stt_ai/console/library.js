// The transcripts that there are: the account's jobs, and what this browser keeps. Found by title and text.

import { $, announce, ask, clock, failure, h } from "./dom.js";
import { jobRows, jobsKnown, olderJobs, refreshJobs, searchTexts } from "./jobs.js";
import { languageName } from "./languages.js";
import { owner, session } from "./session.js";
import { erase, listed } from "./store.js";

const when = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const AROUND = 60; // characters before and after what was found

let records = [];

export function startLibrary() {
  $("search").addEventListener("input", () => (draw(), $("search").value.trim() && searchTexts(draw)));
  addEventListener("jobs", () => $("library").hidden || openLibrary());
  session.addEventListener("change", () => $("library").hidden || openLibrary());
}

export async function openLibrary() {
  try {
    records = await listed(owner());
    draw();
    await refreshJobs(draw);
  } catch (error) {
    $("kept").replaceChildren(failure(error, openLibrary));
  }
}

function draw() {
  const sought = $("search").value.trim().toLowerCase();
  const shown = records.filter(({ name, body }) => `${name}\n${body.text}`.toLowerCase().includes(sought));
  const [jobs, all] = [jobRows(sought), records.length + jobsKnown()];
  section("jobs", [jobs.length > 0 && list(jobs), !sought && olderJobs(draw)], jobsKnown() && "In your account");
  const empty = all ? "No transcript has these words." : "No transcripts yet. Those you create are kept here, in this browser.";
  const none = !shown.length && !jobs.length && h("p", { class: "muted" }, empty);
  section("kept", [shown.length > 0 && list(shown.map((one) => row(one, sought))), none], jobsKnown() && shown.length && "In this browser");
  $("found").textContent = sought ? `${shown.length + jobs.length} of ${all}` : "";
}

const list = (rows) => h("ul", { class: "kept" }, ...rows);

/** Puts the parts into the element with this id, under a title if there is one. Who is at a button there stays at it. */
function section(id, parts, title) {
  const held = $(id).contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
  $(id).replaceChildren(...[title ? h("h2", {}, title) : null, ...parts].filter(Boolean));
  if (held) $(id).querySelector(`[aria-label="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
}

function row(record, sought) {
  const { id, name, at, body } = record;
  const facts = [when.format(at), clock(body.duration), body.text && languageName(body.language)].filter(Boolean);
  const removing = h("button", { type: "button", class: "small danger", "aria-label": `Erase ${name}` }, "Erase");
  removing.addEventListener("click", () => remove(record));
  return h("li", { class: "card row" },
    h("div", { class: "grow" },
      h("a", { class: "name", href: `#transcript-${id}` }, name),
      h("small", { class: "muted" }, facts.join(" · ")),
      h("p", {}, ...excerpt(body.text, sought))),
    removing);
}

/** The beginning of the text, or where it has what is sought. */
function excerpt(text, sought) {
  const place = sought ? text.toLowerCase().indexOf(sought) : -1;
  if (place < 0) return [text.slice(0, 2 * AROUND), text.length > 2 * AROUND && "…"];
  const [begin, end] = [Math.max(0, place - AROUND), place + sought.length];
  return [begin > 0 && "…", text.slice(begin, place), h("mark", {}, text.slice(place, end)), text.slice(end, end + AROUND), "…"];
}

async function remove({ id, name }) {
  const meant = await ask("Erase this transcript?", `“${name}” and its recording are removed from this browser for good.`, "Erase");
  if (!meant) return;
  await erase(id);
  announce(`${name} is erased.`);
  await openLibrary();
  $("search").focus();
}
