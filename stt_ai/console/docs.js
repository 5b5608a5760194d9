// The reference: its theme, its search, which language its examples are in, and what its forms send.

const [THEMES, THEME, LANGUAGE, KEY] = [["system", "light", "dark"], "stt-ai-theme", "stt-ai-language", "stt-ai-key"];
const $ = (id) => document.getElementById(id);

theme(THEMES.find((name) => name === localStorage.getItem(THEME)) ?? "system");
$("theme").addEventListener("click", () => theme(THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % 3]));
$("key").value = sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY) ?? "";
$("filter").addEventListener("input", filter);
for (const examples of document.querySelectorAll(".examples")) tabs(examples);
for (const button of document.querySelectorAll(".copy")) button.addEventListener("click", () => copy(button));
for (const form of document.querySelectorAll(".try form")) form.addEventListener("submit", (event) => send(event, form));
if (matchMedia("(max-width: 60rem)").matches) document.querySelector(".contents details").open = false;

function theme(name) {
  document.documentElement.dataset.theme = name;
  localStorage.setItem(THEME, name);
  $("theme").textContent = { system: "System theme", light: "Light theme", dark: "Dark theme" }[name];
}

/** Shows the operations that have every word of what is sought, and their groups. */
function filter() {
  const sought = $("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const section of document.querySelectorAll("main section")) {
    const text = section.textContent.toLowerCase();
    section.hidden = !sought.every((word) => text.includes(word));
    count += !section.hidden;
    document.querySelector(`.contents a[href="#${section.id}"]`).parentElement.hidden = section.hidden;
  }
  $("filtered").textContent = sought.length ? `${count} found` : "";
}

/** One of the languages at a time; the one that was chosen last, everywhere. */
function tabs(examples) {
  const figures = [...examples.querySelectorAll(".example")];
  const bar = document.createElement("div");
  bar.className = "tabs";
  bar.setAttribute("role", "group");
  bar.setAttribute("aria-label", "Language of the examples");
  for (const { dataset } of figures) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "small", textContent: dataset.language });
    button.addEventListener("click", () => {
      localStorage.setItem(LANGUAGE, dataset.language);
      dispatchEvent(new Event("language"));
    });
    bar.append(button);
  }
  const show = () => {
    const wanted = localStorage.getItem(LANGUAGE);
    const shown = figures.find(({ dataset }) => dataset.language === wanted) ?? figures[0];
    for (const figure of figures) figure.hidden = figure !== shown;
    for (const button of bar.children) button.setAttribute("aria-pressed", button.textContent === shown.dataset.language);
  };
  addEventListener("language", show);
  examples.prepend(bar);
  show();
}

/** With a selection, since pages over plain HTTP have no `navigator.clipboard`. */
function copy(button) {
  getSelection().selectAllChildren(button.closest("figure").querySelector("code"));
  button.textContent = document.execCommand("copy") ? "Copied" : "Not allowed";
  getSelection().removeAllRanges();
  setTimeout(() => (button.textContent = "Copy"), 1500);
}

async function send(event, form) {
  event.preventDefault();
  const { path, method } = form.dataset;
  const [place, query, body] = [[path], new URLSearchParams(), new FormData()];
  for (const field of form.elements) {
    const { name, value, files, dataset } = field;
    if (!files && dataset.in === "body" && untouched(field)) continue; // some defaults go with other fields only
    if (dataset.in === "path") place.push(place.pop().replace(`{${name}}`, encodeURIComponent(value)));
    else if (files ? files.length : value) ({ query, body })[dataset.in]?.append(name, files?.[0] ?? value);
  }
  const text = form.elements.body?.tagName === "TEXTAREA" ? form.elements.body.value : null;
  const headers = { ...(text !== null && { "Content-Type": "application/json" }), ...key() };
  const sent = method === "GET" || method === "DELETE" ? undefined : (text ?? ([...body.keys()].length ? body : undefined));
  const address = place[0].slice(1) + (query.size ? `?${query}` : "");
  show(form, "Waiting…", "");
  try {
    const answer = await fetch(address, { method, headers, body: sent });
    const content = await answer.text();
    show(form, `${answer.status} ${answer.statusText}`, pretty(content));
  } catch (error) {
    show(form, "No answer", error.message);
  }
}

const untouched = (field) =>
  field.name !== "model" && (field.tagName === "SELECT" ? field.selectedOptions[0]?.defaultSelected : field.value === field.defaultValue);

function key() {
  const given = $("key").value.trim();
  return given ? { Authorization: `Bearer ${given}` } : {};
}

function show(form, status, text) {
  const [line, code] = [document.createElement("p"), document.createElement("pre")];
  line.textContent = status;
  code.textContent = text;
  code.tabIndex = 0;
  form.querySelector(".answer").replaceChildren(line, ...(text ? [code] : []));
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
