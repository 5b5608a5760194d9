// The page: its views, its colours, and what it asks the service at the start.

import { openAccount, startAccount } from "./account.js";
import { $, announce, count, h, notice } from "./dom.js";
import { startLive } from "./live.js";
import { languageName, startResults } from "./result.js";
import { menuName, speakersNote, transcriptionNote } from "./serving.js";
import { client, filesLeft, session, signedIn } from "./session.js";
import { startUploads } from "./upload.js";

const VIEWS = ["files", "live", "account"];
const THEMES = ["system", "light", "dark"];
const THEME = "stt-ai-theme";

function show() {
  const name = location.hash.slice(1);
  if (name && !VIEWS.includes(name)) return; // the skip link's
  const chosen = name || VIEWS[0];
  for (const view of VIEWS) $(view).hidden = view !== chosen;
  for (const link of document.querySelectorAll(".top nav a")) {
    if (link.hash === `#${chosen}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${$(chosen).querySelector("h1").textContent} · STT.ai`;
  if (chosen === "account") openAccount();
}

function theme(chosen) {
  const name = { system: "as your system", light: "light", dark: "dark" }[chosen];
  document.documentElement.dataset.theme = chosen;
  $("theme").setAttribute("aria-label", `Colours: ${name}`);
  $("theme").title = `Colours: ${name}`;
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
      const tell = () => {
        const notes = [transcriptionNote(model.value, models, health.parts)];
        if (form === "wanted" && $(form).elements.speakers.value !== "none") notes.unshift(speakersNote(health.parts));
        $(note).textContent = notes.filter(Boolean).join(" ");
      };
      $(form).addEventListener("change", tell);
      tell();
    }
    const ill = health.parts.filter((part) => !part.ok).map((part) => part.name);
    notice("health", ill.length ? `Not all is well with the service: ${ill.join(", ")}.` : null);
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
  notice("offline", navigator.onLine ? null : "You are offline. What you have read stays here.");
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
show();
connection();
left();
offer();
