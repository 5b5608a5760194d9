// The page: its views, its colours, and what it asks the service at the start.

import { openAccount, startAccount } from "./account.js";
import { $, announce, count, h, notice } from "./dom.js";
import { startLive } from "./live.js";
import { languageName } from "./languages.js";
import { openLibrary, startLibrary } from "./library.js";
import { openPlans } from "./plans.js";
import { clear, open, openJob, startResults } from "./result.js";
import { menuName, speakersNote, transcriptionNote } from "./serving.js";
import { client, filesLeft, session, signedIn } from "./session.js";
import { idle, startUploads } from "./upload.js";

const VIEWS = ["files", "live", "library", "plans", "account"];
const [TRANSCRIPT, JOB] = ["transcript-", "job-"]; // and an id: a transcript by itself
const THEMES = ["system", "light", "dark"];
const THEME = "stt-ai-theme";

async function show() {
  const name = location.hash.slice(1);
  if (name.startsWith(TRANSCRIPT)) return showTranscript(name.slice(TRANSCRIPT.length));
  if (name.startsWith(JOB)) return showJob(name.slice(JOB.length));
  if (name && !VIEWS.includes(name)) return; // the skip link's
  const chosen = name || VIEWS[0];
  if (chosen === "files") {
    clear();
    stage(idle() ? "start" : "work");
  }
  turnTo(chosen, chosen);
  document.title = `${$(chosen).querySelector("h1").textContent} · STT.ai`;
  if (chosen === "account") openAccount();
  if (chosen === "library") openLibrary();
  if (chosen === "plans") openPlans();
}

async function showTranscript(id) {
  if (!(await open(id))) {
    notice("missing", "This transcript is not kept in this browser.");
    location.replace("#library");
    return;
  }
  showResult();
}

async function showJob(id) {
  try {
    await openJob(id);
    showResult();
  } catch (error) {
    notice("missing", error.message);
    location.replace("#library");
  }
}

function showResult() {
  notice("missing", null);
  stage("result");
  turnTo("files", "library");
  document.title = `${$("result-name").textContent} · STT.ai`;
  $("result-name").focus({ preventScroll: true });
  scrollTo(0, 0);
  dispatchEvent(new Event("themed")); // what is drawn needs its place on the screen
}

/** One of the three stages of the first view. */
function stage(name) {
  for (const id of ["start", "work", "result"]) $(id).hidden = id !== name;
}

/** Shows a view; `current`: the link that stands for it. */
function turnTo(chosen, current) {
  for (const view of VIEWS) $(view).hidden = view !== chosen;
  for (const link of document.querySelectorAll(".top nav a")) {
    if (link.hash === `#${current}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function theme(chosen) {
  const name = { system: "as your system", light: "light", dark: "dark" }[chosen];
  document.documentElement.dataset.theme = chosen;
  $("theme").setAttribute("aria-label", `Colors: ${name}`);
  $("theme").title = `Colors: ${name}`;
  localStorage.setItem(THEME, chosen);
  dispatchEvent(new Event("themed"));
}

function nextTheme() {
  theme(THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length]);
  announce($("theme").title);
}

async function offer() {
  try {
    const [models, languages, health] = await Promise.all([client.models(), client.languages(), client.health()]);
    for (const [form, note] of [["wanted", "serving"], ["live-wanted", "live-serving"]]) {
      const { model, language } = $(form).elements;
      fill(model, models.map((one) => [one.id, menuName(one, models)]));
      fill(language, languages.map(({ code }) => [code, languageName(code)]).sort(byName));
      const showNotes = () => {
        const notes = [transcriptionNote(model.value, models, health.parts)];
        if (form === "wanted" && $(form).elements.speakers.value !== "none") notes.unshift(speakersNote(health.parts));
        $(note).textContent = notes.filter(Boolean).join(" ");
      };
      $(form).addEventListener("change", showNotes);
      showNotes();
    }
    const ill = health.parts.filter((part) => !part.ok).map((part) => part.name);
    notice("health", ill.length ? `Some parts of the service are not working: ${ill.join(", ")}.` : null);
  } catch (error) {
    notice("health", error.message);
    addEventListener("online", offer, { once: true });
  }
}

const byName = ([, one], [, other]) => one.localeCompare(other);

const fill = (select, options) => select.append(...options.map(([value, text]) => h("option", { value }, text)));

/** How much is left, at the top of the page; nothing where it is not known. */
async function left() {
  const own = client;
  $("hint").hidden = signedIn();
  if (!signedIn()) {
    $("left").textContent = filesLeft ? `${filesLeft.remaining} of ${filesLeft.limit} left today` : "";
    return;
  }
  try {
    const { remaining, unit } = (await client.account()).allowance;
    if (own === client) $("left").textContent = `${count(remaining, unit.replace(/s$/, ""))} left`;
  } catch {
    // The account view says what is wrong with the key.
  }
}

function connection() {
  notice("offline", navigator.onLine ? null : "You are offline. Your transcripts stay here.");
}

theme(THEMES.find((name) => name === localStorage.getItem(THEME)) ?? "system");
$("theme").addEventListener("click", nextTheme);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  $("main").focus();
});
for (const name of ["online", "offline"]) addEventListener(name, connection);
session.addEventListener("change", () => ($("left").textContent = "")); // it was somebody else's
for (const name of ["change", "spent"]) session.addEventListener(name, left);
addEventListener("hashchange", show);
startResults();
startUploads();
startLive();
startAccount();
startLibrary();
show();
connection();
left();
offer();
